-- Stock and contracts beyond all that an agency asks for in the years of the horizon. It is shown, and given to nobody.
-- What an agency has that asks for what those below it ask for is left to these, as its demand is.
-- Grain: agency_code, product_id, unit.  Reads: city_order.inputs_of, city_order.double_counting_version,
-- core.demand_line.
with

-- In pieces, or in the typed unit where there is no way to them: then only like is set against like.
line as (
    select
        submission_id,
        product_id,
        case when pieces_per_unit is null then unit else '796' end as unit,
        coalesce(pieces_per_unit, 1) as counted_per_unit,
        coalesce(stock, 0) + coalesce(contracted, 0) as in_hand,
        (
            coalesce(demand_2026, 0) + coalesce(demand_2027, 0) + coalesce(demand_2028, 0) + coalesce(demand_2029, 0)
            + coalesce(demand_2030, 0) + coalesce(demand_2031, 0) + coalesce(demand_2032, 0) + coalesce(demand_2033, 0)
            + coalesce(demand_2034, 0) + coalesce(demand_2035, 0)
        ) as asked
    from core.demand_line
    where
        (%(touched)s::text[] is null or product_id = any(%(touched)s::text[]))
        and submission_id in (select input.submission_id from city_order.inputs_of(%(release_id)s) as input)
        and (
            pieces_per_unit is null
            or (submission_id, product_id) not in (
                select
                    input.submission_id,
                    twice.product_id
                from city_order.double_counting_version as twice
                inner join city_order.inputs_of(%(release_id)s) as input using (agency_code)
                where twice.release_id = %(release_id)s and twice.handled = 'child_counts'
            )
        )
        -- There is a surplus only where some line has more in hand than it asks for: few have.
        and (submission_id, product_id) in (
            select
                held.submission_id,
                held.product_id
            from core.demand_line as held
            where
                (held.stock > 0 or held.contracted > 0)
                and coalesce(held.stock, 0) + coalesce(held.contracted, 0) > (
                    coalesce(held.demand_2026, 0) + coalesce(held.demand_2027, 0) + coalesce(held.demand_2028, 0)
                    + coalesce(held.demand_2029, 0) + coalesce(held.demand_2030, 0) + coalesce(held.demand_2031, 0)
                    + coalesce(held.demand_2032, 0) + coalesce(held.demand_2033, 0) + coalesce(held.demand_2034, 0)
                    + coalesce(held.demand_2035, 0)
                )
                and (%(touched)s::text[] is null or held.product_id = any(%(touched)s::text[]))
        )
),

agency_need as (
    select
        submission_id,
        product_id,
        unit,
        sum((in_hand - asked) * counted_per_unit) as surplus_quantity
    from line
    group by submission_id, product_id, unit
)

select
    %(release_id)s as release_id,
    input.agency_code,
    agency_need.product_id,
    agency_need.unit,
    agency_need.surplus_quantity
from agency_need
inner join city_order.inputs_of(%(release_id)s) as input using (submission_id)
where agency_need.surplus_quantity > 0
