-- Gives receipts their verdicts and counts; touches only those that change.
update landing.receipt set
    verdict = given.verdict,
    reason = given.reason,
    repeats_submission_id = given.repeats_submission_id,
    lines_delivered = given.lines_delivered,
    lines_accepted = given.lines_accepted,
    lines_rejected = given.lines_rejected,
    lines_superseded = given.lines_superseded,
    lines_duplicate = given.lines_duplicate,
    judged_at = now()
from jsonb_to_recordset(%(given)s) as given (
    receipt_no bigint,
    verdict text,
    reason text,
    repeats_submission_id bigint,
    lines_delivered integer,
    lines_accepted integer,
    lines_rejected integer,
    lines_superseded integer,
    lines_duplicate integer
)
where
    receipt.receipt_no = given.receipt_no
    and (
        receipt.verdict, receipt.reason, receipt.repeats_submission_id,
        receipt.lines_delivered, receipt.lines_accepted, receipt.lines_rejected,
        receipt.lines_superseded, receipt.lines_duplicate
    ) is distinct from (
        given.verdict, given.reason, given.repeats_submission_id,
        given.lines_delivered, given.lines_accepted, given.lines_rejected,
        given.lines_superseded, given.lines_duplicate
    )
