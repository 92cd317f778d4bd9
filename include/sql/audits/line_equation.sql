-- Law 3: each delivered line is accepted, rejected, superseded or a duplicate, and those said to be accepted or
-- superseded are the lines of the receipt's submission. Receipts without a verdict are still under way. A receipt whose
-- agency has another submission than in the base, or that was judged since then, is looked at; all, if there is no base.
with

receipt as (
    select receipt.*
    from city_order.release
    inner join landing.receipt using (survey_code)
    where
        release.release_id = %(release_id)s and receipt.verdict is not null
        and (
            %(judged_since)s::timestamptz is null
            or receipt.judged_at >= %(judged_since)s::timestamptz
            or receipt.agency_code in (
                select changed.agency_code
                from city_order.input_change as changed
                where changed.release_id = %(release_id)s
            )
        )
),

-- A receipt that was judged again has several submissions: the one that stands, otherwise that of its last judgement.
landed as (
    select distinct on (submission.receipt_no)
        submission.receipt_no,
        submission.submission_id,
        submission.superseded_by is null and submission.withdrawn_at is null as stands
    from receipt
    inner join core.submission using (receipt_no)
    inner join quality.judgement using (receipt_no, rules_version, reference_version)
    order by
        submission.receipt_no asc,
        stands desc,
        judgement.stands and judgement.reading_sha256 = submission.reading_sha256 desc,
        submission.submission_id desc
),

counted as (
    select
        receipt.*,
        coalesce(landed.stands, false) as submission_stands,
        (
            select count(*) from core.demand_line
            where demand_line.submission_id = landed.submission_id
        ) as lines_landed
    from receipt
    left join landed using (receipt_no)
)

select
    receipt_no,
    verdict,
    lines_delivered,
    lines_accepted,
    lines_rejected,
    lines_superseded,
    lines_duplicate,
    lines_landed,
    submission_stands
from counted
where
    lines_delivered <> lines_accepted + lines_rejected + lines_superseded + lines_duplicate
    or lines_accepted <> case when submission_stands then lines_landed else 0 end
    or (
        verdict in ('accepted', 'accepted_with_warnings', 'partly_accepted')
        and lines_accepted + lines_superseded <> lines_landed
    )
    or (verdict in ('quarantined', 'rejected', 'duplicate') and lines_accepted + lines_superseded <> 0)
order by receipt_no
