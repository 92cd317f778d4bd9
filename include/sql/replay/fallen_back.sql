-- Receipts that stand for the agencies of a replay, and were judged by other rules or references than today's: those
-- after them could stand no more, so an earlier one does, which the replay has not read.
-- Grain: receipt_no.  Reads: core.submission, core.replayed_receipt, landing.receipt, reference.survey.
select distinct submission.receipt_no
from core.submission
inner join reference.survey using (survey_code)
inner join landing.receipt
    on receipt.survey_code = submission.survey_code and receipt.agency_code = submission.agency_code
inner join core.replayed_receipt as replayed
    on replayed.receipt_no = receipt.receipt_no and replayed.replay_id = %(replay_id)s
where
    submission.superseded_by is null and submission.withdrawn_at is null
    and (submission.rules_version, submission.reference_version)
    <> (survey.rules_version, survey.reference_version)
order by submission.receipt_no
