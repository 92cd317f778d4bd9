-- One agency corrects its answer: one in ten of its lines asks for more in one year, the others as before.
-- Takes %(agency_code)s.
with

before as (
    update core.submission set withdrawn_at = now()
    where agency_code = %(agency_code)s and superseded_by is null and withdrawn_at is null
    returning submission_id, receipt_no, revision
),

superseded as (
    update landing.receipt set lines_superseded = lines_accepted, lines_accepted = 0
    from before
    where receipt.receipt_no = before.receipt_no
    returning receipt.lines_superseded as lines
),

received as (
    insert into landing.receipt (
        drop_key, survey_code, agency_code, drop_date, original_path, sha256, size_bytes, modified_ns, arrived_at,
        judged_at, verdict, lines_delivered, lines_accepted
    )
    select
        'correction ' || before.submission_id, 'ecb-2026', %(agency_code)s, '2026-11-02', %(agency_code)s || '/again.xlsx',
        repeat('1', 64), 1, 2, now(), now(), 'accepted', superseded.lines, superseded.lines
    from before
    cross join superseded
    returning receipt_no, lines_accepted
),

judged as (
    insert into quality.judgement (
        receipt_no, rules_version, reference_version, stands, outcome, reason, reading_sha256, content_sha256,
        lines_delivered, lines_accepted, lines_rejected, lines_duplicate, warnings
    )
    select
        receipt_no, 'rules', 'reference', true, 'loadable', '', md5(receipt_no::text), md5(receipt_no::text),
        lines_accepted, lines_accepted, 0, 0, 0
    from received
),

landed as (
    insert into core.submission (
        survey_code, agency_code, revision, receipt_no, rules_version, reference_version, reading_sha256, content_sha256
    )
    select
        'ecb-2026', %(agency_code)s, before.revision + 1, received.receipt_no, 'rules', 'reference',
        md5(received.receipt_no::text), md5(received.receipt_no::text)
    from before
    cross join received
    returning submission_id, receipt_no
)

insert into core.demand_line
select corrected.*
from before
inner join core.demand_line as line using (submission_id)
cross join landed
cross join lateral (
    select (jsonb_populate_record(line, jsonb_build_object(
        'submission_id', landed.submission_id,
        'receipt_no', landed.receipt_no,
        'demand_2028', case when line.line_position %% 10 = 3 then coalesce(line.demand_2028, 0) + 3 else line.demand_2028 end
    ))).*
) as corrected;
