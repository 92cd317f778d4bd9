-- Receipts of a batch whose survey has other rules or references by now: another run judges them by those.
-- Grain: receipt_no.  Reads: landing.receipt, reference.survey.
select receipt.receipt_no
from jsonb_to_recordset(%(judged)s) as judged (receipt_no bigint, rules_version text, reference_version text)
inner join landing.receipt on receipt.receipt_no = judged.receipt_no
left join reference.survey on survey.survey_code = receipt.survey_code
where
    (judged.rules_version, judged.reference_version)
    <> (coalesce(survey.rules_version, ''), coalesce(survey.reference_version, ''))
