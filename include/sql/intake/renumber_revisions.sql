-- Numbers the submissions of the agencies concerned in the order of their receipts; touches only those that change.
with

concerned as (
    select distinct
        receipt.survey_code,
        receipt.agency_code
    from landing.receipt
    where receipt.receipt_no = any(%(receipts)s)
),

numbered as (
    select
        submission.submission_id,
        row_number() over (
            partition by submission.survey_code, submission.agency_code
            order by
                receipt.drop_date, receipt.modified_ns, receipt.original_path collate "C", receipt.sha256,
                receipt.receipt_no, submission.submission_id
        ) as revision
    from core.submission
    inner join concerned using (survey_code, agency_code)
    inner join landing.receipt on receipt.receipt_no = submission.receipt_no
)

update core.submission
set revision = numbered.revision
from numbered
where submission.submission_id = numbered.submission_id and submission.revision <> numbered.revision
