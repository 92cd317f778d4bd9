-- What a release changes against the one that was published when it was built, agency by agency, and why: gross and net
-- quantity, amount, and pieces of another kind of need. What follows from a change of the models alone has no agency.
-- A survey's first release replaces nothing and has no changes.
-- Grain: product_id, unit, year, agency_code.  Reads: city_order.release, city_order.input_change, city_order.inputs_of,
-- city_order.double_counting, city_order.double_counting_version, city_order.order_line, city_order.order_line_version,
-- core.demand_line.
with

-- What an agency asks for, and somebody below it counts for.
left_to_others as (
    select distinct
        false as is_after,
        agency_code,
        product_id
    from city_order.double_counting
    where
        release_id = %(base_release_id)s and handled = 'child_counts'
        and (%(touched)s::text[] is null or product_id = any(%(touched)s::text[]))
    union all
    select distinct
        true as is_after,
        agency_code,
        product_id
    from city_order.double_counting_version
    where release_id = %(release_id)s and handled = 'child_counts'
),

-- The release replaced, and whether its order lines were counted by other models than these.
base as (
    select
        release.*,
        release.sql_version <> %(models_version)s or %(sql_version)s <> %(models_version)s as is_of_other_models
    from city_order.release
    where release.release_id = %(base_release_id)s
),

changed_side as materialized (
    select
        agency_code,
        cause,
        submission_before as submission_id,
        false as is_after
    from city_order.input_change
    where release_id = %(release_id)s and %(base_release_id)s::bigint is not null and submission_before is not null
    union all
    select
        agency_code,
        cause,
        submission_after as submission_id,
        true as is_after
    from city_order.input_change
    where release_id = %(release_id)s and %(base_release_id)s::bigint is not null and submission_after is not null
),

-- Of what is left to others: what the agencies that change ask for, or did.
asked_by_changed as materialized (
    select distinct demand_line.product_id
    from changed_side
    inner join core.demand_line using (submission_id)
    where demand_line.product_id in (select left_to_others.product_id from left_to_others)
),

-- What an agency asks for itself, and of which more or less is counted than before: since the survey handles it
-- otherwise, others have answered otherwise, or the city is organised otherwise. If only the models look for more, it is
-- told of no agency.
counted_anew as (
    select
        left_to_others.agency_code,
        left_to_others.product_id,
        case
            when %(is_roll_back)s then 'roll_back'
            when min(base.double_counting) <> %(double_counting)s then 'changed_rule'
            when count(asked_by_changed.product_id) > 0 then 'double_counting'
            when bool_or(base.is_of_other_models) then null
            when min(base.reference_version) <> %(reference_version)s then 'changed_reference'
            else 'double_counting'
        end as cause
    from left_to_others
    cross join base
    left join asked_by_changed on left_to_others.product_id = asked_by_changed.product_id
    group by left_to_others.agency_code, left_to_others.product_id
    having bool_and(left_to_others.is_after) or not bool_or(left_to_others.is_after)
),

-- Whose lines are compared, before and after: of an agency that changes all, else those of the products counted anew.
side as materialized (
    select
        changed_side.*,
        null as product_id
    from changed_side
    union all
    select
        input.agency_code,
        counted_anew.cause,
        input.submission_id,
        side.is_after,
        counted_anew.product_id
    from counted_anew
    inner join city_order.inputs_of(%(release_id)s) as input using (agency_code)
    cross join (values (false), (true)) as side (is_after)
    where
        counted_anew.cause is not null
        and input.agency_code not in (select changed_side.agency_code from changed_side)
),

