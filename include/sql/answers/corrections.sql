-- What each revision changes against the one before it, in the order of the receipts: items that it shares, and items
-- that leave the order. An item is a product with demand above zero.
-- Grain: receipt_no.  Reads: landing.receipt, quality.judgement, core.submission, core.demand_line.
with

revision as not materialized (
    select
submission.submission_id,
receipt.*
    from landing.receipt
    inner join quality.judgement using (receipt_no)
    inner join core.submission using (receipt_no, rules_version, reference_version, reading_sha256)
    where judgement.stands and receipt.verdict <> 'duplicate'
),

pair as (
    select
        revision.receipt_no,
        revision.submission_id,
        replaced.submission_id as replaced_submission_id,
        replaced.receipt_no as replaced_receipt_no,
        replaced.arrived_at as replaced_arrived_at
    from revision
    cross join lateral (
        select earlier.*
        from revision as earlier
        where
            earlier.survey_code = revision.survey_code and earlier.agency_code = revision.agency_code
            and (
                earlier.drop_date, earlier.modified_ns, earlier.original_path collate "C",
                earlier.sha256, earlier.receipt_no
            ) < (
                revision.drop_date, revision.modified_ns, revision.original_path collate "C",
                revision.sha256, revision.receipt_no
            )
        order by
            earlier.drop_date desc, earlier.modified_ns desc, earlier.original_path collate "C" desc,
            earlier.sha256 desc, earlier.receipt_no desc
        limit 1
    ) as replaced
    where revision.receipt_no = any(%(receipts)s)
),

item as (
    select
        pair.receipt_no,
        line.product_id,
        min(line.line_position) as line_position,
        bool_or(line.submission_id = pair.submission_id) as asked_now,
        bool_or(line.submission_id = pair.replaced_submission_id) as asked_before,
        (array_agg(concat_ws(
            ', ', line.item_name, line.part_number, line.manufacturer,
            replace(trim_scale(line.voltage_v)::text, '.', ',') || ' В',
            replace(trim_scale(line.capacity_ah)::text, '.', ',') || ' А·ч'
        ) order by line.line_position))[1] as label
    from pair
    inner join core.demand_line as line on line.submission_id in (pair.submission_id, pair.replaced_submission_id)
    where
        greatest(
            line.demand_2026, line.demand_2027, line.demand_2028, line.demand_2029, line.demand_2030,
            line.demand_2031, line.demand_2032, line.demand_2033, line.demand_2034, line.demand_2035
        ) > 0
    group by pair.receipt_no, line.product_id
),

ranked as (
    select
        item.*,
        row_number() over (partition by receipt_no, asked_now order by line_position, product_id) as place
    from item
)

select
    pair.receipt_no,
    pair.replaced_receipt_no,
    pair.replaced_arrived_at,
    count(*) filter (where ranked.asked_now) as items,
    count(*) filter (where ranked.asked_now and ranked.asked_before) as shared,
    count(*) filter (where not ranked.asked_now) as leaving,
    coalesce(
        array_agg(ranked.label order by ranked.place)
        filter (where not ranked.asked_now and ranked.place <= %(items_shown)s),
        '{}'
    ) as leaving_items
from pair
left join ranked on ranked.receipt_no = pair.receipt_no
group by pair.receipt_no, pair.replaced_receipt_no, pair.replaced_arrived_at
