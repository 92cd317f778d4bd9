-- What a release changes against the one that it replaces, by cause. Pieces of all years.
-- Grain: cause.  Reads: city_order.release_change.
select
    cause,
    count(*) as figures,
    count(distinct product_id) as products,
    count(distinct agency_code) as agencies,
    sum(gross_before) as gross_before,
    sum(gross_after) as gross_after
from city_order.release_change
where release_id = %(release_id)s
group by cause
order by cause
