-- Stock and contracts beyond all that an agency asks for in the years of the horizon. It is shown, and given to nobody.
-- What an agency has that asks for what a subordinate asks for is left to the subordinate, as its demand is.
-- Grain: agency_code, product_id, unit.  Reads: city_order.inputs_of, city_order.double_counting_version,
-- core.demand_line.
with

-- In pieces, or in the typed unit where there is no way to them: then only like is set against like.
line as (
    select
        input.agency_code,
        demand_line.product_id,
        case when demand_line.pieces_per_unit is null then demand_line.unit else '796' end as unit,
        coalesce(demand_line.pieces_per_unit, 1) as counted_per_unit,
        coalesce(demand_line.stock, 0) + coalesce(demand_line.contracted, 0) as in_hand,
        (
            coalesce(demand_2026, 0) + coalesce(demand_2027, 0) + coalesce(demand_2028, 0) + coalesce(demand_2029, 0)
            + coalesce(demand_2030, 0) + coalesce(demand_2031, 0) + coalesce(demand_2032, 0) + coalesce(demand_2033, 0)
            + coalesce(demand_2034, 0) + coalesce(demand_2035, 0)
        ) as asked
    from city_order.inputs_of(%(release_id)s) as input
    inner join core.demand_line using (submission_id)
    where
        (%(touched)s::text[] is null or demand_line.product_id = any(%(touched)s::text[]))
        and (
            demand_line.pieces_per_unit is null
            or (input.agency_code, demand_line.product_id) not in (
                select
                    twice.agency_code,
                    twice.product_id
                from city_order.double_counting_version as twice
                where twice.release_id = %(release_id)s and twice.handled = 'child_counts'
            )
        )
),

agency_need as (
    select
        agency_code,
        product_id,
        unit,
        sum((in_hand - asked) * counted_per_unit) as surplus_quantity
    from line
    group by agency_code, product_id, unit
)

select
    %(release_id)s as release_id,
    agency_code,
    product_id,
    unit,
    surplus_quantity
from agency_need
where surplus_quantity > 0
