-- How a release shows the products of its lines, excluded ones too. The reference's spelling comes first, then the
-- one that most lines use, then the first by bytes: so names do not depend on which answer came first.
-- Grain: product_id.  Reads: city_order.release_input, core.demand_line, core.product, reference.manufacturer,
-- reference.part.
with

input as (
    select submission_id
    from city_order.release_input
    where release_id = %(release_id)s
),

written as (
    select
        demand_line.product_id,
        demand_line.item_name,
        demand_line.part_number,
        demand_line.manufacturer,
        demand_line.okpd2_code,
        count(*) as lines
    from input
    inner join core.demand_line using (submission_id)
    group by
        demand_line.product_id, demand_line.item_name, demand_line.part_number, demand_line.manufacturer,
        demand_line.okpd2_code
),

spelling as (
    select
        written.product_id,
        cell.field,
        cell.typed,
        sum(written.lines) as lines
    from written
    cross join lateral (
        values
        ('item_name', written.item_name), ('part_number', written.part_number),
        ('manufacturer', written.manufacturer), ('okpd2_code', written.okpd2_code)
    ) as cell (field, typed)
    where cell.typed <> ''
    group by written.product_id, cell.field, cell.typed
),

usual as (
    select distinct on (product_id, field)
        product_id,
        field,
        typed
    from spelling
    order by product_id asc, field asc, lines desc, typed collate "C" asc
),

shown as (
    select
        written.product_id,
        max(usual.typed) filter (where usual.field = 'item_name') as item_name,
        max(usual.typed) filter (where usual.field = 'part_number') as part_number,
        max(usual.typed) filter (where usual.field = 'manufacturer') as manufacturer,
        max(usual.typed) filter (where usual.field = 'okpd2_code') as okpd2_code
    from (select distinct product_id from written) as written
    left join usual using (product_id)
    group by written.product_id
)

select
    %(release_id)s as release_id,
    product.product_id,
    coalesce(shown.item_name, part.part_number, shown.part_number, product.product_id) as product_name,
    case when product.matching_key is not null then coalesce(part.part_number, shown.part_number) end as part_number,
    case
        when product.manufacturer_code is not null then manufacturer.name
        when product.manufacturer_key is not null then shown.manufacturer
    end as manufacturer,
    shown.okpd2_code
from shown
inner join core.product using (product_id)
left join reference.manufacturer using (manufacturer_code)
left join reference.part
    on product.matching_key = part.matching_key and product.manufacturer_code = part.manufacturer_code
