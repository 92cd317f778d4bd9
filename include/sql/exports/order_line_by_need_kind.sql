-- The order lines of a release by kind of need.
-- Grain: product_id, unit, year, need_kind.  Reads: city_order.order_line_by_need_kind.
select
    product_id,
    unit,
    year,
    need_kind,
    gross_quantity
from city_order.order_line_by_need_kind
where release_id = %(release_id)s
order by product_id collate "C", unit collate "C", year, need_kind collate "C"
