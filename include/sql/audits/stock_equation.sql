-- Law 3: what agencies have in stock and under contract = what it takes off the order + the surplus, by product.
with

line as (
    select
        demand_line.product_id,
        (coalesce(demand_line.stock, 0) + coalesce(demand_line.contracted, 0)) * demand_line.pieces_per_unit as in_hand
    from city_order.release_input
    inner join core.demand_line using (submission_id)
    where release_input.release_id = %(release_id)s and demand_line.pieces_per_unit is not null
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
    where release_id = %(release_id)s
    group by product_id
),

left_over as (
    select
        product_id,
        sum(surplus_quantity) as quantity
    from city_order.surplus
    where release_id = %(release_id)s and unit = '796'
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
