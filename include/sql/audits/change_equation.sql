-- Law 7: a release says for each changed figure why: what its order lines differ by from those of the release replaced =
-- the sum of its changes, each with a cause; and none is without an agency unless the models are others. Of kinds of need
-- it adds up nothing: what one loses another wins.
-- A release that is older than changes of net quantity and amount is not held to it.
with

audited as (
    select
        release.release_id,
        release.replaces_release_id,
        release.sql_version = base.sql_version and release.rolled_back_to_release_id is null as has_the_same_models
    from city_order.release
    inner join city_order.release as base on release.replaces_release_id = base.release_id
    where release.release_id = %(release_id)s and release.tells_every_change
),

line as (
    select
        line.product_id,
        line.unit,
        line.year,
        line.gross_quantity,
        line.net_quantity,
        coalesce(line.amount_kopecks, 0) as amount_kopecks
    from audited
    inner join city_order.order_line as line using (release_id)
    where (%(touched)s::text[] is null or line.product_id = any(%(touched)s::text[]))
    union all
    select
        line.product_id,
        line.unit,
        line.year,
        -line.gross_quantity as gross_quantity,
        -line.net_quantity as net_quantity,
        -coalesce(line.amount_kopecks, 0) as amount_kopecks
    from audited
    inner join city_order.order_line as line on audited.replaces_release_id = line.release_id
    where (%(touched)s::text[] is null or line.product_id = any(%(touched)s::text[]))
),

differing as (
    select
        product_id,
        unit,
        year,
        sum(gross_quantity) as gross_quantity,
        sum(net_quantity) as net_quantity,
        sum(amount_kopecks) as amount_kopecks
    from line
    group by product_id, unit, year
),

told as (
    select
        change.product_id,
        change.unit,
        change.year,
        sum(change.gross_after - change.gross_before) as gross_quantity,
        sum(change.net_after - change.net_before) as net_quantity,
        sum(coalesce(change.amount_after_kopecks, 0) - coalesce(change.amount_before_kopecks, 0)) as amount_kopecks,
        bool_or(change.agency_code is null and audited.has_the_same_models) as has_a_change_of_nobody
    from audited
    inner join city_order.release_change as change using (release_id)
    group by change.product_id, change.unit, change.year
)

select
    product_id,
    unit,
    year,
    coalesce(differing.gross_quantity, 0) as gross_quantity,
    coalesce(told.gross_quantity, 0) as told_gross_quantity,
    coalesce(differing.net_quantity, 0) as net_quantity,
    coalesce(told.net_quantity, 0) as told_net_quantity,
    coalesce(differing.amount_kopecks, 0) as amount_kopecks,
    coalesce(told.amount_kopecks, 0) as told_amount_kopecks,
    coalesce(told.has_a_change_of_nobody, false) as has_a_change_of_nobody
from differing
full join told using (product_id, unit, year)
where
    coalesce(differing.gross_quantity, 0) <> coalesce(told.gross_quantity, 0)
    or coalesce(differing.net_quantity, 0) <> coalesce(told.net_quantity, 0)
    or coalesce(differing.amount_kopecks, 0) <> coalesce(told.amount_kopecks, 0)
    or told.has_a_change_of_nobody
order by product_id, unit, year
