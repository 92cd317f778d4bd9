-- The order lines of a release, readable.
-- Grain: product_id, unit, year.  Reads: city_order.order_line, city_order.product, city_order.release_year.
select
    order_line.product_id,
    product.product_name,
    product.part_number,
    product.manufacturer,
    product.okpd2_code,
    order_line.unit,
    order_line.year,
    release_year.certainty,
    order_line.gross_quantity,
    order_line.net_quantity,
    order_line.gross_energy_kwh,
    order_line.net_energy_kwh,
    order_line.amount_kopecks / 100 as amount_rub,
    order_line.priced_share,
    product.prices,
    product.price_lower_kopecks / 100 as price_lower_rub,
    product.price_median_kopecks / 100 as price_median_rub,
    product.price_upper_kopecks / 100 as price_upper_rub,
    order_line.agencies,
    order_line.lines
from city_order.order_line
inner join city_order.product using (release_id, product_id)
left join city_order.release_year
    on order_line.release_id = release_year.release_id and order_line.year = release_year.year
where order_line.release_id = %(release_id)s
order by
    product.okpd2_code collate "C", product.product_name collate "C", product.part_number collate "C",
    order_line.product_id collate "C", order_line.unit collate "C", order_line.year
