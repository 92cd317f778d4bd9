-- Accepted demand that the order leaves out, and why: with it, the order adds up to the accepted lines.
-- Grain: submission_id, line_position, year.  Reads: city_order.release_input, core.demand_line.
with

input as (
    select
        agency_code,
        submission_id
    from city_order.release_input
    where release_id = %(release_id)s
),

line as (
    select
        input.agency_code,
        demand_line.*
    from input
    inner join core.demand_line using (submission_id)
),

-- Nothing says how many pieces the unit is, and nothing is guessed: the quantity stays in the typed unit.
no_way_to_pieces as (
    select
        'no_way_to_pieces' as reason,
        line.submission_id,
        line.line_position,
        line.agency_code,
        line.product_id,
        line.unit,
        demand.year,
        demand.quantity
    from line
    cross join lateral (
        values
        (2026, line.demand_2026), (2027, line.demand_2027), (2028, line.demand_2028), (2029, line.demand_2029),
        (2030, line.demand_2030), (2031, line.demand_2031), (2032, line.demand_2032), (2033, line.demand_2033),
        (2034, line.demand_2034), (2035, line.demand_2035)
    ) as demand (year, quantity)
    where line.pieces_per_unit is null
),

-- Asked for under a year that the survey does not ask about: in pieces, where there is a way to them.
year_outside_horizon as (
    select
        'year_outside_horizon' as reason,
        line.submission_id,
        line.line_position,
        line.agency_code,
        line.product_id,
        case when line.pieces_per_unit is null then line.unit else '796' end as unit,
        demand.year::integer as year,
        demand.quantity::numeric * coalesce(line.pieces_per_unit, 1) as quantity
    from line
    cross join lateral jsonb_each_text(line.outside_horizon) as demand (year, quantity)
),

left_out as (
    select * from no_way_to_pieces
    union all
    select * from year_outside_horizon
)

select
    %(release_id)s as release_id,
    reason,
    submission_id,
    line_position,
    agency_code,
    product_id,
    unit,
    year,
    quantity
from left_out
where quantity > 0
