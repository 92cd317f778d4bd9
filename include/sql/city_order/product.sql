-- How a release shows the products of its lines, excluded ones too. The reference's spelling comes first, then the
-- one that most lines use, then the first by bytes: so names do not depend on which answer came first.
-- And what one piece costs: quartiles, never the lowest or highest price, which would be somebody's.
-- Grain: product_id.  Reads: city_order.inputs_of, city_order.double_counting_version, core.demand_line, core.product,
-- reference.manufacturer_as_loaded, reference.part_as_loaded.
with

written as (
    select
        demand_line.product_id,
        demand_line.item_name,
        demand_line.part_number,
        demand_line.manufacturer,
        demand_line.okpd2_code,
        count(*) as lines
    from core.demand_line
    where
        (%(touched)s::text[] is null or demand_line.product_id = any(%(touched)s::text[]))
        and demand_line.submission_id in (
            select input.submission_id from city_order.inputs_of(%(release_id)s) as input
        )
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
),

-- Only lines that ask for something and count. Of an even number of prices the lower middle one is the median: exact.
price as (
    select
        demand_line.product_id,
        count(*) as prices,
        percentile_disc(array[0.25, 0.5, 0.75]) within group (
            order by round(demand_line.unit_price_rub * 100 / demand_line.pieces_per_unit, 4)
        ) as quartiles
    from core.demand_line
    where
        demand_line.pieces_per_unit is not null and demand_line.unit_price_rub is not null
        and greatest(
            demand_line.demand_2026, demand_line.demand_2027, demand_line.demand_2028, demand_line.demand_2029,
            demand_line.demand_2030, demand_line.demand_2031, demand_line.demand_2032, demand_line.demand_2033,
            demand_line.demand_2034, demand_line.demand_2035
        ) > 0
        and (%(touched)s::text[] is null or demand_line.product_id = any(%(touched)s::text[]))
        and demand_line.submission_id in (
            select input.submission_id from city_order.inputs_of(%(release_id)s) as input
        )
        and (demand_line.submission_id, demand_line.product_id) not in (
            select
                input.submission_id,
                twice.product_id
            from city_order.double_counting_version as twice
            inner join city_order.inputs_of(%(release_id)s) as input using (agency_code)
            where twice.release_id = %(release_id)s and twice.handled = 'child_counts'
        )
    group by demand_line.product_id
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
    shown.okpd2_code,
    coalesce(price.prices, 0) as prices,
    price.quartiles[1] as price_lower_kopecks,
    price.quartiles[2] as price_median_kopecks,
    price.quartiles[3] as price_upper_kopecks,
    round((price.quartiles[3] - price.quartiles[1]) / nullif(price.quartiles[2], 0), 4) as price_spread
from shown
inner join core.product using (product_id)
left join price using (product_id)
left join reference.manufacturer_as_loaded as manufacturer
    on
        product.manufacturer_code = manufacturer.manufacturer_code
        and manufacturer.from_load_no <= %(reference_load_no)s
        and coalesce(manufacturer.until_load_no > %(reference_load_no)s, true)
left join reference.part_as_loaded as part
    on
        product.matching_key = part.matching_key and product.manufacturer_code = part.manufacturer_code
        and part.from_load_no <= %(reference_load_no)s and coalesce(part.until_load_no > %(reference_load_no)s, true)
