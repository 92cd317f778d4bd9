-- Products that an agency asks for in the same pieces, every year, as one below it does, or as all of its direct
-- subordinates do in sum: a department that repeats what its institutions have answered. Each stands with whom it repeats.
-- Which counts is the survey's rule; if those below do, what counts below an agency is never less than what it asks for.
-- Grain: product_id, agency_code, subordinate_code, year.  Reads: city_order.inputs_of, core.demand_line,
-- reference.agencies_below.
with

-- Whose answers are compared with whose, whoever between them is silent.
related as materialized (
    select
        kin.agency_code,
        parent.submission_id,
        kin.subordinate_code,
        child.submission_id as subordinate_submission_id,
        kin.is_direct
    from reference.agencies_below(%(reference_as_of_date)s::date, %(reference_load_no)s::bigint) as kin
    inner join city_order.inputs_of(%(release_id)s) as parent using (agency_code)
    inner join city_order.inputs_of(%(release_id)s) as child on kin.subordinate_code = child.agency_code
),

-- Parents are few: only their products are looked for among the lines of their subordinates.
parent_need as materialized (
    select
        submission_id,
        product_id,
        coalesce(sum(demand_2026 * pieces_per_unit), 0) as gross_2026,
        coalesce(sum(demand_2027 * pieces_per_unit), 0) as gross_2027,
        coalesce(sum(demand_2028 * pieces_per_unit), 0) as gross_2028,
        coalesce(sum(demand_2029 * pieces_per_unit), 0) as gross_2029,
        coalesce(sum(demand_2030 * pieces_per_unit), 0) as gross_2030,
        coalesce(sum(demand_2031 * pieces_per_unit), 0) as gross_2031,
        coalesce(sum(demand_2032 * pieces_per_unit), 0) as gross_2032,
        coalesce(sum(demand_2033 * pieces_per_unit), 0) as gross_2033,
        coalesce(sum(demand_2034 * pieces_per_unit), 0) as gross_2034,
        coalesce(sum(demand_2035 * pieces_per_unit), 0) as gross_2035
    from core.demand_line
    where
        pieces_per_unit is not null
        and (%(touched)s::text[] is null or product_id = any(%(touched)s::text[]))
        and submission_id in (select related.submission_id from related)
    group by submission_id, product_id
),

-- Whether the parent asks, too, is looked up line by line: to sort all lines for it takes longer.
child_line as (
    select
        related.agency_code,
        related.subordinate_code,
        related.is_direct,
        related.submission_id as parent_submission_id,
        demand_line.*,
        (related.submission_id, demand_line.product_id) in (
            select
                parent_need.submission_id,
                parent_need.product_id
            from parent_need
        ) as is_asked_by_parent
    from core.demand_line
    inner join related on demand_line.submission_id = related.subordinate_submission_id
    where
        demand_line.pieces_per_unit is not null
        and (%(touched)s::text[] is null or demand_line.product_id = any(%(touched)s::text[]))
),

child_need as (
    select
        agency_code,
        subordinate_code,
        is_direct,
        parent_submission_id as submission_id,
        product_id,
        coalesce(sum(demand_2026 * pieces_per_unit), 0) as gross_2026,
        coalesce(sum(demand_2027 * pieces_per_unit), 0) as gross_2027,
        coalesce(sum(demand_2028 * pieces_per_unit), 0) as gross_2028,
        coalesce(sum(demand_2029 * pieces_per_unit), 0) as gross_2029,
        coalesce(sum(demand_2030 * pieces_per_unit), 0) as gross_2030,
        coalesce(sum(demand_2031 * pieces_per_unit), 0) as gross_2031,
        coalesce(sum(demand_2032 * pieces_per_unit), 0) as gross_2032,
        coalesce(sum(demand_2033 * pieces_per_unit), 0) as gross_2033,
        coalesce(sum(demand_2034 * pieces_per_unit), 0) as gross_2034,
        coalesce(sum(demand_2035 * pieces_per_unit), 0) as gross_2035
    from child_line
    where is_asked_by_parent
    group by agency_code, subordinate_code, is_direct, parent_submission_id, product_id
),

-- If one direct subordinate alone asks for it, the sum is what that one asks for.
direct_need as (
    select
        submission_id,
        product_id,
        sum(gross_2026) as gross_2026,
        sum(gross_2027) as gross_2027,
        sum(gross_2028) as gross_2028,
        sum(gross_2029) as gross_2029,
        sum(gross_2030) as gross_2030,
        sum(gross_2031) as gross_2031,
        sum(gross_2032) as gross_2032,
        sum(gross_2033) as gross_2033,
        sum(gross_2034) as gross_2034,
        sum(gross_2035) as gross_2035
    from child_need
    where is_direct
    group by submission_id, product_id
),

asked_twice as (
    select child_need.*
    from child_need
    inner join parent_need using (submission_id, product_id)
    left join direct_need using (submission_id, product_id)
    where
        (
            parent_need.gross_2026, parent_need.gross_2027, parent_need.gross_2028, parent_need.gross_2029,
            parent_need.gross_2030, parent_need.gross_2031, parent_need.gross_2032, parent_need.gross_2033,
            parent_need.gross_2034, parent_need.gross_2035
        ) = (
            child_need.gross_2026, child_need.gross_2027, child_need.gross_2028, child_need.gross_2029,
            child_need.gross_2030, child_need.gross_2031, child_need.gross_2032, child_need.gross_2033,
            child_need.gross_2034, child_need.gross_2035
        )
        or (
            child_need.is_direct and (
                parent_need.gross_2026, parent_need.gross_2027, parent_need.gross_2028, parent_need.gross_2029,
                parent_need.gross_2030, parent_need.gross_2031, parent_need.gross_2032, parent_need.gross_2033,
                parent_need.gross_2034, parent_need.gross_2035
            ) = (
                direct_need.gross_2026, direct_need.gross_2027, direct_need.gross_2028, direct_need.gross_2029,
                direct_need.gross_2030, direct_need.gross_2031, direct_need.gross_2032, direct_need.gross_2033,
                direct_need.gross_2034, direct_need.gross_2035
            )
        )
)

select
    %(release_id)s as release_id,
    asked_twice.product_id,
    asked_twice.agency_code,
    asked_twice.subordinate_code,
    need.year,
    need.gross_quantity,
    %(double_counting)s as handled
from asked_twice
cross join lateral (
    values
    (2026, gross_2026),
    (2027, gross_2027),
    (2028, gross_2028),
    (2029, gross_2029),
    (2030, gross_2030),
    (2031, gross_2031),
    (2032, gross_2032),
    (2033, gross_2033),
    (2034, gross_2034),
    (2035, gross_2035)
) as need (year, gross_quantity)
where need.gross_quantity > 0
