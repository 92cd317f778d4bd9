-- What a release leaves out, and why, added up over lines. It shows each product of its exclusions.
-- Grain: reason, product_id, unit, year.  Reads: city_order.exclusion, city_order.product.
select
    exclusion.reason,
    exclusion.product_id,
    product.product_name,
    exclusion.unit,
    exclusion.year,
    sum(exclusion.quantity) as quantity,
    count(distinct exclusion.agency_code) as agencies
from city_order.exclusion
inner join city_order.product using (release_id, product_id)
where exclusion.release_id = %(release_id)s
group by
    exclusion.reason, exclusion.product_id, product.product_name, product.okpd2_code, product.part_number,
    exclusion.unit, exclusion.year
order by
    product.okpd2_code collate "C", product.product_name collate "C", product.part_number collate "C",
    exclusion.product_id collate "C", exclusion.unit collate "C", exclusion.year, exclusion.reason collate "C"
