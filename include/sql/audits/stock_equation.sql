-- Law 3: what agencies have in stock and under contract = what it takes off the order + the surplus, by product. Where a
-- subordinate's demand counts for its parent's, so does what the subordinate has.
with

line as (
    select
        demand_line.product_id,
        (coalesce(demand_line.stock, 0) + coalesce(demand_line.contracted, 0)) * demand_line.pieces_per_unit as in_hand
    from city_order.inputs_of(%(release_id)s) as input
    inner join core.demand_line using (submission_id)
    where
        demand_line.pieces_per_unit is not null
        and (%(touched)s::text[] is null or demand_line.product_id = any(%(touched)s::text[]))
        and (input.agency_code, demand_line.product_id) not in (
            select
                twice.agency_code,
                twice.product_id
            from city_order.double_counting as twice
            where twice.release_id = %(release_id)s and twice.handled = 'child_counts'
        )
),

in_hand as (
    select
        product_id,
        sum(in_hand) as quantity
    from line
    group by product_id
),

taken_off as (
    select
        product_id,
        sum(gross_quantity - net_quantity) as quantity
    from city_order.order_line
    where
        release_id = %(release_id)s
        and (%(touched)s::text[] is null or product_id = any(%(touched)s::text[]))
    group by product_id
),

left_over as (
    select
        product_id,
        sum(surplus_quantity) as quantity
    from city_order.surplus
    where
        release_id = %(release_id)s and unit = '796'
        and (%(touched)s::text[] is null or product_id = any(%(touched)s::text[]))
    group by product_id
)

select
    product_id,
    coalesce(in_hand.quantity, 0) as in_hand_quantity,
    coalesce(taken_off.quantity, 0) as taken_off_quantity,
    coalesce(left_over.quantity, 0) as surplus_quantity
from in_hand
full join taken_off using (product_id)
full join left_over using (product_id)
where coalesce(in_hand.quantity, 0) <> coalesce(taken_off.quantity, 0) + coalesce(left_over.quantity, 0)
order by product_id
