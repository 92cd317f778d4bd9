-- What a release counts of each line, for the products whose published figures may change; all products if none are named.
-- A line is known by what it says for a year, so that it stays the same wherever it stands, and however it is read.
-- Grain: product_id, year, agency_code, line.  Reads: city_order.inputs_of, city_order.exclusion, core.demand_line.
with

asked as (
    select
        demand_line.product_id,
        demand.year,
        input.agency_code,
        trim_scale(demand.quantity)::text as said,
        demand_line.line_position,
        demand.quantity * demand_line.pieces_per_unit as quantity,
        demand_line.pieces_per_unit as least_quantity
    from city_order.inputs_of(%(release_id)s) as input
    inner join core.demand_line using (submission_id)
    cross join lateral (
        values
        (2026, demand_line.demand_2026), (2027, demand_line.demand_2027), (2028, demand_line.demand_2028),
        (2029, demand_line.demand_2029), (2030, demand_line.demand_2030), (2031, demand_line.demand_2031),
        (2032, demand_line.demand_2032), (2033, demand_line.demand_2033), (2034, demand_line.demand_2034),
        (2035, demand_line.demand_2035)
    ) as demand (year, quantity)
    where
        demand.quantity > 0 and demand_line.pieces_per_unit is not null
        and (%(in_play)s::text[] is null or demand_line.product_id = any(%(in_play)s::text[]))
        and not exists (
            select 1 from city_order.exclusion
            where
                exclusion.release_id = %(release_id)s
                and exclusion.submission_id = demand_line.submission_id
                and exclusion.line_position = demand_line.line_position
                and exclusion.year = demand.year
        )
)

select
    product_id,
    year,
    agency_code,
    said || '#' || row_number() over (
        partition by product_id, year, agency_code, said order by line_position
    ) as line,
    quantity,
    least_quantity
from asked
order by product_id, year, agency_code, line
