-- Lines of a batch that ask for the same as an answer of a superior or a subordinate to the same survey: the same product in the
-- same quantities, year by year. Subordinates count with all theirs below, superiors up to the top, as of the survey's day.
-- Grain: receipt_no, line_position.  Reads: compared_receipt, compared_line, reference.agency_version, core.demand_line.
with recursive

survey as (
    select distinct
        receipt.survey_code,
        receipt.reference_as_of_date
    from compared_receipt as receipt
),

agency as (
    select
        survey.survey_code,
        version.agency_code,
        version.name,
        version.parent_code
    from survey
    cross join lateral (
        select distinct on (agency_version.agency_code)
            agency_version.agency_code,
            agency_version.name,
            agency_version.parent_code
        from reference.agency_version
        order by
            agency_version.agency_code asc,
            agency_version.valid_from <= survey.reference_as_of_date desc,
            agency_version.valid_from desc
    ) as version
),

ascent as (
    select
        agency.survey_code,
        agency.agency_code,
        agency.parent_code as superior_code,
        1 as steps
    from agency
    where agency.parent_code is not null
    union all
    select
        ascent.survey_code,
        ascent.agency_code,
        agency.parent_code as superior_code,
        ascent.steps + 1 as steps
    from ascent
    inner join agency on agency.survey_code = ascent.survey_code and agency.agency_code = ascent.superior_code
    -- A circle of parents must not turn for ever.
    where agency.parent_code is not null and ascent.steps < 9
),

relation as (
    select
        ascent.survey_code,
        ascent.superior_code as agency_code,
        ascent.agency_code as relative_code,
        true as is_below,
        ascent.steps = 1 as is_direct
    from ascent
    union all
    select
        ascent.survey_code,
        ascent.agency_code,
        ascent.superior_code as relative_code,
        false as is_below,
        ascent.steps = 1 as is_direct
    from ascent
),

relative as (
    select
        relation.*,
        agency.name
    from relation
    inner join agency on agency.survey_code = relation.survey_code and agency.agency_code = relation.relative_code
    where
        (relation.survey_code, relation.agency_code) in (
            select
                receipt.survey_code,
                receipt.agency_code
            from compared_receipt as receipt
        )
),

-- What the relatives ask for: in this batch, by their last receipt; else in what stands of them. A superior that is in the
-- batch itself is told there.
theirs as (
    select
        relative.*,
        line.receipt_no,
        line.product_id,
        line.counted_in,
        line.quantities
    from relative
    inner join compared_line as line
        on line.survey_code = relative.survey_code and line.agency_code = relative.relative_code
    where relative.is_below and line.is_last_of_agency and not line.is_refused
    union all
    select
        relative.*,
        line.receipt_no,
        line.product_id,
        case when line.pieces_per_unit is null then line.unit else '' end as counted_in,
        array[
            coalesce(line.demand_2026 * coalesce(line.pieces_per_unit, 1), 0),
            coalesce(line.demand_2027 * coalesce(line.pieces_per_unit, 1), 0),
            coalesce(line.demand_2028 * coalesce(line.pieces_per_unit, 1), 0),
            coalesce(line.demand_2029 * coalesce(line.pieces_per_unit, 1), 0),
            coalesce(line.demand_2030 * coalesce(line.pieces_per_unit, 1), 0),
            coalesce(line.demand_2031 * coalesce(line.pieces_per_unit, 1), 0),
            coalesce(line.demand_2032 * coalesce(line.pieces_per_unit, 1), 0),
            coalesce(line.demand_2033 * coalesce(line.pieces_per_unit, 1), 0),
            coalesce(line.demand_2034 * coalesce(line.pieces_per_unit, 1), 0),
            coalesce(line.demand_2035 * coalesce(line.pieces_per_unit, 1), 0)
        ] as quantities
    from relative
    inner join core.submission
        on submission.survey_code = relative.survey_code and submission.agency_code = relative.relative_code
    inner join core.demand_line as line on line.submission_id = submission.submission_id
    where
        submission.superseded_by is null and submission.withdrawn_at is null
        and (relative.survey_code, relative.relative_code) not in (
            select
                receipt.survey_code,
                receipt.agency_code
            from compared_receipt as receipt
        )
),

-- Own lines, theirs, and sums of the direct subordinates' under one another, then grouped by what they ask for.
said as (
    select
        line.survey_code,
        line.agency_code,
        line.product_id,
        line.counted_in,
        line.quantities,
        'own' as whose,
        line.receipt_no,
        line.line_position,
        null as name
    from compared_line as line
    where line.total > 0
    union all
    select
        theirs.survey_code,
        theirs.agency_code,
        theirs.product_id,
        theirs.counted_in,
        theirs.quantities,
        case when theirs.is_below then 'below' else 'above' end as whose,
        theirs.receipt_no,
        null as line_position,
        theirs.name
    from theirs
    union all
    select
        theirs.survey_code,
        theirs.agency_code,
        theirs.product_id,
        theirs.counted_in,
        array[
            sum(theirs.quantities[1]), sum(theirs.quantities[2]), sum(theirs.quantities[3]),
            sum(theirs.quantities[4]), sum(theirs.quantities[5]), sum(theirs.quantities[6]),
            sum(theirs.quantities[7]), sum(theirs.quantities[8]), sum(theirs.quantities[9]),
            sum(theirs.quantities[10])
        ] as quantities,
        'sum' as whose,
        null as receipt_no,
        null as line_position,
        string_agg(distinct theirs.name, '; ') as name
    from theirs
    where theirs.is_below and theirs.is_direct
    group by theirs.survey_code, theirs.agency_code, theirs.product_id, theirs.counted_in
    having count(distinct theirs.relative_code) > 1
),

grouped as (
    select
        array_agg(said.receipt_no) filter (where said.whose = 'own') as receipt_nos,
        array_agg(said.line_position) filter (where said.whose = 'own') as line_positions,
        string_agg(distinct '«' || said.name || '» (квитанция № ' || said.receipt_no || ')', ', ')
            filter (where said.whose = 'below') as below,
        string_agg(said.name, '; ') filter (where said.whose = 'sum') as in_sum,
        string_agg(distinct '«' || said.name || '» (квитанция № ' || said.receipt_no || ')', ', ')
            filter (where said.whose = 'above') as above,
        (select sum(asked.quantity) from unnest(said.quantities) as asked (quantity)) as quantity
    from said
    group by said.survey_code, said.agency_code, said.product_id, said.counted_in, said.quantities
    having bool_or(said.whose = 'own') and bool_or(said.whose <> 'own')
)

select
    %(batch_id)s as batch_id,
    own.receipt_no,
    own.line_position,
    grouped.quantity,
    case
        when grouped.below is not null then 'subordinate'
        when grouped.in_sum is not null then 'subordinates'
        else 'superior'
    end as whose,
    left(coalesce(grouped.below, grouped.in_sum, grouped.above), 500) as named
from grouped
cross join lateral unnest(grouped.receipt_nos, grouped.line_positions) as own (receipt_no, line_position)