line as (
    select
        side.agency_code,
        side.cause,
        side.is_after,
        demand_line.receipt_no,
        demand_line.member,
        demand_line.sheet,
        demand_line.row_number,
        demand_line.product_id,
        demand_line.pieces_per_unit,
        demand_line.need_kind,
        demand_line.stock,
        demand_line.contracted,
        demand_line.unit_price_rub,
        hash_record_extended(
            row(
                pieces_per_unit, coalesce(need_kind, 'not_stated'), stock, contracted, unit_price_rub,
                demand_2026, demand_2027, demand_2028, demand_2029, demand_2030,
                demand_2031, demand_2032, demand_2033, demand_2034, demand_2035
            ), 0
        ) as content,
        nullif(demand_line.demand_2026, 0) as demand_2026,
        nullif(demand_line.demand_2027, 0) as demand_2027,
        nullif(demand_line.demand_2028, 0) as demand_2028,
        nullif(demand_line.demand_2029, 0) as demand_2029,
        nullif(demand_line.demand_2030, 0) as demand_2030,
        nullif(demand_line.demand_2031, 0) as demand_2031,
        nullif(demand_line.demand_2032, 0) as demand_2032,
        nullif(demand_line.demand_2033, 0) as demand_2033,
        nullif(demand_line.demand_2034, 0) as demand_2034,
        nullif(demand_line.demand_2035, 0) as demand_2035
    from side
    inner join core.demand_line
        on
            side.submission_id = demand_line.submission_id
            and coalesce(side.product_id = demand_line.product_id, true)
    where (%(touched)s::text[] is null or demand_line.product_id = any(%(touched)s::text[]))
),

-- Of a receipt that was judged anew, each row has a twin: has it become another product, or another number of pieces?
-- Kept, so that it is joined in one go: a submission has no index by its rows. No row has two twins, or it would count
-- twice.
twin as materialized (
    select
        agency_code,
        not is_after as is_after,
        receipt_no,
        member,
        sheet,
        row_number,
        min(product_id) as product_id,
        min(coalesce(pieces_per_unit, 0)) as pieces_per_unit
    from line
    where cause in ('changed_rule', 'changed_reference')
    group by agency_code, is_after, receipt_no, member, sheet, row_number
),

-- The lines that count, those before and those after.
counted as (
    select
        line.*,
        coalesce(line.need_kind, 'not_stated') as kind_counted
    from line
    left join left_to_others
        on
            line.agency_code = left_to_others.agency_code and line.product_id = left_to_others.product_id
            and line.is_after = left_to_others.is_after
    where line.pieces_per_unit is not null and left_to_others.product_id is null
),

-- Where all lines are judged anew, most are as they were: what is the same is not added up.
differing as (
    select
        agency_code,
        product_id
    from counted
    group by agency_code, product_id
    having sum(content) filter (where not is_after) is distinct from sum(content) filter (where is_after)
),

-- Of an answer that was only judged anew, too, more or less may count since others have changed theirs.
only_counted_anew as (
    select
        agency_code,
        product_id,
        min(counted_anew.cause) as cause
    from counted_anew
    inner join line using (agency_code, product_id)
    group by agency_code, product_id
    having
        sum(line.content) filter (where not line.is_after) = sum(line.content) filter (where line.is_after)
        and bool_and(line.cause in ('changed_rule', 'changed_reference'))
),

explained as (
    select
        counted.*,
        twin.product_id <> counted.product_id as is_mapped_anew,
        twin.pieces_per_unit <> counted.pieces_per_unit as is_measured_anew
    from counted
    inner join differing using (agency_code, product_id)
    left join twin
        on
            counted.agency_code = twin.agency_code and counted.is_after = twin.is_after
            and counted.receipt_no = twin.receipt_no and counted.member = twin.member and counted.sheet = twin.sheet
            and counted.row_number = twin.row_number
),

agency_cause as (
    select
        explained.agency_code,
        explained.product_id,
        min(explained.kind_counted) <> max(explained.kind_counted) as has_kinds,
        case
            when bool_or(explained.is_mapped_anew) then 'changed_mapping'
            when bool_or(explained.is_measured_anew) then 'changed_unit'
            else coalesce(min(only_counted_anew.cause), min(explained.cause))
        end as cause
    from explained
    left join only_counted_anew using (agency_code, product_id)
    group by explained.agency_code, explained.product_id
),

