-- What a release changes against the one that was published when it was built, agency by agency, and why.
-- A survey's first release replaces nothing and has no changes.
-- Grain: product_id, unit, year, agency_code.  Reads: city_order.input_change, city_order.inputs_of,
-- city_order.double_counting, city_order.double_counting_version, core.demand_line.
with

twice_before as (
    select distinct
        agency_code,
        product_id
    from city_order.double_counting
    where
        release_id = %(base_release_id)s and handled = 'child_counts'
        and (%(touched)s::text[] is null or product_id = any(%(touched)s::text[]))
),

twice_after as (
    select distinct
        agency_code,
        product_id
    from city_order.double_counting_version
    where release_id = %(release_id)s and handled = 'child_counts'
),

-- What an agency asks for without a change of its own, and of which more or less is counted.
counted_anew as (
    select
        agency_code,
        product_id
    from twice_before
    full join twice_after using (agency_code, product_id)
    where twice_before.product_id is null or twice_after.product_id is null
),

line as (
    select
        changed.agency_code,
        changed.cause,
        side.is_after,
        demand_line.*
    from city_order.input_change as changed
    cross join lateral (
        values
        (changed.submission_before, false), (changed.submission_after, true)
    ) as side (submission_id, is_after)
    inner join core.demand_line using (submission_id)
    where
        changed.release_id = %(release_id)s and %(base_release_id)s::bigint is not null
        and (%(touched)s::text[] is null or demand_line.product_id = any(%(touched)s::text[]))
    union all
    select
        input.agency_code,
        case when %(is_roll_back)s then 'roll_back' else 'double_counting' end as cause,
        side.is_after,
        demand_line.*
    from counted_anew
    inner join city_order.inputs_of(%(release_id)s) as input using (agency_code)
    inner join core.demand_line
        on input.submission_id = demand_line.submission_id and counted_anew.product_id = demand_line.product_id
    cross join (values (false), (true)) as side (is_after)
    where
        %(base_release_id)s::bigint is not null and not exists (
            select 1 from city_order.input_change as changed
            where changed.release_id = %(release_id)s and changed.agency_code = input.agency_code
        )
),

-- Of a receipt that was judged anew, each row has a twin: has it become another product, or another number of pieces?
-- Kept, so that it is joined in one go: a submission has no index by its rows.
twin as materialized (
    select
        changed.agency_code,
        side.is_after,
        demand_line.member,
        demand_line.sheet,
        demand_line.row_number,
        demand_line.product_id,
        coalesce(demand_line.pieces_per_unit, 0) as pieces_per_unit
    from city_order.input_change as changed
    cross join lateral (
        values (changed.submission_before, true), (changed.submission_after, false)
    ) as side (submission_id, is_after)
    inner join core.demand_line using (submission_id)
    where
        changed.release_id = %(release_id)s and %(base_release_id)s::bigint is not null
        and changed.cause in ('changed_rule', 'changed_reference')
),

explained as (
    select
        line.*,
        twin.product_id <> line.product_id as is_mapped_anew,
        twin.pieces_per_unit <> line.pieces_per_unit as is_measured_anew
    from line
    left join twin
        on
            line.agency_code = twin.agency_code and line.is_after = twin.is_after
            and line.member = twin.member and line.sheet = twin.sheet and line.row_number = twin.row_number
    left join twice_before
        on line.agency_code = twice_before.agency_code and line.product_id = twice_before.product_id
        and not line.is_after
    left join twice_after
        on line.agency_code = twice_after.agency_code and line.product_id = twice_after.product_id
        and line.is_after
    where
        line.pieces_per_unit is not null
        and twice_before.product_id is null and twice_after.product_id is null
),

agency_need as (
    select
        agency_code,
        product_id,
        case
            when bool_or(is_mapped_anew) then 'changed_mapping'
            when bool_or(is_measured_anew) then 'changed_unit'
            else min(cause)
        end as cause,
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
    from explained
    group by agency_code, product_id
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
