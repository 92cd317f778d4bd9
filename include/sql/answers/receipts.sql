-- What a protocol says of a receipt. Its lines are those of the judgement: what later receipts supersede is no part of
-- the answer. Survey and agency are codes of the reference tables, never the names of the drop's folders.
-- Grain: receipt_no.  Reads: landing.receipt, quality.judgement, staging.reading, reference.survey, reference.agency.
select
    receipt.receipt_no,
    receipt.verdict,
    receipt.reason,
    receipt.original_path,
    receipt.arrived_at,
    receipt.answer_path,
    receipt.answer_sha256,
    receipt.answer_csv_sha256,
    receipt.answer_json_sha256,
    receipt.answer_facts_sha256,
    receipt.sha256,
    coalesce(survey.survey_code, '') as survey_code,
    coalesce(survey.title, '') as survey_title,
    survey.closes_date,
    coalesce(agency.agency_code, '') as agency_code,
    coalesce(agency_version.name, '') as agency_name,
    coalesce(reading.reason, '') as reading_reason,
    coalesce(reading.format, '') as format,
    coalesce(reading.encoding, '') as encoding,
    coalesce(reading.encoding_ground, '') as encoding_ground,
    coalesce(reading.outcome = 'read', false) as was_read,
    coalesce(reading.tables, '[]') as tables,
    coalesce(reading.nil_return, false) as nil_return,
    coalesce(reading.rows_seen, 0) as rows_seen,
    coalesce(reading.rows_recognised, 0) as rows_recognised,
    case
        when receipt.verdict in ('quarantined', 'rejected', 'duplicate') then 0 else judgement.lines_accepted
    end as lines_accepted,
    case
        when receipt.verdict in ('quarantined', 'rejected') then receipt.lines_delivered
        when receipt.verdict = 'duplicate' then 0
        else judgement.lines_rejected
    end as lines_rejected,
    case
        when receipt.verdict in ('quarantined', 'rejected') then 0
        when receipt.verdict = 'duplicate' then receipt.lines_delivered
        else judgement.lines_duplicate
    end as lines_duplicate,
    repeated.receipt_no as repeats_receipt_no,
    repeated.arrived_at as repeats_arrived_at
from landing.receipt
left join quality.judgement on judgement.receipt_no = receipt.receipt_no and judgement.stands
left join staging.reading on reading.receipt_no = receipt.receipt_no
left join reference.survey on survey.survey_code = receipt.survey_code
left join reference.agency on agency.agency_code = receipt.agency_code
left join lateral (
    select name
    from reference.agency_version
    where agency_version.agency_code = agency.agency_code
    order by valid_from <= coalesce(survey.reference_as_of_date, receipt.drop_date) desc, valid_from desc
    limit 1
) as agency_version on true
left join core.submission on submission.submission_id = receipt.repeats_submission_id
left join landing.receipt as repeated on repeated.receipt_no = submission.receipt_no
where receipt.receipt_no = any(%(receipts)s) and receipt.verdict is not null
order by receipt.receipt_no