-- As the order counts it: each line's sum is rounded to kopecks.
agency_need as (
    select
        agency_code,
        product_id,
        is_after,
        coalesce(sum(stock * pieces_per_unit), 0) + coalesce(sum(contracted * pieces_per_unit), 0) as in_hand,
        coalesce(sum(demand_2026 * pieces_per_unit), 0) as gross_2026,
        coalesce(sum(demand_2027 * pieces_per_unit), 0) as gross_2027,
        coalesce(sum(demand_2028 * pieces_per_unit), 0) as gross_2028,
        coalesce(sum(demand_2029 * pieces_per_unit), 0) as gross_2029,
        coalesce(sum(demand_2030 * pieces_per_unit), 0) as gross_2030,
        coalesce(sum(demand_2031 * pieces_per_unit), 0) as gross_2031,
        coalesce(sum(demand_2032 * pieces_per_unit), 0) as gross_2032,
        coalesce(sum(demand_2033 * pieces_per_unit), 0) as gross_2033,
        coalesce(sum(demand_2034 * pieces_per_unit), 0) as gross_2034,
        coalesce(sum(demand_2035 * pieces_per_unit), 0) as gross_2035,
        sum(round(demand_2026 * unit_price_rub, 2)) as rub_2026,
        sum(round(demand_2027 * unit_price_rub, 2)) as rub_2027,
        sum(round(demand_2028 * unit_price_rub, 2)) as rub_2028,
        sum(round(demand_2029 * unit_price_rub, 2)) as rub_2029,
        sum(round(demand_2030 * unit_price_rub, 2)) as rub_2030,
        sum(round(demand_2031 * unit_price_rub, 2)) as rub_2031,
        sum(round(demand_2032 * unit_price_rub, 2)) as rub_2032,
        sum(round(demand_2033 * unit_price_rub, 2)) as rub_2033,
        sum(round(demand_2034 * unit_price_rub, 2)) as rub_2034,
        sum(round(demand_2035 * unit_price_rub, 2)) as rub_2035
    from explained
    group by agency_code, product_id, is_after
),

-- used_2028 is what the years up to 2028 use up of all that the agency has in hand.
agency_stock as (
    select
        agency_need.*,
        least(gross_2026, in_hand) as used_2026,
        least(gross_2026 + gross_2027, in_hand) as used_2027,
        least(gross_2026 + gross_2027 + gross_2028, in_hand) as used_2028,
        least(gross_2026 + gross_2027 + gross_2028 + gross_2029, in_hand) as used_2029,
        least(gross_2026 + gross_2027 + gross_2028 + gross_2029 + gross_2030, in_hand) as used_2030,
        least(
            gross_2026 + gross_2027 + gross_2028 + gross_2029 + gross_2030
            + gross_2031, in_hand
        ) as used_2031,
        least(
            gross_2026 + gross_2027 + gross_2028 + gross_2029 + gross_2030
            + gross_2031 + gross_2032, in_hand
        ) as used_2032,
        least(
            gross_2026 + gross_2027 + gross_2028 + gross_2029 + gross_2030
            + gross_2031 + gross_2032 + gross_2033, in_hand
        ) as used_2033,
        least(
            gross_2026 + gross_2027 + gross_2028 + gross_2029 + gross_2030
            + gross_2031 + gross_2032 + gross_2033 + gross_2034, in_hand
        ) as used_2034,
        least(
            gross_2026 + gross_2027 + gross_2028 + gross_2029 + gross_2030
            + gross_2031 + gross_2032 + gross_2033 + gross_2034 + gross_2035, in_hand
        ) as used_2035
    from agency_need
),

