-- The changed figures of a release, those that change most first: what the agencies that changed ask for, before and after.
-- Before: in the release that it replaces; or, with a waiting release that replaces the same one, in that. No release:
-- the replaced one as it is.
-- Grain: product_id, unit, year, cause.  Reads: city_order.release_change, city_order.product.
with

figure as (
    select
        product_id,
        unit,
        year,
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
),

changed as (
    select
        product_id,
        unit,
        year,
        cause,
        count(agency_code) as agencies,
        sum(gross_before) as gross_before,
        sum(gross_after) as gross_after,
        sum(net_before) as net_before,
        sum(net_after) as net_after,
        coalesce(sum(amount_before), 0) as amount_before_kopecks,
        coalesce(sum(amount_after), 0) as amount_after_kopecks
    from figure
    where
        gross_before <> gross_after or net_before <> net_after or amount_before is distinct from amount_after
        or other_kind_quantity > 0
    group by product_id, unit, year, cause
)

select
    changed.*,
    coalesce(after.product_name, before.product_name, replaced.product_name) as product_name,
    coalesce(after.part_number, before.part_number, replaced.part_number) as part_number
from changed
left join city_order.product as after
    on after.release_id = %(release_id)s::bigint and after.product_id = changed.product_id
left join city_order.product as before
    on before.release_id = %(waiting_release_id)s::bigint and before.product_id = changed.product_id
left join city_order.product as replaced
    on replaced.release_id = %(replaces_release_id)s::bigint and replaced.product_id = changed.product_id
order by
    abs(changed.gross_after - changed.gross_before) desc,
    abs(changed.net_after - changed.net_before) desc,
    abs(changed.amount_after_kopecks - changed.amount_before_kopecks) desc,
    changed.product_id asc, changed.unit asc, changed.year asc, changed.cause asc
