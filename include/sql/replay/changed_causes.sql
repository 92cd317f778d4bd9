-- What a release changes against the one that it replaces, by cause; or, with a waiting release that replaces the same
-- one, against that. No release: the replaced one as it is. Pieces of all years.
-- Grain: cause.  Reads: city_order.release_change.
with

changed as (
    select
        product_id,
        agency_code,
        coalesce(release.cause, waiting.cause) as cause,
        coalesce(waiting.gross_after, release.gross_before) as gross_before,
        coalesce(release.gross_after, waiting.gross_before) as gross_after
    from (
        select * from city_order.release_change
        where release_id = %(release_id)s::bigint
    ) as release
    full join (
        select * from city_order.release_change
        where release_id = %(waiting_release_id)s::bigint
    ) as waiting using (product_id, unit, year, agency_code)
)

select
    cause,
    count(*) as figures,
    count(distinct product_id) as products,
    count(distinct agency_code) as agencies,
    sum(gross_before) as gross_before,
    sum(gross_after) as gross_after
from changed
where gross_before <> gross_after
group by cause
order by cause
