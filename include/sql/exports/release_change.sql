-- What a release changes against the one that it replaces, added up over agencies, and why.
-- Grain: product_id, unit, year, cause.  Reads: city_order.release_change.
select
    product_id,
    unit,
    year,
    cause,
    sum(gross_before) as gross_before,
    sum(gross_after) as gross_after,
    count(*) as agencies
from city_order.release_change
where release_id = %(release_id)s
group by product_id, unit, year, cause
order by product_id collate "C", unit collate "C", year, cause collate "C"
