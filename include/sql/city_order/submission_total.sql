-- What each submission asks for in all, for those that no release has used before.
-- Grain: submission_id, unit, year.  Reads: city_order.inputs_of, core.demand_line.
with

new_input as (
    select input.submission_id
    from city_order.inputs_of(%(release_id)s) as input
    where not exists (
        select 1 from city_order.submission_total
        where submission_total.submission_id = input.submission_id
    )
),

-- The years stand side by side until they are added up. Submission by submission: a night has few new ones.
added_up as (
    select
        new_input.submission_id,
        case when line.pieces_per_unit is null then line.unit else '796' end as counted_unit,
        coalesce(line.pieces_per_unit, 1) as counted_per_unit,
        line.demand_2026,
        line.demand_2027,
        line.demand_2028,
        line.demand_2029,
        line.demand_2030,
        line.demand_2031,
        line.demand_2032,
        line.demand_2033,
        line.demand_2034,
        line.demand_2035
    from new_input
    cross join lateral (
        select
            demand_line.unit,
            demand_line.pieces_per_unit,
            sum(demand_line.demand_2026) as demand_2026,
            sum(demand_line.demand_2027) as demand_2027,
            sum(demand_line.demand_2028) as demand_2028,
            sum(demand_line.demand_2029) as demand_2029,
            sum(demand_line.demand_2030) as demand_2030,
            sum(demand_line.demand_2031) as demand_2031,
            sum(demand_line.demand_2032) as demand_2032,
            sum(demand_line.demand_2033) as demand_2033,
            sum(demand_line.demand_2034) as demand_2034,
            sum(demand_line.demand_2035) as demand_2035
        from core.demand_line
        where demand_line.submission_id = new_input.submission_id
        group by demand_line.unit, demand_line.pieces_per_unit
    ) as line
),

-- What was asked for under years that the survey does not ask about: few lines.
added_up_outside as (
    select
        new_input.submission_id,
        case when line.pieces_per_unit is null then line.unit else '796' end as counted_unit,
        coalesce(line.pieces_per_unit, 1) as counted_per_unit,
        line.year,
        line.quantity
    from new_input
    cross join lateral (
        select
            demand_line.unit,
            demand_line.pieces_per_unit,
            outside.year::integer as year,
            sum(outside.quantity::numeric) as quantity
        from core.demand_line
        cross join lateral jsonb_each_text(demand_line.outside_horizon) as outside (year, quantity)
        where demand_line.submission_id = new_input.submission_id and demand_line.outside_horizon <> '{}'
        group by demand_line.unit, demand_line.pieces_per_unit, outside.year
    ) as line
),

asked as (
    select
        added_up.submission_id,
        added_up.counted_unit as unit,
        demand.year,
        demand.quantity * added_up.counted_per_unit as quantity
    from added_up
    cross join lateral (
        values
        (2026, added_up.demand_2026),
        (2027, added_up.demand_2027),
        (2028, added_up.demand_2028),
        (2029, added_up.demand_2029),
        (2030, added_up.demand_2030),
        (2031, added_up.demand_2031),
        (2032, added_up.demand_2032),
        (2033, added_up.demand_2033),
        (2034, added_up.demand_2034),
        (2035, added_up.demand_2035)
    ) as demand (year, quantity)
    union all
    select
        submission_id,
        counted_unit as unit,
        year,
        quantity * counted_per_unit as quantity
    from added_up_outside
)

select
    submission_id,
    unit,
    year,
    sum(quantity) as quantity
from asked
where quantity > 0
group by submission_id, unit, year
