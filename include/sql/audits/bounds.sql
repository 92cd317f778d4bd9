-- Law 5: nothing is guessed: every figure is a finite number within its bounds, and no agency is counted that is no input.
with

figure as (
    select
        'order_line' as table_name,
        concat_ws(' ', product_id, unit, year) as key,
        gross_quantity as quantity,
        net_quantity between 0 and gross_quantity
        and coalesce(gross_energy_kwh >= 0 and gross_energy_kwh < 'Infinity', true)
        and coalesce(net_energy_kwh between 0 and gross_energy_kwh, gross_energy_kwh is null)
        and coalesce(amount_kopecks >= 0 and amount_kopecks < 'Infinity', true)
        and priced_share between 0 and 1
        and (amount_kopecks is null) = (priced_share = 0)
        and agencies between 1 and lines
        and agencies <= (select count(*) from city_order.inputs_of(%(release_id)s)) as rest_is_right
    from city_order.order_line
    where
        release_id = %(release_id)s
        and (%(touched)s::text[] is null or product_id = any(%(touched)s::text[]))
    union all
    select
        'order_line_by_need_kind' as table_name,
        concat_ws(' ', product_id, unit, year, need_kind) as key,
        gross_quantity as quantity,
        true as rest_is_right
    from city_order.order_line_by_need_kind
    where
        release_id = %(release_id)s
        and (%(touched)s::text[] is null or product_id = any(%(touched)s::text[]))
    union all
    select
        'product' as table_name,
        product_id as key,
        prices as quantity,
        price_lower_kopecks between 0 and price_median_kopecks
        and price_upper_kopecks >= price_median_kopecks and price_upper_kopecks < 'Infinity'
        and coalesce(price_spread >= 0 and price_spread < 'Infinity', price_median_kopecks = 0) as rest_is_right
    from city_order.product
    where
        release_id = %(release_id)s and prices > 0
        and (%(touched)s::text[] is null or product_id = any(%(touched)s::text[]))
    union all
    select
        'exclusion' as table_name,
        concat_ws(' ', submission_id, line_position, year) as key,
        quantity,
        true as rest_is_right
    from city_order.exclusion
    where
        release_id = %(release_id)s
        and (%(touched)s::text[] is null or product_id = any(%(touched)s::text[]))
    union all
    select
        'surplus' as table_name,
        concat_ws(' ', agency_code, product_id, unit) as key,
        surplus_quantity as quantity,
        true as rest_is_right
    from city_order.surplus
    where
        release_id = %(release_id)s
        and (%(touched)s::text[] is null or product_id = any(%(touched)s::text[]))
)

select
    table_name,
    key,
    quantity,
    rest_is_right
from figure
where (quantity > 0 and quantity < 'Infinity' and rest_is_right) is not true
order by table_name, key
