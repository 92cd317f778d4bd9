-- Law 7: a release is whole: each of its rows has one key, shows a product of the release and comes from its inputs,
-- an exclusion from a line that is there.
with

row_of_release as (
    select
        'order_line' as table_name,
        product_id,
        null as agency_code,
        null::bigint as submission_id,
        null::integer as line_position,
        concat_ws(' ', product_id, unit, year) as key
    from city_order.order_line
    where
        release_id = %(release_id)s
        and (%(touched)s::text[] is null or product_id = any(%(touched)s::text[]))
    union all
    select
        'exclusion' as table_name,
        product_id,
        agency_code,
        submission_id,
        line_position,
        concat_ws(' ', submission_id, line_position, year) as key
    from city_order.exclusion
    where
        release_id = %(release_id)s
        and (%(touched)s::text[] is null or product_id = any(%(touched)s::text[]))
    union all
    select
        'surplus' as table_name,
        product_id,
        agency_code,
        null::bigint as submission_id,
        null::integer as line_position,
        concat_ws(' ', agency_code, product_id, unit) as key
    from city_order.surplus
    where
        release_id = %(release_id)s
        and (%(touched)s::text[] is null or product_id = any(%(touched)s::text[]))
    union all
    select
        'order_line_by_need_kind' as table_name,
        product_id,
        null as agency_code,
        null::bigint as submission_id,
        null::integer as line_position,
        concat_ws(' ', product_id, unit, year, need_kind) as key
    from city_order.order_line_by_need_kind
    where
        release_id = %(release_id)s
        and (%(touched)s::text[] is null or product_id = any(%(touched)s::text[]))
    union all
    select
        'double_counting' as table_name,
        product_id,
        agency_code,
        null::bigint as submission_id,
        null::integer as line_position,
        concat_ws(' ', product_id, agency_code, subordinate_code, year) as key
    from city_order.double_counting
    where
        release_id = %(release_id)s
        and (%(touched)s::text[] is null or product_id = any(%(touched)s::text[]))
),

shown as (
    select product_id
    from city_order.product
    where
        release_id = %(release_id)s
        and (%(touched)s::text[] is null or product_id = any(%(touched)s::text[]))
),

input as (
    select
        agency_code,
        submission_id
    from city_order.inputs_of(%(release_id)s)
),

looked_up as (
    select
        row_of_release.table_name,
        row_of_release.key,
        count(*) over (partition by row_of_release.table_name, row_of_release.key) as rows_of_key,
        row_of_release.product_id in (select shown.product_id from shown) as product_is_shown,
        case
            when row_of_release.agency_code is null then true
            when row_of_release.submission_id is null
                then row_of_release.agency_code in (select input.agency_code from input)
            else
                (row_of_release.agency_code, row_of_release.submission_id)
                in (
                    select
                        input.agency_code,
                        input.submission_id
                    from input
                )
        end as comes_from_input,
        row_of_release.submission_id is null or exists (
            select 1 from core.demand_line
            where
                demand_line.submission_id = row_of_release.submission_id
                and demand_line.line_position = row_of_release.line_position
        ) as line_is_there
    from row_of_release
)

select
    table_name,
    key,
    rows_of_key,
    product_is_shown,
    comes_from_input,
    line_is_there
from looked_up
where rows_of_key > 1 or not product_is_shown or not comes_from_input or not line_is_there
order by table_name, key
