-- The changed figures of a release, those that change most first: what the agencies that changed ask for, before and after.
-- Grain: product_id, unit, year, cause.  Reads: city_order.release_change, city_order.product, city_order.release.
with

changed as (
    select
        product_id,
        unit,
        year,
        cause,
        count(*) as agencies,
        sum(gross_before) as gross_before,
        sum(gross_after) as gross_after
    from city_order.release_change
    where release_id = %(release_id)s
    group by product_id, unit, year, cause
)

select
    changed.*,
    coalesce(after.product_name, before.product_name) as product_name,
    coalesce(after.part_number, before.part_number) as part_number
from changed
inner join city_order.release on release.release_id = %(release_id)s
left join city_order.product as after
    on after.release_id = release.release_id and after.product_id = changed.product_id
left join city_order.product as before
    on before.release_id = release.replaces_release_id and before.product_id = changed.product_id
order by
    abs(changed.gross_after - changed.gross_before) desc, changed.product_id asc, changed.unit asc,
    changed.year asc, changed.cause asc
