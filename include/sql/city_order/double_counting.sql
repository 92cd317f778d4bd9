-- Products for which an agency and one subordinate to it ask for the same pieces, every year: a department that repeats
-- what its institution has answered. Which of the two counts is the survey's rule.
-- Grain: product_id, agency_code, subordinate_code, year.  Reads: city_order.inputs_of, core.demand_line,
-- reference.agency_version_as_loaded.
with

-- As the city was organised on the survey's day.
kinship as (
    select
        agency_version.parent_code as agency_code,
        agency_version.agency_code as subordinate_code
    from reference.agency_version_as_loaded as agency_version
    where
        agency_version.from_load_no <= %(reference_load_no)s
        and coalesce(agency_version.until_load_no > %(reference_load_no)s, true)
        and agency_version.valid_from <= %(reference_as_of_date)s
        and coalesce(agency_version.valid_to >= %(reference_as_of_date)s, true)
        and agency_version.parent_code <> agency_version.agency_code
),

-- Whose answers are compared with whose.
related as (
    select
        kinship.agency_code,
        parent.submission_id,
        kinship.subordinate_code,
        child.submission_id as subordinate_submission_id
    from kinship
    inner join city_order.inputs_of(%(release_id)s) as parent using (agency_code)
    inner join city_order.inputs_of(%(release_id)s) as child on kinship.subordinate_code = child.agency_code
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
    group by agency_code, subordinate_code, parent_submission_id, product_id
),

asked_twice as (
    select child_need.*
    from child_need
    inner join parent_need using (submission_id, product_id)
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
