-- How a release shows the products of these ids, and how many kWh a piece of a battery is.
-- Grain: product_id.  Reads: core.product, city_order.product.
select
    identity.product_id,
    shown.product_name,
    shown.part_number,
    shown.manufacturer,
    shown.okpd2_code,
    identity.voltage_v * identity.capacity_ah / 1000 as kwh_per_piece
from core.product as identity
left join city_order.product as shown
    on identity.product_id = shown.product_id and shown.release_id = %(release_id)s
where identity.product_id = any(%(product_ids)s::text[])
