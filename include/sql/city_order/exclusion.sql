-- Accepted demand that the order leaves out, and why: with it, the order adds up to the accepted lines.
-- Grain: submission_id, line_position, year.  Reads: city_order.inputs_of, city_order.double_counting_version,
-- core.demand_line.
with

double_counted as (
    select distinct
        input.submission_id,
        twice.product_id
    from city_order.double_counting_version as twice
    inner join city_order.inputs_of(%(release_id)s) as input using (agency_code)
    where twice.release_id = %(release_id)s and twice.handled = 'child_counts'
),

-- Few lines have something to leave out: they are looked for once.
line as materialized (
    select
        input.agency_code,
        demand_line.*,
        (demand_line.submission_id, demand_line.product_id) in (
            select
                double_counted.submission_id,
                double_counted.product_id
            from double_counted
        ) as is_double_counted
    from core.demand_line
    inner join city_order.inputs_of(%(release_id)s) as input using (submission_id)
    where
        (%(touched)s::text[] is null or demand_line.product_id = any(%(touched)s::text[]))
        and (
            demand_line.pieces_per_unit is null
            or demand_line.outside_horizon <> '{}'
            or (demand_line.submission_id, demand_line.product_id) in (
                select
                    double_counted.submission_id,
                    double_counted.product_id
                from double_counted
            )
        )
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
    where line.outside_horizon <> '{}'
),

-- What one below asks for, too, or direct subordinates in sum, every year alike.
counted_by_subordinate as (
    select
        'counted_by_subordinate' as reason,
        line.submission_id,
        line.line_position,
        line.agency_code,
        line.product_id,
        '796' as unit,
        demand.year,
        demand.quantity * line.pieces_per_unit as quantity
    from line
    cross join lateral (
        values
        (2026, line.demand_2026), (2027, line.demand_2027), (2028, line.demand_2028), (2029, line.demand_2029),
        (2030, line.demand_2030), (2031, line.demand_2031), (2032, line.demand_2032), (2033, line.demand_2033),
        (2034, line.demand_2034), (2035, line.demand_2035)
    ) as demand (year, quantity)
    where line.is_double_counted and line.pieces_per_unit is not null
),

left_out as (
    select * from no_way_to_pieces
    union all
    select * from year_outside_horizon
    union all
    select * from counted_by_subordinate
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
