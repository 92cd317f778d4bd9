-- What a release leaves out, and why, added up over lines.
-- Grain: reason, product_id, unit, year.  Reads: city_order.exclusion, core.demand_line.
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
where exclusion.release_id = %(release_id)s
group by exclusion.reason, exclusion.product_id, exclusion.unit, exclusion.year
order by exclusion.reason collate "C", exclusion.product_id collate "C", exclusion.unit collate "C", exclusion.year
