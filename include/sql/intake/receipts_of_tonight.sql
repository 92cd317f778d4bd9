-- What a night that receives has to process: receipts without a verdict, and quarantined ones whose survey or agency is
-- known by now. The largest first.
-- Grain: receipt_no.  Reads: landing.receipt, reference.survey, reference.agency_version.
select
    receipt_no,
    size_bytes
from landing.receipt
where
    verdict is null
    or (
        verdict = 'quarantined' and reason in ('unknown_survey', 'unknown_agency')
        and exists (
            select 1 from reference.survey
            where survey.survey_code = receipt.survey_code
        )
        and exists (
            select 1 from reference.agency_version
            where agency_version.agency_code = receipt.agency_code
        )
    )
order by size_bytes desc, receipt_no asc
