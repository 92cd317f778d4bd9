-- Receipts of a replay that end otherwise than before, or of which other rules tell.
-- Grain: receipt_no.  Reads: core.replayed_receipt, landing.receipt.
select
    replayed.receipt_no,
    receipt.agency_code,
    replayed.verdict_before,
    replayed.verdict_after,
    replayed.lines_accepted_before,
    replayed.lines_accepted_after,
    replayed.submission_before is not null as stood_before,
    replayed.submission_after is not null as stands_after,
    replayed.findings_before,
    replayed.findings_after
from core.replayed_receipt as replayed
inner join landing.receipt using (receipt_no)
where
    replayed.replay_id = %(replay_id)s and replayed.findings_after is not null
    and (
        replayed.verdict_before, replayed.findings_before, replayed.submission_before is null,
        replayed.lines_accepted_before
    ) is distinct from (
        replayed.verdict_after, replayed.findings_after, replayed.submission_after is null,
        replayed.lines_accepted_after
    )
order by receipt.agency_code collate "C", replayed.receipt_no
