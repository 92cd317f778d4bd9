-- The receipts of a batch whose file is not refused, each beside the last answer of its agency: what stands of it, or of its
-- predecessors, in the last survey of the programme that they answered.
-- Grain: receipt_no.  Reads: staging.batch_receipt, landing.receipt, reference.survey, reference.agency_version, core.submission.
with recursive

compared as (
    select
        receipt.receipt_no,
        receipt.survey_code,
        receipt.agency_code,
        survey.programme,
        survey.closes_date,
        survey.reference_as_of_date,
        reading.nil_return and reading.lines_delivered = 0 as is_nil_return,
        row_number() over (
            partition by receipt.survey_code, receipt.agency_code
            order by
                receipt.drop_date desc, receipt.modified_ns desc, receipt.original_path collate "C" desc,
                receipt.sha256 desc, receipt.receipt_no desc
        ) = 1 as is_last_of_agency
    from staging.batch_receipt
    inner join landing.receipt on receipt.receipt_no = batch_receipt.receipt_no
    inner join staging.reading on reading.receipt_no = receipt.receipt_no
    inner join reference.survey on survey.survey_code = receipt.survey_code
    where
        batch_receipt.batch_id = %(batch_id)s
        and not exists (
            select 1 from staging.violation
            where
                violation.batch_id = batch_receipt.batch_id and violation.receipt_no = receipt.receipt_no
                and violation.line_position is null and violation.severity = 'E'
        )
),

-- An agency answers for those that were merged into it, and for what it was before it was renamed.
heir as (
    select distinct
        compared.agency_code,
        compared.agency_code as predecessor_code
    from compared
    union
    select
        heir.agency_code,
        agency_version.agency_code as predecessor_code
    from heir
    inner join reference.agency_version on agency_version.successor_code = heir.predecessor_code
),

horizon as (
    select
        survey_year.survey_code,
        array_agg(survey_year.year order by survey_year.year) as years
    from reference.survey_year
    group by survey_year.survey_code
)

select
    compared.*,
    horizon.years,
    before.survey_code as survey_before,
    before.submission_ids,
    horizon_before.years as years_before,
    array(
        select asked.year from unnest(horizon.years) as asked (year)
        where asked.year = any(horizon_before.years)
        order by asked.year
    ) as years_of_both
from compared
inner join horizon on horizon.survey_code = compared.survey_code
left join lateral (
    select
        survey.survey_code,
        array_agg(submission.submission_id order by submission.submission_id) as submission_ids
    from reference.survey
    inner join heir on heir.agency_code = compared.agency_code
    inner join core.submission
        on submission.survey_code = survey.survey_code and submission.agency_code = heir.predecessor_code
    where
        survey.programme = compared.programme and survey.closes_date < compared.closes_date
        and submission.superseded_by is null and submission.withdrawn_at is null
    group by survey.survey_code
    order by survey.closes_date desc, survey.survey_code desc
    limit 1
) as before on true
left join horizon as horizon_before on horizon_before.survey_code = before.survey_code
