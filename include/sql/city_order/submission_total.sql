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

line as (
    select
        demand_line.*,
        case when demand_line.pieces_per_unit is null then demand_line.unit else '796' end as counted_unit,
        coalesce(demand_line.pieces_per_unit, 1) as counted_per_unit
    from new_input
    inner join core.demand_line using (submission_id)
),

-- The years stand side by side until they are added up; those outside the horizon are few.
added_up as (
    select
        submission_id,
        counted_unit,
        sum(demand_2026 * counted_per_unit) as quantity_2026,
        sum(demand_2027 * counted_per_unit) as quantity_2027,
        sum(demand_2028 * counted_per_unit) as quantity_2028,
        sum(demand_2029 * counted_per_unit) as quantity_2029,
        sum(demand_2030 * counted_per_unit) as quantity_2030,
        sum(demand_2031 * counted_per_unit) as quantity_2031,
        sum(demand_2032 * counted_per_unit) as quantity_2032,
        sum(demand_2033 * counted_per_unit) as quantity_2033,
        sum(demand_2034 * counted_per_unit) as quantity_2034,
        sum(demand_2035 * counted_per_unit) as quantity_2035
    from line
    group by submission_id, counted_unit
),

asked as (
    select
        added_up.submission_id,
        added_up.counted_unit as unit,
        demand.year,
        demand.quantity
    from added_up
    cross join lateral (
        values
        (2026, quantity_2026),
        (2027, quantity_2027),
        (2028, quantity_2028),
        (2029, quantity_2029),
        (2030, quantity_2030),
        (2031, quantity_2031),
        (2032, quantity_2032),
        (2033, quantity_2033),
        (2034, quantity_2034),
        (2035, quantity_2035)
    ) as demand (year, quantity)
    union all
    select
        line.submission_id,
        line.counted_unit as unit,
        outside.year::integer as year,
        outside.quantity::numeric * line.counted_per_unit as quantity
    from line
    cross join lateral jsonb_each_text(line.outside_horizon) as outside (year, quantity)
    where line.outside_horizon <> '{}'
)

select
    submission_id,
    unit,
    year,
    sum(quantity) as quantity
from asked
where quantity > 0
group by submission_id, unit, year
