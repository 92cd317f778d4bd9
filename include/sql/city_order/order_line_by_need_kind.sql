-- What the city needs of each product, year by year, by the kind of need that the lines state.
-- Grain: product_id, unit, year, need_kind.  Reads: city_order.inputs_of, city_order.double_counting_version,
-- core.demand_line.
with

city_need as (
    select
        demand_line.product_id,
        coalesce(demand_line.need_kind, 'not_stated') as need_kind,
        sum(demand_line.demand_2026 * demand_line.pieces_per_unit) as gross_2026,
        sum(demand_line.demand_2027 * demand_line.pieces_per_unit) as gross_2027,
        sum(demand_line.demand_2028 * demand_line.pieces_per_unit) as gross_2028,
        sum(demand_line.demand_2029 * demand_line.pieces_per_unit) as gross_2029,
        sum(demand_line.demand_2030 * demand_line.pieces_per_unit) as gross_2030,
        sum(demand_line.demand_2031 * demand_line.pieces_per_unit) as gross_2031,
        sum(demand_line.demand_2032 * demand_line.pieces_per_unit) as gross_2032,
        sum(demand_line.demand_2033 * demand_line.pieces_per_unit) as gross_2033,
        sum(demand_line.demand_2034 * demand_line.pieces_per_unit) as gross_2034,
        sum(demand_line.demand_2035 * demand_line.pieces_per_unit) as gross_2035
    from city_order.inputs_of(%(release_id)s) as input
    inner join core.demand_line using (submission_id)
    where
        demand_line.pieces_per_unit is not null
        and (%(touched)s::text[] is null or demand_line.product_id = any(%(touched)s::text[]))
        and (input.agency_code, demand_line.product_id) not in (
            select
                twice.agency_code,
                twice.product_id
            from city_order.double_counting_version as twice
            where twice.release_id = %(release_id)s and twice.handled = 'child_counts'
        )
    group by demand_line.product_id, coalesce(demand_line.need_kind, 'not_stated')
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
