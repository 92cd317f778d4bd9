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
        and agencies <= (
            select count(*) from city_order.release_input
            where release_input.release_id = %(release_id)s
        ) as rest_is_right
    from city_order.order_line
    where release_id = %(release_id)s
    union all
    select
        'exclusion' as table_name,
        concat_ws(' ', submission_id, line_position, year) as key,
        quantity,
        true as rest_is_right
    from city_order.exclusion
    where release_id = %(release_id)s
    union all
    select
        'surplus' as table_name,
        concat_ws(' ', agency_code, product_id, unit) as key,
        surplus_quantity as quantity,
        true as rest_is_right
    from city_order.surplus
    where release_id = %(release_id)s
)

select
    table_name,
    key,
    quantity,
    rest_is_right
from figure
where not (quantity > 0 and quantity < 'Infinity' and rest_is_right)
order by table_name, key
