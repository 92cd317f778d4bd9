-- What a release changes most, by cause: pieces and amount of a product over all years and agencies. What follows from
-- changed models alone has no agency.
-- A product that the release has no more is called as the release replaced calls it.
-- Grain: cause, product_id.  Reads: city_order.release, city_order.release_change, city_order.product.
with

changed as (
    select
        cause,
        product_id,
        count(distinct agency_code) as agencies,
        sum(gross_before) as gross_before,
        sum(gross_after) as gross_after,
        coalesce(sum(amount_before_kopecks), 0) as amount_before_kopecks,
        coalesce(sum(amount_after_kopecks), 0) as amount_after_kopecks,
        sum(abs(gross_after - gross_before)) as pieces,
        sum(abs(coalesce(amount_after_kopecks, 0) - coalesce(amount_before_kopecks, 0))) as kopecks
    from city_order.release_change
    where release_id = %(release_id)s
    group by cause, product_id
),

-- How much of all that changes: of pieces or of the amount, whichever is more.
weighed as (
    select
        *,
        greatest(
            pieces / nullif(sum(pieces) over (), 0), kopecks / nullif(sum(kopecks) over (), 0), 0
        ) as weight
    from changed
),

placed as (
    select
        *,
        row_number() over (partition by cause order by weight desc, product_id asc) as place,
        count(*) over (partition by cause) as products,
        sum(pieces) over (partition by cause) as pieces_of_cause,
        sum(kopecks) over (partition by cause) as kopecks_of_cause,
        sum(weight) over (partition by cause) as weight_of_cause
    from weighed
)

select
    placed.cause,
    placed.products,
    placed.pieces_of_cause as pieces,
    placed.kopecks_of_cause as kopecks,
    coalesce(product.product_name, before.product_name) as product_name,
    coalesce(product.part_number, before.part_number) as part_number,
    coalesce(product.manufacturer, before.manufacturer) as manufacturer,
    placed.agencies,
    placed.gross_before,
    placed.gross_after,
    placed.amount_before_kopecks,
    placed.amount_after_kopecks
from placed
inner join city_order.release on release.release_id = %(release_id)s
left join city_order.product
    on release.release_id = product.release_id and placed.product_id = product.product_id
left join city_order.product as before
    on
        release.replaces_release_id = before.release_id and placed.product_id = before.product_id
        and product.product_id is null
where placed.place <= %(shown)s
order by placed.weight_of_cause desc, placed.cause asc, placed.place asc
