-- What a release changes against the one that it replaces, added up over agencies, and why.
-- A product that the release has no more is called as the release replaced calls it.
-- Grain: product_id, unit, year, cause.  Reads: city_order.release, city_order.release_change, city_order.product.
with

changed as (
    select
        product_id,
        unit,
        year,
        cause,
        sum(gross_before) as gross_before,
        sum(gross_after) as gross_after,
        sum(net_before) as net_before,
        sum(net_after) as net_after,
        sum(amount_before_kopecks) / 100 as amount_before_rub,
        sum(amount_after_kopecks) / 100 as amount_after_rub,
        sum(other_kind_quantity) as other_kind_quantity,
        count(agency_code) as changed_agencies
    from city_order.release_change
    where release_id = %(release_id)s
    group by product_id, unit, year, cause
)

select
    changed.product_id,
    coalesce(product.product_name, before.product_name) as product_name,
    coalesce(product.part_number, before.part_number) as part_number,
    coalesce(product.manufacturer, before.manufacturer) as manufacturer,
    changed.unit,
    changed.year,
    changed.cause,
    changed.gross_before,
    changed.gross_after,
    changed.net_before,
    changed.net_after,
    changed.amount_before_rub,
    changed.amount_after_rub,
    changed.other_kind_quantity,
    changed.changed_agencies
from changed
inner join city_order.release on release.release_id = %(release_id)s
left join city_order.product
    on release.release_id = product.release_id and changed.product_id = product.product_id
left join city_order.product as before
    on
        release.replaces_release_id = before.release_id and changed.product_id = before.product_id
        and product.product_id is null
order by
    coalesce(product.okpd2_code, before.okpd2_code) collate "C",
    coalesce(product.product_name, before.product_name) collate "C",
    coalesce(product.part_number, before.part_number) collate "C",
    changed.product_id collate "C", changed.unit collate "C", changed.year, changed.cause collate "C"
