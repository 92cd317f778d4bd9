-- Agencies whose submission differs from the one in the release replaced, and why. What counts is what stands; in a
-- roll-back or a rebuild, what an earlier release recorded.
-- Grain: agency_code.  Reads: city_order.release_input, core.submission.
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
)

-- The first cause that fits. A receipt that is read anew under the same versions is read by other code: a rule.
select
    %(release_id)s as release_id,
    agency_code,
    input_before.submission_id as submission_before,
    input_after.submission_id as submission_after,
    case
        when %(is_roll_back)s then 'roll_back'
        when input_before.submission_id is null then 'new_submission'
        when input_after.submission_id is null then 'withdrawal'
        when input_before.receipt_no <> input_after.receipt_no then 'correction'
        when
            input_before.rules_version = input_after.rules_version
            and input_before.reference_version <> input_after.reference_version then 'changed_reference'
        else 'changed_rule'
    end as cause
from input_before
full join input_after using (agency_code)
where input_before.submission_id is distinct from input_after.submission_id
