-- The names of known parts, their other names too.
-- Grain: key, manufacturer_code, matching_key.  Reads: reference.part, reference.part_alias.
select
    part.matching_key as key,
    part.part_number as spelled,
    part.manufacturer_code,
    part.matching_key,
    part.part_number
from reference.part
union all
select
    part_alias.alias_key as key,
    part_alias.alias as spelled,
    part_alias.manufacturer_code,
    part_alias.matching_key,
    part.part_number
from reference.part_alias
inner join reference.part using (matching_key, manufacturer_code)
order by 1, 3, 4
