-- Receipts that need a judgement, with what decides whether they can be checked at all. Of those asked for: the ones that
-- have none under the survey's present rules and references, or whose reading changed, or whose refusal may have lost its
-- ground (quarantined, not on the roster). Of the same agencies' other receipts: those whose reading changed since, as
-- an interrupted run leaves them.
-- Grain: receipt_no.  Reads: landing.receipt, staging.reading, reference.survey, reference.agency_version, quality.judgement.
with

requested as (
    select unnest(%(receipts)s::bigint[]) as receipt_no
),

concerned as (
    select
        requested.receipt_no,
        true as is_requested
    from requested
    union
    select
        other.receipt_no,
        false as is_requested
    from requested
    inner join landing.receipt as asked on asked.receipt_no = requested.receipt_no
    inner join landing.receipt as other
        on other.survey_code = asked.survey_code and other.agency_code = asked.agency_code
    where other.receipt_no not in (select requested.receipt_no from requested)
)

select
    receipt.receipt_no,
    receipt.agency_code is not null as placed,
    survey.survey_code is not null as survey_known,
    exists(
        select 1 from reference.agency_version
        where agency_version.agency_code = receipt.agency_code
    ) as agency_known,
    survey.programme,
    survey.rules_as_of_date,
    survey.thresholds,
    coalesce(survey.rules_version, '') as rules_version,
    coalesce(survey.reference_version, '') as reference_version,
    reading.outcome as reading_outcome,
    reading.reason as reading_reason,
    coalesce(reading.reading_sha256, '') as reading_sha256,
    reading.content_sha256,
    coalesce(reading.lines_delivered, 0) as lines_delivered
from concerned
inner join landing.receipt on receipt.receipt_no = concerned.receipt_no
left join reference.survey on survey.survey_code = receipt.survey_code
left join staging.reading on reading.receipt_no = receipt.receipt_no
left join quality.judgement on judgement.receipt_no = receipt.receipt_no and judgement.stands
where
    judgement.reading_sha256 <> coalesce(reading.reading_sha256, '')
    or (
        concerned.is_requested
        and (
            judgement.receipt_no is null
            or judgement.outcome = 'quarantined'
            -- The roster is in no version: an agency that joined it is heard, one that left it is not.
            or (
                (strpos(judgement.reason, 'F07') > 0 or judgement.outcome = 'loadable')
                and (strpos(judgement.reason, 'F07') > 0) = exists (
                    select 1 from reference.roster
                    where roster.survey_code = receipt.survey_code and roster.agency_code = receipt.agency_code
                )
            )
            or (judgement.rules_version, judgement.reference_version)
            <> (coalesce(survey.rules_version, ''), coalesce(survey.reference_version, ''))
        )
    )
order by receipt.receipt_no
