-- What a release changes against the one that was published when it was built, agency by agency, and why.
-- A survey's first release replaces nothing and has no changes.
-- Grain: product_id, unit, year, agency_code.  Reads: city_order.release, city_order.release_input, core.submission,
-- core.demand_line.
with

compared as (
    select
        release_id,
        replaces_release_id
    from city_order.release
    where release_id = %(release_id)s and replaces_release_id is not null
),

input_before as (
    select
        submission.agency_code,
        submission.submission_id,
        submission.receipt_no,
        submission.rules_version,
        submission.reference_version
    from compared
    inner join city_order.release_input on compared.replaces_release_id = release_input.release_id
    inner join core.submission using (submission_id)
),

input_after as (
    select
        submission.agency_code,
        submission.submission_id,
        submission.receipt_no,
        submission.rules_version,
        submission.reference_version
    from compared
    inner join city_order.release_input on compared.release_id = release_input.release_id
    inner join core.submission using (submission_id)
),

-- A submission never changes, so an agency's figures change only with its submission. The first cause that fits.
changed_agency as (
    select
        agency_code,
        input_before.submission_id as submission_before,
        input_after.submission_id as submission_after,
        case
            when input_before.submission_id is null then 'new_submission'
            when input_after.submission_id is null then 'withdrawal'
            when input_before.receipt_no <> input_after.receipt_no then 'correction'
            when input_before.rules_version <> input_after.rules_version then 'changed_rule'
            when input_before.reference_version <> input_after.reference_version then 'changed_reference'
            else 'changed_mapping'
        end as cause
    from input_before
    full join input_after using (agency_code)
    where input_before.submission_id is distinct from input_after.submission_id
),

line as (
    select
        changed_agency.agency_code,
        changed_agency.cause,
        side.is_after,
        demand_line.*
    from changed_agency
    cross join lateral (
        values
        (changed_agency.submission_before, false), (changed_agency.submission_after, true)
    ) as side (submission_id, is_after)
    inner join core.demand_line using (submission_id)
    where demand_line.pieces_per_unit is not null
),

agency_need as (
    select
        agency_code,
        cause,
        product_id,
        coalesce(sum(demand_2026 * pieces_per_unit) filter (where not is_after), 0) as before_2026,
        coalesce(sum(demand_2027 * pieces_per_unit) filter (where not is_after), 0) as before_2027,
        coalesce(sum(demand_2028 * pieces_per_unit) filter (where not is_after), 0) as before_2028,
        coalesce(sum(demand_2029 * pieces_per_unit) filter (where not is_after), 0) as before_2029,
        coalesce(sum(demand_2030 * pieces_per_unit) filter (where not is_after), 0) as before_2030,
        coalesce(sum(demand_2031 * pieces_per_unit) filter (where not is_after), 0) as before_2031,
        coalesce(sum(demand_2032 * pieces_per_unit) filter (where not is_after), 0) as before_2032,
        coalesce(sum(demand_2033 * pieces_per_unit) filter (where not is_after), 0) as before_2033,
        coalesce(sum(demand_2034 * pieces_per_unit) filter (where not is_after), 0) as before_2034,
        coalesce(sum(demand_2035 * pieces_per_unit) filter (where not is_after), 0) as before_2035,
        coalesce(sum(demand_2026 * pieces_per_unit) filter (where is_after), 0) as after_2026,
        coalesce(sum(demand_2027 * pieces_per_unit) filter (where is_after), 0) as after_2027,
        coalesce(sum(demand_2028 * pieces_per_unit) filter (where is_after), 0) as after_2028,
        coalesce(sum(demand_2029 * pieces_per_unit) filter (where is_after), 0) as after_2029,
        coalesce(sum(demand_2030 * pieces_per_unit) filter (where is_after), 0) as after_2030,
        coalesce(sum(demand_2031 * pieces_per_unit) filter (where is_after), 0) as after_2031,
        coalesce(sum(demand_2032 * pieces_per_unit) filter (where is_after), 0) as after_2032,
        coalesce(sum(demand_2033 * pieces_per_unit) filter (where is_after), 0) as after_2033,
        coalesce(sum(demand_2034 * pieces_per_unit) filter (where is_after), 0) as after_2034,
        coalesce(sum(demand_2035 * pieces_per_unit) filter (where is_after), 0) as after_2035
    from line
    group by agency_code, cause, product_id
)

select
    %(release_id)s as release_id,
    agency_need.product_id,
    '796' as unit,
    need.year,
    agency_need.agency_code,
    agency_need.cause,
    need.gross_before,
    need.gross_after
from agency_need
cross join lateral (
    values
    (2026, before_2026, after_2026),
    (2027, before_2027, after_2027),
    (2028, before_2028, after_2028),
    (2029, before_2029, after_2029),
    (2030, before_2030, after_2030),
    (2031, before_2031, after_2031),
    (2032, before_2032, after_2032),
    (2033, before_2033, after_2033),
    (2034, before_2034, after_2034),
    (2035, before_2035, after_2035)
) as need (year, gross_before, gross_after)
where need.gross_before <> need.gross_after