before_and_after as (
    select
        agency_cause.*,
        need.year,
        coalesce(need.gross_before, 0) as gross_before,
        coalesce(need.gross_after, 0) as gross_after,
        coalesce(need.gross_before - need.used_before + need.used_up_before, 0) as net_before,
        coalesce(need.gross_after - need.used_after + need.used_up_after, 0) as net_after,
        need.rub_before * 100 as amount_before_kopecks,
        need.rub_after * 100 as amount_after_kopecks
    from agency_cause
    left join agency_stock as before
        on
            agency_cause.agency_code = before.agency_code and agency_cause.product_id = before.product_id
            and not before.is_after
    left join agency_stock as after
        on
            agency_cause.agency_code = after.agency_code and agency_cause.product_id = after.product_id
            and after.is_after
    cross join lateral (
        values
        (
            2026, before.gross_2026, before.used_2026, 0, before.rub_2026,
            after.gross_2026, after.used_2026, 0, after.rub_2026
        ),
        (
            2027, before.gross_2027, before.used_2027, before.used_2026, before.rub_2027,
            after.gross_2027, after.used_2027, after.used_2026, after.rub_2027
        ),
        (
            2028, before.gross_2028, before.used_2028, before.used_2027, before.rub_2028,
            after.gross_2028, after.used_2028, after.used_2027, after.rub_2028
        ),
        (
            2029, before.gross_2029, before.used_2029, before.used_2028, before.rub_2029,
            after.gross_2029, after.used_2029, after.used_2028, after.rub_2029
        ),
        (
            2030, before.gross_2030, before.used_2030, before.used_2029, before.rub_2030,
            after.gross_2030, after.used_2030, after.used_2029, after.rub_2030
        ),
        (
            2031, before.gross_2031, before.used_2031, before.used_2030, before.rub_2031,
            after.gross_2031, after.used_2031, after.used_2030, after.rub_2031
        ),
        (
            2032, before.gross_2032, before.used_2032, before.used_2031, before.rub_2032,
            after.gross_2032, after.used_2032, after.used_2031, after.rub_2032
        ),
        (
            2033, before.gross_2033, before.used_2033, before.used_2032, before.rub_2033,
            after.gross_2033, after.used_2033, after.used_2032, after.rub_2033
        ),
        (
            2034, before.gross_2034, before.used_2034, before.used_2033, before.rub_2034,
            after.gross_2034, after.used_2034, after.used_2033, after.rub_2034
        ),
        (
            2035, before.gross_2035, before.used_2035, before.used_2034, before.rub_2035,
            after.gross_2035, after.used_2035, after.used_2034, after.rub_2035
        )
    ) as need (
        year, gross_before, used_before, used_up_before, rub_before, gross_after, used_after, used_up_after, rub_after
    )
),

-- Pieces more or fewer of each kind of need.
kind_need as (
    select
        agency_code,
        product_id,
        explained.kind_counted,
        coalesce(sum(demand_2026 * pieces_per_unit * case when is_after then 1 else -1 end), 0) as more_2026,
        coalesce(sum(demand_2027 * pieces_per_unit * case when is_after then 1 else -1 end), 0) as more_2027,
        coalesce(sum(demand_2028 * pieces_per_unit * case when is_after then 1 else -1 end), 0) as more_2028,
        coalesce(sum(demand_2029 * pieces_per_unit * case when is_after then 1 else -1 end), 0) as more_2029,
        coalesce(sum(demand_2030 * pieces_per_unit * case when is_after then 1 else -1 end), 0) as more_2030,
        coalesce(sum(demand_2031 * pieces_per_unit * case when is_after then 1 else -1 end), 0) as more_2031,
        coalesce(sum(demand_2032 * pieces_per_unit * case when is_after then 1 else -1 end), 0) as more_2032,
        coalesce(sum(demand_2033 * pieces_per_unit * case when is_after then 1 else -1 end), 0) as more_2033,
        coalesce(sum(demand_2034 * pieces_per_unit * case when is_after then 1 else -1 end), 0) as more_2034,
        coalesce(sum(demand_2035 * pieces_per_unit * case when is_after then 1 else -1 end), 0) as more_2035
    from explained
    inner join agency_cause using (agency_code, product_id)
    where agency_cause.has_kinds
    group by agency_code, product_id, explained.kind_counted
),

