-- Cells that ask for another product after a replay than before it, by both products: merged if others ask for the new
-- one or several become one, split if others still ask for the old one or one becomes several.
-- Grain: product_before, product_after.  Reads: core.replayed_receipt, core.replay, core.submission, core.demand_line,
-- core.product, reference.part, reference.manufacturer.
with

submission_pair as (
    select
        replayed.submission_before,
        replayed.submission_after
    from core.replayed_receipt as replayed
    where replayed.replay_id = %(replay_id)s and replayed.submission_before <> replayed.submission_after
),

moved as (
    select
        before.product_id as product_before,
        after.product_id as product_after,
        -- As it is typed, where no reference has a better name.
        min(nullif(before.part_number, '') collate "C") as part_number,
        min(nullif(before.manufacturer, '') collate "C") as manufacturer,
        count(*) as lines,
        count(distinct before_submission.agency_code) as agencies
    from submission_pair
    inner join core.submission as before_submission
        on before_submission.submission_id = submission_pair.submission_before
    inner join core.demand_line as before on before.submission_id = submission_pair.submission_before
    inner join core.demand_line as after
        on
            after.submission_id = submission_pair.submission_after
            and after.member = before.member and after.sheet = before.sheet and after.row_number = before.row_number
    where before.product_id <> after.product_id
    group by before.product_id, after.product_id
),

-- What counted before, and what counts after: of the replay's receipts as it found and left them, of others as they are.
counted as (
    select
        replayed.submission_before as submission_id,
        false as is_after
    from core.replayed_receipt as replayed
    where replayed.replay_id = %(replay_id)s and replayed.submission_before is not null
    union all
    select
        replayed.submission_after as submission_id,
        true as is_after
    from core.replayed_receipt as replayed
    where replayed.replay_id = %(replay_id)s and replayed.submission_after is not null
    union all
    select
        submission.submission_id,
        side.is_after
    from core.replay
    inner join core.submission using (survey_code)
    cross join (values (false), (true)) as side (is_after)
    where
        replay.replay_id = %(replay_id)s
        and submission.superseded_by is null and submission.withdrawn_at is null
        and submission.receipt_no not in (
            select replayed.receipt_no from core.replayed_receipt as replayed
            where replayed.replay_id = %(replay_id)s
        )
),

asked as (
    select distinct
        counted.is_after,
        demand_line.product_id
    from counted
    inner join core.demand_line using (submission_id)
    where
        exists (select 1 from moved)
        and demand_line.product_id in (
            select moved.product_before from moved
            union all
            select moved.product_after from moved
        )
),

named as (
    select
        product.product_id,
        product.matching_key is not null as is_part,
        part.part_number,
        case
            when product.manufacturer_code is null and product.manufacturer_key is null then 'manufacturer not stated'
            else manufacturer.name
        end as manufacturer,
        case
            when product.chemistry is null then concat_ws(', ', product.name_key, product.okpd2_code)
            else concat_ws(
                ' ', product.chemistry, product.voltage_v || ' V', product.capacity_ah || ' Ah', product.battery_use
            )
        end as generic_name
    from core.product
    left join reference.manufacturer using (manufacturer_code)
    left join reference.part
        on part.matching_key = product.matching_key and part.manufacturer_code = product.manufacturer_code
)

select
    moved.product_before,
    moved.product_after,
    case
        when former.is_part
            then concat_ws(
                ', ', coalesce(former.part_number, moved.part_number),
                coalesce(former.manufacturer, moved.manufacturer)
            )
        else former.generic_name
    end as name_before,
    case
        when latter.is_part
            then concat_ws(
                ', ', coalesce(latter.part_number, moved.part_number),
                coalesce(latter.manufacturer, moved.manufacturer)
            )
        else latter.generic_name
    end as name_after,
    moved.lines,
    moved.agencies,
    asked_before.product_id is not null
    or count(*) over (partition by moved.product_after) > 1 as is_merged,
    asked_after.product_id is not null
    or count(*) over (partition by moved.product_before) > 1 as is_split
from moved
left join asked as asked_before on not asked_before.is_after and asked_before.product_id = moved.product_after
left join asked as asked_after on asked_after.is_after and asked_after.product_id = moved.product_before
inner join named as former on former.product_id = moved.product_before
inner join named as latter on latter.product_id = moved.product_after
order by moved.lines desc, moved.product_before asc, moved.product_after asc
