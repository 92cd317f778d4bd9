-- Two answers of 1 and 207 items have little in common, even if the one is among the 207: it replaces them all.

drop view core.little_in_common;

create view core.little_in_common as
with

pair as (
    select
        submission.survey_code,
        submission.agency_code,
        submission.submission_id,
        submission.receipt_no,
        replaced.submission_id as replaced_submission_id,
        replaced.receipt_no as replaced_receipt_no
    from core.submission
    inner join core.submission as replaced
        on replaced.superseded_by = submission.submission_id and replaced.receipt_no <> submission.receipt_no
    where submission.superseded_by is null and submission.withdrawn_at is null
),

item as (
    select
        pair.submission_id,
        pair.replaced_submission_id,
        line.product_id,
        bool_or(line.submission_id = pair.submission_id) as asked_now,
        bool_or(line.submission_id = pair.replaced_submission_id) as asked_before
    from pair
    inner join core.demand_line as line on line.submission_id in (pair.submission_id, pair.replaced_submission_id)
    where
        greatest(
            line.demand_2026, line.demand_2027, line.demand_2028, line.demand_2029, line.demand_2030,
            line.demand_2031, line.demand_2032, line.demand_2033, line.demand_2034, line.demand_2035
        ) > 0
    group by pair.submission_id, pair.replaced_submission_id, line.product_id
)

select
    pair.survey_code,
    pair.agency_code,
    pair.receipt_no,
    pair.replaced_receipt_no,
    count(*) filter (where item.asked_now) as items,
    count(*) filter (where item.asked_now and item.asked_before) as shared_items,
    count(*) filter (where item.asked_before) as replaced_items
from pair
inner join item
    on item.submission_id = pair.submission_id and item.replaced_submission_id = pair.replaced_submission_id
group by pair.survey_code, pair.agency_code, pair.receipt_no, pair.replaced_receipt_no
having
    count(*) filter (where item.asked_now and item.asked_before)
    < 0.2 * greatest(count(*) filter (where item.asked_now), count(*) filter (where item.asked_before))
    and bool_or(item.asked_now) and bool_or(item.asked_before);
comment on view core.little_in_common is
'Standing submissions whose items are under a fifth the same as those of the submission that they replaced, counted by
the larger of the two: perhaps one part of an answer, sent as a file of its own. A person should look. Grain:
receipt_no, replaced_receipt_no.';

grant select on core.little_in_common to city_order_ingest, city_order_builder, city_order_analyst;
