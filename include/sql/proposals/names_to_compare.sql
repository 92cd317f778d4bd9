-- Names that nobody knows and that were not compared with what is known now, with the spelling that most lines use.
-- Grain: kind, typed_key, typed_manufacturer_code.  Reads: core.unknown_name, core.compared_name, core.product,
-- core.demand_line.
with

name as (
    select
        unknown.kind,
        unknown.typed_key,
        unknown.typed_manufacturer_code
    from core.unknown_name as unknown
    left join core.compared_name as compared using (kind, typed_key, typed_manufacturer_code)
    where compared.known_version is distinct from %(known_version)s
),

asked as (
    select
        name.kind,
        name.typed_key,
        name.typed_manufacturer_code,
        line.part_number as typed
    from name
    inner join core.product
        on
            name.typed_key = product.matching_key
            and name.typed_manufacturer_code = coalesce(product.manufacturer_code, '')
            and product.manufacturer_key is null
    inner join core.demand_line as line using (product_id)
    where name.kind = 'part'
    union all
    select
        name.kind,
        name.typed_key,
        name.typed_manufacturer_code,
        line.manufacturer as typed
    from name
    inner join core.product on name.typed_key = product.manufacturer_key
    inner join core.demand_line as line using (product_id)
    where name.kind = 'manufacturer'
)

select
    kind,
    typed_key,
    typed_manufacturer_code,
    -- Of spellings that are used as often, the first by bytes.
    mode() within group (order by typed collate "C") as typed_name
from asked
group by kind, typed_key, typed_manufacturer_code
order by kind collate "C" asc, typed_manufacturer_code collate "C" asc, typed_key collate "C" asc
