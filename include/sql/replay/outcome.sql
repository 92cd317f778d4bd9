-- How the receipts of a replay have ended.
-- Grain: receipt_no.  Reads: landing.receipt, core.submission, quality.standing_finding.
update core.replayed_receipt set
    verdict_after = ended.verdict,
    lines_accepted_after = ended.lines_accepted,
    submission_after = ended.submission_id,
    findings_after = ended.findings
from (
    select
        receipt.receipt_no,
        receipt.verdict,
        coalesce(receipt.lines_accepted, 0) as lines_accepted,
        standing.submission_id,
        coalesce(found.findings, '{}') as findings
    from core.replayed_receipt as replayed
    inner join landing.receipt using (receipt_no)
    left join core.submission as standing
        on
            standing.receipt_no = receipt.receipt_no
            and standing.superseded_by is null and standing.withdrawn_at is null
    left join lateral (
        select jsonb_object_agg(counted.rule_id, counted.findings) as findings
        from (
            select
                finding.rule_id,
                count(*) as findings
            from quality.standing_finding as finding
            where finding.receipt_no = receipt.receipt_no
            group by finding.rule_id
        ) as counted
    ) as found on true
    where replayed.replay_id = %(replay_id)s
) as ended
where replayed_receipt.replay_id = %(replay_id)s and replayed_receipt.receipt_no = ended.receipt_no
