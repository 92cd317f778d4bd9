-- All judged receipts of the agencies that these receipts belong to, in the order that decides which one stands.
-- Grain: receipt_no.  Reads: landing.receipt, quality.judgement, staging.reading, core.submission.
select
    receipt.survey_code,
    receipt.agency_code,
    receipt.receipt_no,
    judgement.rules_version,
    judgement.reference_version,
    judgement.outcome,
    judgement.reason,
    judgement.reading_sha256,
    judgement.content_sha256,
    judgement.lines_delivered,
    judgement.lines_accepted,
    judgement.lines_rejected,
    judgement.lines_duplicate,
    judgement.warnings,
    submission.submission_id,
    judgement.reading_sha256 = coalesce(reading.reading_sha256, '') as reading_stands
from landing.receipt
inner join quality.judgement on judgement.receipt_no = receipt.receipt_no and judgement.stands
left join staging.reading on reading.receipt_no = receipt.receipt_no
left join core.submission
    on
        submission.receipt_no = judgement.receipt_no
        and submission.rules_version = judgement.rules_version
        and submission.reference_version = judgement.reference_version
        and submission.reading_sha256 = judgement.reading_sha256
where
    receipt.receipt_no = any(%(receipts)s)
    or (receipt.survey_code, receipt.agency_code) in (
        select
            asked.survey_code,
            asked.agency_code
        from landing.receipt as asked
        where asked.receipt_no = any(%(receipts)s)
    )
order by
    receipt.survey_code,
    receipt.agency_code,
    receipt.drop_date,
    receipt.modified_ns,
    receipt.original_path collate "C",
    receipt.sha256,
    receipt.receipt_no
