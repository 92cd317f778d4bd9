-- What the city needs of each product, year by year, by the kind of need that the lines state.
-- Grain: product_id, unit, year, need_kind.  Reads: city_order.inputs_of, city_order.double_counting_version,
-- core.demand_line.
with

-- Sorted in a narrow copy, as in order_line: so it takes no more memory for more products.
line as materialized (
    select
        product_id,
        coalesce(need_kind, 'not_stated') as need_kind,
        pieces_per_unit,
        demand_2026,
        demand_2027,
        demand_2028,
        demand_2029,
        demand_2030,
        demand_2031,
        demand_2032,
        demand_2033,
        demand_2034,
        demand_2035
    from core.demand_line
    where
        pieces_per_unit is not null
        and (%(touched)s::text[] is null or product_id = any(%(touched)s::text[]))
        and submission_id in (select input.submission_id from city_order.inputs_of(%(release_id)s) as input)
        and (submission_id, product_id) not in (
            select
                input.submission_id,
                twice.product_id
            from city_order.double_counting_version as twice
            inner join city_order.inputs_of(%(release_id)s) as input using (agency_code)
            where twice.release_id = %(release_id)s and twice.handled = 'child_counts'
        )
    order by product_id, coalesce(need_kind, 'not_stated')
),

city_need as (
    select
        product_id,
        need_kind,
        sum(demand_2026 * pieces_per_unit) as gross_2026,
        sum(demand_2027 * pieces_per_unit) as gross_2027,
        sum(demand_2028 * pieces_per_unit) as gross_2028,
        sum(demand_2029 * pieces_per_unit) as gross_2029,
        sum(demand_2030 * pieces_per_unit) as gross_2030,
        sum(demand_2031 * pieces_per_unit) as gross_2031,
        sum(demand_2032 * pieces_per_unit) as gross_2032,
        sum(demand_2033 * pieces_per_unit) as gross_2033,
        sum(demand_2034 * pieces_per_unit) as gross_2034,
        sum(demand_2035 * pieces_per_unit) as gross_2035
    from line
    group by product_id, need_kind
)

select
    %(release_id)s as release_id,
    city_need.product_id,
    '796' as unit,
    need.year,
    city_need.need_kind,
    need.gross_quantity
from city_need
cross join lateral (
    values
    (2026, gross_2026),
    (2027, gross_2027),
    (2028, gross_2028),
    (2029, gross_2029),
    (2030, gross_2030),
    (2031, gross_2031),
    (2032, gross_2032),
    (2033, gross_2033),
    (2034, gross_2034),
    (2035, gross_2035)
) as need (year, gross_quantity)
where need.gross_quantity > 0
