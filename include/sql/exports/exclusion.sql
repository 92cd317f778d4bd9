-- What a release leaves out, and why, added up over lines.
-- Grain: reason, product_id, unit, year.  Reads: city_order.exclusion, city_order.product, core.demand_line.
select
    exclusion.reason,
    exclusion.product_id,
    min(demand_line.item_name collate "C") as product_name,
    exclusion.unit,
    exclusion.year,
    sum(exclusion.quantity) as quantity,
    count(distinct exclusion.agency_code) as agencies
from city_order.exclusion
inner join core.demand_line using (submission_id, line_position)
left join city_order.product
    on exclusion.release_id = product.release_id and exclusion.product_id = product.product_id
where exclusion.release_id = %(release_id)s
group by exclusion.reason, exclusion.product_id, exclusion.unit, exclusion.year
order by
    min(product.okpd2_code collate "C"), min(product.product_name collate "C"), min(product.part_number collate "C"),
    exclusion.product_id collate "C", exclusion.unit collate "C", exclusion.year, exclusion.reason collate "C"
