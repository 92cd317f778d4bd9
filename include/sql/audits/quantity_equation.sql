-- Law 3: what the accepted lines ask for = the order + the listed exclusions, by unit and year.
-- It counts the lines anew, unpivoted first, and shares no step with the models.
with

typed as (
    select
        case when line.pieces_per_unit is null then line.unit else '796' end as unit,
        demand.year,
        demand.quantity * coalesce(line.pieces_per_unit, 1) as quantity
    from city_order.release_input
    inner join core.demand_line as line using (submission_id)
    cross join lateral (
        values
        (2026, line.demand_2026), (2027, line.demand_2027), (2028, line.demand_2028), (2029, line.demand_2029),
        (2030, line.demand_2030), (2031, line.demand_2031), (2032, line.demand_2032), (2033, line.demand_2033),
        (2034, line.demand_2034), (2035, line.demand_2035)
        union all
        select
            outside.year::integer,
            outside.quantity::numeric
        from jsonb_each_text(line.outside_horizon) as outside (year, quantity)
    ) as demand (year, quantity)
    where release_input.release_id = %(release_id)s and demand.quantity <> 0
),

accepted as (
    select
        unit,
        year,
        sum(quantity) as quantity
    from typed
    group by unit, year
),

ordered as (
    select
        unit,
        year,
        sum(gross_quantity) as quantity
    from city_order.order_line
    where release_id = %(release_id)s
    group by unit, year
),

excluded as (
    select
        unit,
        year,
        sum(quantity) as quantity
    from city_order.exclusion
    where release_id = %(release_id)s
    group by unit, year
)

select
    unit,
    year,
    coalesce(accepted.quantity, 0) as accepted_quantity,
    coalesce(ordered.quantity, 0) as ordered_quantity,
    coalesce(excluded.quantity, 0) as excluded_quantity
from accepted
full join ordered using (unit, year)
full join excluded using (unit, year)
where coalesce(accepted.quantity, 0) <> coalesce(ordered.quantity, 0) + coalesce(excluded.quantity, 0)
order by unit, year
