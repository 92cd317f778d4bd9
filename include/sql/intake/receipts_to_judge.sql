-- Receipts that need a judgement, with what decides whether they can be checked at all: of those asked for, the ones
-- that have none under the survey's present rules and references, or whose reading changed, or that were quarantined;
-- and of the same agencies' other receipts those that now do, or no longer do, repeat the receipt before them.
-- Grain: receipt_no.  Reads: landing.receipt, staging.reading, reference.survey, reference.agency, quality.judgement.
with

requested as (
    select unnest(%(receipts)s::bigint[]) as receipt_no
),

neighbour as (
    select
        receipt.receipt_no,
        reading.content_sha256 = lag(reading.content_sha256) over in_order as repeats_previous
    from landing.receipt
    left join staging.reading on reading.receipt_no = receipt.receipt_no
    where
        (receipt.survey_code, receipt.agency_code) in (
            select
                asked.survey_code,
                asked.agency_code
            from requested
            inner join landing.receipt as asked using (receipt_no)
        )
    window
        in_order as (
            partition by receipt.survey_code, receipt.agency_code
            order by
                receipt.drop_date, receipt.modified_ns, receipt.original_path collate "C", receipt.sha256, receipt.receipt_no
        )
)

select
    receipt.receipt_no,
    receipt.agency_code is not null as placed,
    survey.survey_code is not null as survey_known,
    agency.agency_code is not null as agency_known,
    survey.programme,
    survey.rules_as_of_date,
    coalesce(survey.rules_version, '') as rules_version,
    coalesce(survey.reference_version, '') as reference_version,
    reading.outcome as reading_outcome,
    reading.reason as reading_reason,
    coalesce(reading.reading_sha256, '') as reading_sha256,
    reading.content_sha256,
    coalesce(reading.lines_delivered, 0) as lines_delivered
from landing.receipt
left join requested on requested.receipt_no = receipt.receipt_no
left join neighbour on neighbour.receipt_no = receipt.receipt_no
left join reference.survey on survey.survey_code = receipt.survey_code
left join reference.agency on agency.agency_code = receipt.agency_code
left join staging.reading on reading.receipt_no = receipt.receipt_no
left join quality.judgement on judgement.receipt_no = receipt.receipt_no and judgement.stands
where
    -- Without an index-friendly way in, a night would read every receipt there ever was.
    receipt.receipt_no in (select requested.receipt_no from requested
    union
    select neighbour.receipt_no from neighbour)
    and (
        (
            requested.receipt_no is not null
            and (
                judgement.receipt_no is null
                or judgement.outcome = 'quarantined'
                or judgement.reading_sha256 <> coalesce(reading.reading_sha256, '')
                or (judgement.rules_version, judgement.reference_version)
                <> (coalesce(survey.rules_version, ''), coalesce(survey.reference_version, ''))
            )
        )
        or (
            judgement.outcome = 'loadable'
            and coalesce(neighbour.repeats_previous, false) <> exists (
                select 1 from quality.finding
                where
                    finding.receipt_no = judgement.receipt_no
                    and finding.rules_version = judgement.rules_version
                    and finding.reference_version = judgement.reference_version
                    and finding.rule_id = 'F03'
            )
        )
    )
order by receipt.receipt_no
