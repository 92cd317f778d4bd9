-- What a release changes against the one that it replaces, by cause; or, with a waiting release that replaces the same
-- one, against that. No release: the replaced one as it is. Pieces and kopecks of all years.
-- Grain: cause.  Reads: city_order.release_change.
with

changed as (
    select
        product_id,
        coalesce(release.agency_code, waiting.agency_code) as agency_code,
        coalesce(release.cause, waiting.cause) as cause,
        coalesce(waiting.gross_after, release.gross_before) as gross_before,
        coalesce(release.gross_after, waiting.gross_before) as gross_after,
        coalesce(waiting.net_after, release.net_before) as net_before,
        coalesce(release.net_after, waiting.net_before) as net_after,
        greatest(release.other_kind_quantity, waiting.other_kind_quantity) as other_kind_quantity,
        case when waiting.cause is null then release.amount_before_kopecks else waiting.amount_after_kopecks end
            as amount_before,
        case when release.cause is null then waiting.amount_before_kopecks else release.amount_after_kopecks end
            as amount_after
    from (
        select
            *,
            coalesce(agency_code, '') as whose
        from city_order.release_change
        where release_id = %(release_id)s::bigint
    ) as release
    full join (
        select
            *,
            coalesce(agency_code, '') as whose
        from city_order.release_change
        where release_id = %(waiting_release_id)s::bigint
    ) as waiting using (product_id, unit, year, whose)
)

select
    cause,
    count(*) as figures,
    count(distinct product_id) as products,
    count(distinct agency_code) as agencies,
    sum(gross_before) as gross_before,
    sum(gross_after) as gross_after,
    sum(net_before) as net_before,
    sum(net_after) as net_after,
    coalesce(sum(amount_before), 0) as amount_before_kopecks,
    coalesce(sum(amount_after), 0) as amount_after_kopecks
from changed
where
    gross_before <> gross_after or net_before <> net_after or amount_before is distinct from amount_after
    or other_kind_quantity > 0
group by cause
order by cause
