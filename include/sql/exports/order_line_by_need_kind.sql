-- The order lines of a release by kind of need, readable.
-- Grain: product_id, unit, year, need_kind.  Reads: city_order.order_line_by_need_kind, city_order.product.
select
    need.product_id,
    product.product_name,
    product.part_number,
    product.manufacturer,
    need.unit,
    need.year,
    need.need_kind,
    need.gross_quantity
from city_order.order_line_by_need_kind as need
inner join city_order.product using (release_id, product_id)
where need.release_id = %(release_id)s
order by
    product.okpd2_code collate "C", product.product_name collate "C", product.part_number collate "C",
    need.product_id collate "C", need.unit collate "C", need.year, need.need_kind collate "C"
