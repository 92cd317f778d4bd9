-- Agencies whose submission differs from the one in the release replaced, and why. What counts is what stands; in a
-- roll-back or a rebuild, what an earlier release recorded.
-- Grain: agency_code.  Reads: city_order.release_input, core.submission, core.demand_line, landing.receipt,
-- quality.judgement, city_order.input_change, city_order.release_input_version, city_order.release.
with

input_before as (
    select submission.*
    from city_order.release_input
    inner join core.submission using (submission_id)
    where release_input.release_id = %(base_release_id)s
),

input_after as (
    select submission.*
    from core.submission
    where
        %(as_release_id)s::bigint is null and submission.survey_code = %(survey_code)s
        and submission.superseded_by is null and submission.withdrawn_at is null
    union all
    select submission.*
    from city_order.release_input
    inner join core.submission using (submission_id)
    where release_input.release_id = %(as_release_id)s::bigint
),

changed as (
    select
        agency_code,
        input_before.submission_id as submission_before,
        input_after.submission_id as submission_after,
        input_before.receipt_no as receipt_before,
        input_after.receipt_no as receipt_after,
        input_before.rules_version as rules_before,
        input_before.reference_version as reference_before,
        input_after.rules_version as rules_after,
        input_after.reference_version as reference_after
    from input_before
    full join input_after using (agency_code)
    where
        input_before.submission_id is distinct from input_after.submission_id
        and (%(as_release_id)s::bigint is null or %(is_roll_back)s)
),

-- When an answer counts that was refused once, or one counts no more, a later judgement did it: by other versions, or by
-- the same ones if the agency has left the roster, or come back to it.
judged as (
    select
        changed.*,
        refused.receipt_no is not null as was_refused,
        fallen.receipt_no is not null as is_refused,
        coalesce(refused.rules_version, changed.rules_before) as old_rules,
        coalesce(refused.reference_version, changed.reference_before) as old_reference,
        coalesce(fallen.rules_version, changed.rules_after) as new_rules,
        coalesce(fallen.reference_version, changed.reference_after) as new_reference
    from changed
    left join quality.judgement as before
        on
            changed.receipt_before = before.receipt_no and changed.rules_before = before.rules_version
            and changed.reference_before = before.reference_version
    left join quality.judgement as after
        on
            changed.receipt_after = after.receipt_no and changed.rules_after = after.rules_version
            and changed.reference_after = after.reference_version
    left join lateral (
        select judgement.*
        from quality.judgement
        where
            judgement.receipt_no = changed.receipt_after and judgement.receipt_no is distinct from changed.receipt_before
            and judgement.outcome = 'rejected' and judgement.judged_at < after.judged_at
        order by judgement.judged_at desc, judgement.rules_version asc, judgement.reference_version asc
        limit 1
    ) as refused on true
    left join lateral (
        select judgement.*
        from quality.judgement
        where
            judgement.receipt_no = changed.receipt_before and judgement.receipt_no is distinct from changed.receipt_after
            and judgement.outcome <> 'loadable' and judgement.judged_at >= before.judged_at
        order by judgement.judged_at, judgement.rules_version, judgement.reference_version
        limit 1
    ) as fallen on true
),

-- Readers saw it before. After a roll-back that says nothing: what it took away comes back for the old reasons.
counted_once as (
    select distinct input.submission_id
    from city_order.release_input_version as input
    inner join city_order.release using (release_id)
    where
        release.status in ('published', 'superseded')
        and not exists (
            select 1 from city_order.release as base
            where base.release_id = %(base_release_id)s and base.rolled_back_to_release_id is not null
        )
),

-- An earlier answer that counts again was not sent again, nor one that counted in a release before.
told as (
    select
        judged.*,
        judged.receipt_after is not null and not judged.was_refused and counted_once.submission_id is null and coalesce(
            (after.drop_date, after.modified_ns, after.original_path collate "C", after.sha256, after.receipt_no)
            > (before.drop_date, before.modified_ns, before.original_path collate "C", before.sha256, before.receipt_no),
            true
        ) as is_sent
    from judged
    left join landing.receipt as before on judged.receipt_before = before.receipt_no
    left join landing.receipt as after on judged.receipt_after = after.receipt_no
    left join counted_once on judged.submission_after = counted_once.submission_id
)

-- The first cause that fits. An agency takes back all that it asked for by a nil return. The roster is in no version
-- and belongs to the rules of its survey, as does other code that reads a receipt.
select
    %(release_id)s as release_id,
    agency_code,
    submission_before,
    submission_after,
    case
        when %(is_roll_back)s then 'roll_back'
        when is_sent and submission_before is null then 'new_submission'
        when submission_after is null and not is_refused then 'withdrawal'
        when
            is_sent
            and not exists (
                select 1 from core.demand_line
                where demand_line.submission_id = told.submission_after
            ) then 'withdrawal'
        when is_sent then 'correction'
        when old_rules = new_rules and old_reference <> new_reference then 'changed_reference'
        else 'changed_rule'
    end as cause
from told
union all
-- A rebuild tells what was told, whatever has been judged since.
select
    %(release_id)s as release_id,
    agency_code,
    submission_before,
    submission_after,
    cause
from city_order.input_change
where release_id = %(as_release_id)s::bigint and not %(is_roll_back)s