-- What one kind has lost and another has won.
other_kind as (
    select
        kind_need.agency_code,
        kind_need.product_id,
        need.year,
        least(sum(greatest(need.more, 0)), sum(greatest(-need.more, 0))) as quantity
    from kind_need
    cross join lateral (
        values
        (2026, more_2026),
        (2027, more_2027),
        (2028, more_2028),
        (2029, more_2029),
        (2030, more_2030),
        (2031, more_2031),
        (2032, more_2032),
        (2033, more_2033),
        (2034, more_2034),
        (2035, more_2035)
    ) as need (year, more)
    group by kind_need.agency_code, kind_need.product_id, need.year
),

of_agencies as (
    select
        before_and_after.*,
        coalesce(other_kind.quantity, 0) as other_kind_quantity
    from before_and_after
    left join other_kind using (agency_code, product_id, year)
    where
        before_and_after.gross_before <> before_and_after.gross_after
        or before_and_after.net_before <> before_and_after.net_after
        or before_and_after.amount_before_kopecks is distinct from before_and_after.amount_after_kopecks
        or other_kind.quantity > 0
),

-- If the models are others, what is left of an order line without the agencies that change may differ, too.
line_before as (
    select *
    from city_order.order_line
    where
        release_id = %(base_release_id)s and (select base.is_of_other_models from base)
        and (%(touched)s::text[] is null or product_id = any(%(touched)s::text[]))
),

line_after as (
    select *
    from city_order.order_line_version
    where release_id = %(release_id)s and (select base.is_of_other_models from base)
),

changing as (
    select
        product_id,
        '796' as unit,
        year,
        sum(gross_before) as gross_before,
        sum(gross_after) as gross_after,
        sum(net_before) as net_before,
        sum(net_after) as net_after,
        sum(amount_before_kopecks) as amount_before_kopecks,
        sum(amount_after_kopecks) as amount_after_kopecks
    from of_agencies
    where (select base.is_of_other_models from base)
    group by product_id, year
),

of_models as (
    select
        product_id,
        year,
        coalesce(line_before.gross_quantity, 0) - coalesce(changing.gross_before, 0) as gross_before,
        coalesce(line_after.gross_quantity, 0) - coalesce(changing.gross_after, 0) as gross_after,
        coalesce(line_before.net_quantity, 0) - coalesce(changing.net_before, 0) as net_before,
        coalesce(line_after.net_quantity, 0) - coalesce(changing.net_after, 0) as net_after,
        coalesce(line_before.amount_kopecks, 0) - coalesce(changing.amount_before_kopecks, 0) as amount_before_kopecks,
        coalesce(line_after.amount_kopecks, 0) - coalesce(changing.amount_after_kopecks, 0) as amount_after_kopecks
    from line_before
    full join line_after using (product_id, unit, year)
    full join changing using (product_id, unit, year)
)

select
    %(release_id)s as release_id,
    product_id,
    '796' as unit,
    year,
    agency_code,
    cause,
    gross_before,
    gross_after,
    net_before,
    net_after,
    amount_before_kopecks,
    amount_after_kopecks,
    other_kind_quantity
from of_agencies
union all
select
    %(release_id)s as release_id,
    product_id,
    '796' as unit,
    year,
    null as agency_code,
    'changed_model' as cause,
    gross_before,
    gross_after,
    net_before,
    net_after,
    amount_before_kopecks,
    amount_after_kopecks,
    0 as other_kind_quantity
from of_models
where
    gross_before <> gross_after or net_before <> net_after
    or amount_before_kopecks <> amount_after_kopecks
