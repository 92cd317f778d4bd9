-- What a release adds up to: what its base added up to, less what the release replaces, plus what it sets anew.
-- A release that is built whole has no base to carry on from: it adds up all that it has.
-- Grain: unit, year.  Reads: city_order.release_total, city_order.submission_total, city_order.input_change,
-- city_order.inputs_of, city_order.order_line, city_order.order_line_version, city_order.exclusion,
-- city_order.exclusion_version.
with

part as (
    select
        unit,
        year,
        accepted_quantity,
        ordered_quantity,
        excluded_quantity
    from city_order.release_total
    where release_id = %(base_release_id)s and not %(is_whole)s
    union all
    select
        total.unit,
        total.year,
        case when input.is_after then total.quantity else -total.quantity end as accepted_quantity,
        0 as ordered_quantity,
        0 as excluded_quantity
    from city_order.input_change as changed
    cross join lateral (
        values (changed.submission_before, false), (changed.submission_after, true)
    ) as input (submission_id, is_after)
    inner join city_order.submission_total as total using (submission_id)
    where changed.release_id = %(release_id)s and not %(is_whole)s
    union all
    select
        total.unit,
        total.year,
        total.quantity as accepted_quantity,
        0 as ordered_quantity,
        0 as excluded_quantity
    from city_order.inputs_of(%(release_id)s)
    inner join city_order.submission_total as total using (submission_id)
    where %(is_whole)s
    union all
    select
        unit,
        year,
        0 as accepted_quantity,
        -gross_quantity as ordered_quantity,
        0 as excluded_quantity
    from city_order.order_line
    where release_id = %(base_release_id)s and product_id = any(%(touched)s::text[])
    union all
    select
        unit,
        year,
        0 as accepted_quantity,
        gross_quantity as ordered_quantity,
        0 as excluded_quantity
    from city_order.order_line_version
    where release_id = %(release_id)s
    union all
    select
        unit,
        year,
        0 as accepted_quantity,
        0 as ordered_quantity,
        -quantity as excluded_quantity
    from city_order.exclusion
    where release_id = %(base_release_id)s and product_id = any(%(touched)s::text[])
    union all
    select
        unit,
        year,
        0 as accepted_quantity,
        0 as ordered_quantity,
        quantity as excluded_quantity
    from city_order.exclusion_version
    where release_id = %(release_id)s
),

total as (
    select
        unit,
        year,
        sum(accepted_quantity) as accepted_quantity,
        sum(ordered_quantity) as ordered_quantity,
        sum(excluded_quantity) as excluded_quantity
    from part
    group by unit, year
)

select
    %(release_id)s as release_id,
    unit,
    year,
    accepted_quantity,
    ordered_quantity,
    excluded_quantity
from total
where accepted_quantity <> 0 or ordered_quantity <> 0 or excluded_quantity <> 0
