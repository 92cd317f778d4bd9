-- Part numbers that nobody knows, compared now or earlier, of these manufacturers; blank: none was stated.
-- Grain: typed_key, typed_manufacturer_code.  Reads: core.compared_name, core.unknown_name.
select
    compared.typed_key,
    compared.typed_manufacturer_code,
    compared.typed_name
from core.compared_name as compared
inner join core.unknown_name using (kind, typed_key, typed_manufacturer_code)
where compared.kind = 'part' and compared.typed_manufacturer_code = any(%(manufacturer_codes)s)
order by 1, 2
