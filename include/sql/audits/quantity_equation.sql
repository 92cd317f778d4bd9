-- Law 3: what the accepted lines ask for = the order + the listed exclusions, by unit and year, and the order is the same
-- by kind of need. It counts the lines of the products that the release sets anew, and shares no step with the models.
with

line as not materialized (
    select
        demand_line.*,
        case when demand_line.pieces_per_unit is null then demand_line.unit else '796' end as counted_unit,
        coalesce(demand_line.pieces_per_unit, 1) as counted_per_unit
    from core.demand_line
    where
        (%(touched)s::text[] is null or demand_line.product_id = any(%(touched)s::text[]))
        and demand_line.submission_id in (
            select input.submission_id from city_order.inputs_of(%(release_id)s) as input
        )
),

typed as (
    select
        demand.year,
        line.counted_unit as unit,
        sum(demand.quantity * line.counted_per_unit) as quantity
    from line
    cross join lateral jsonb_each_text(line.outside_horizon) as outside (year, quantity)
    cross join lateral (values (outside.year::integer, outside.quantity::numeric)) as demand (year, quantity)
    where line.outside_horizon <> '{}'
    group by demand.year, line.counted_unit
    union all
    select
        demand.year,
        by_unit.counted_unit as unit,
        demand.quantity
    from (
        select
            counted_unit,
            sum(demand_2026) * counted_per_unit as demand_2026,
            sum(demand_2027) * counted_per_unit as demand_2027,
            sum(demand_2028) * counted_per_unit as demand_2028,
            sum(demand_2029) * counted_per_unit as demand_2029,
            sum(demand_2030) * counted_per_unit as demand_2030,
            sum(demand_2031) * counted_per_unit as demand_2031,
            sum(demand_2032) * counted_per_unit as demand_2032,
            sum(demand_2033) * counted_per_unit as demand_2033,
            sum(demand_2034) * counted_per_unit as demand_2034,
            sum(demand_2035) * counted_per_unit as demand_2035
        from line
        group by counted_unit, counted_per_unit
    ) as by_unit
    cross join lateral (
        values
        (2026, by_unit.demand_2026), (2027, by_unit.demand_2027), (2028, by_unit.demand_2028),
        (2029, by_unit.demand_2029), (2030, by_unit.demand_2030), (2031, by_unit.demand_2031),
        (2032, by_unit.demand_2032), (2033, by_unit.demand_2033), (2034, by_unit.demand_2034),
        (2035, by_unit.demand_2035)
    ) as demand (year, quantity)
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
    where
        release_id = %(release_id)s
        and (%(touched)s::text[] is null or product_id = any(%(touched)s::text[]))
    group by unit, year
),

by_need_kind as (
    select
        unit,
        year,
        sum(gross_quantity) as quantity
    from city_order.order_line_by_need_kind
    where
        release_id = %(release_id)s
        and (%(touched)s::text[] is null or product_id = any(%(touched)s::text[]))
    group by unit, year
),

excluded as (
    select
        unit,
        year,
        sum(quantity) as quantity
    from city_order.exclusion
    where
        release_id = %(release_id)s
        and (%(touched)s::text[] is null or product_id = any(%(touched)s::text[]))
    group by unit, year
)

select
    unit,
    year,
    coalesce(accepted.quantity, 0) as accepted_quantity,
    coalesce(ordered.quantity, 0) as ordered_quantity,
    coalesce(excluded.quantity, 0) as excluded_quantity,
    coalesce(by_need_kind.quantity, 0) as quantity_by_need_kind
from accepted
full join ordered using (unit, year)
full join excluded using (unit, year)
full join by_need_kind using (unit, year)
where
    coalesce(accepted.quantity, 0) <> coalesce(ordered.quantity, 0) + coalesce(excluded.quantity, 0)
    or coalesce(ordered.quantity, 0) <> coalesce(by_need_kind.quantity, 0)
order by unit, year
