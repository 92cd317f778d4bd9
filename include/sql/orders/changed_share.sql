-- How much a release changes of the one that it replaces: pieces, order lines and amounts that differ, of all that the
-- other had. Pieces differ as they are asked for, or as stock and contracts leave them to be bought: whichever is more.
-- Empty if there was nothing to change. Only products that the release touches are compared.
-- Grain: one row.  Reads: city_order.order_line, city_order.order_line_version, city_order.release.
with

line_before as (
    select *
    from city_order.order_line
    where
        release_id = %(base_release_id)s
        and (%(touched)s::text[] is null or product_id = any(%(touched)s::text[]))
),

line_after as (
    select *
    from city_order.order_line_version
    where release_id = %(release_id)s
),

changed as (
    select
        coalesce(sum(greatest(
            abs(coalesce(line_after.gross_quantity, 0) - coalesce(line_before.gross_quantity, 0)),
            abs(coalesce(line_after.net_quantity, 0) - coalesce(line_before.net_quantity, 0))
        )), 0) as pieces,
        count(*) filter (
            where
            line_after.gross_quantity is distinct from line_before.gross_quantity
            or line_after.net_quantity is distinct from line_before.net_quantity
        ) as order_lines,
        coalesce(sum(abs(
            coalesce(line_after.amount_kopecks, 0) - coalesce(line_before.amount_kopecks, 0)
        )), 0) as amount_kopecks
    from line_before
    full join line_after using (product_id, unit, year)
),

-- A release of before there were running totals counts its order lines anew.
whole as (
    select
        sum(gross_quantity) as pieces,
        count(*) as order_lines
    from city_order.order_line
    where release_id = %(base_release_id)s
    having %(count_base)s
    union all
    select
        (
            select sum(release_total.ordered_quantity)
            from city_order.release_total
            where release_total.release_id = release.release_id
        ) as pieces,
        release.order_lines
    from city_order.release
    where release_id = %(base_release_id)s and not %(count_base)s
)

select
    round(changed.pieces / nullif(whole.pieces, 0), 6) as changed_gross_share,
    round(changed.order_lines::numeric / nullif(whole.order_lines, 0), 6) as changed_lines_share,
    round(changed.amount_kopecks / nullif(%(base_amount_kopecks)s::numeric, 0), 6) as changed_amount_share
from changed
cross join whole
