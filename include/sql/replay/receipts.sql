-- The receipts of the agencies that a replay concerns, as they are before it. Those that stand, and those that came later
-- and could stand, are read and judged again; revisions that were superseded before only if all history is asked for.
-- A receipt that is registered already keeps what was recorded of it.
-- Grain: receipt_no.  Reads: landing.receipt, core.submission, quality.standing_finding.
insert into core.replayed_receipt (
    replay_id, receipt_no, is_read_again, verdict_before, lines_accepted_before, submission_before, findings_before
)
with

concerned as (
    select
        receipt_no,
        agency_code,
        verdict,
        lines_accepted,
        row_number() over (
            partition by agency_code
            order by drop_date, modified_ns, original_path collate "C", sha256, receipt_no
        ) as place
    from landing.receipt
    where
        survey_code = %(survey_code)s and agency_code is not null
        and (cardinality(%(agencies)s::text[]) = 0 or agency_code = any(%(agencies)s::text[]))
),

standing as (
    select
        concerned.receipt_no,
        concerned.agency_code,
        concerned.place,
        submission.submission_id
    from concerned
    inner join core.submission using (receipt_no)
    where submission.superseded_by is null and submission.withdrawn_at is null
),

found as (
    select
        counted.receipt_no,
        jsonb_object_agg(counted.rule_id, counted.findings) as findings
    from (
        select
            concerned.receipt_no,
            finding.rule_id,
            count(*) as findings
        from concerned
        inner join quality.standing_finding as finding using (receipt_no)
        group by concerned.receipt_no, finding.rule_id
    ) as counted
    group by counted.receipt_no
)

select
    %(replay_id)s as replay_id,
    concerned.receipt_no,
    %(with_history)s or concerned.place >= coalesce(of_agency.place, 0) as is_read_again,
    concerned.verdict as verdict_before,
    coalesce(concerned.lines_accepted, 0) as lines_accepted_before,
    of_receipt.submission_id as submission_before,
    coalesce(found.findings, '{}') as findings_before
from concerned
left join standing as of_agency on of_agency.agency_code = concerned.agency_code
left join standing as of_receipt on of_receipt.receipt_no = concerned.receipt_no
left join found on found.receipt_no = concerned.receipt_no
on conflict (replay_id, receipt_no) do nothing
