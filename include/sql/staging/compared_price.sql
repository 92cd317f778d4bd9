-- Prices of a batch for one piece, beside the median of what the agencies of the survey pay for the product, and the median
-- deviation from it: by the last receipt of each agency in this batch, and by what stands of the others.
-- Grain: receipt_no, line_position.  Reads: compared_receipt, compared_line, staging.compared_item, core.demand_line.
with

own as (
    select
        line.survey_code,
        line.agency_code,
        line.product_id,
        line.price_rub,
        line.is_last_of_agency as counts,
        line.receipt_no,
        line.line_position,
        line.item_key,
        line.unit,
        line.pieces_per_unit
    from compared_line as line
    where line.price_rub > 0
),

-- What stands of agencies that are not in the batch.
standing as materialized (
    select
        submission.survey_code,
        submission.agency_code,
        submission.submission_id
    from core.submission
    where
        submission.superseded_by is null and submission.withdrawn_at is null
        and submission.survey_code in (select receipt.survey_code from compared_receipt as receipt)
        and (submission.survey_code, submission.agency_code) not in (
            select
                receipt.survey_code,
                receipt.agency_code
            from compared_receipt as receipt
        )
),

-- Found by submission: the lines that ask for one product grow in number with every survey.
held as materialized (
    select
        standing.survey_code,
        standing.agency_code,
        line.product_id,
        line.unit_price_rub / line.pieces_per_unit as price_rub
    from standing
    cross join lateral (
        select
            demand_line.product_id,
            demand_line.unit_price_rub,
            demand_line.pieces_per_unit
        from core.demand_line
        where
            demand_line.submission_id = standing.submission_id
            and demand_line.unit_price_rub > 0 and demand_line.pieces_per_unit is not null
        order by demand_line.line_position
        -- Bars the planner from reading all lines of all surveys at once, which is cheaper only while there are few.
        offset 0
    ) as line
),

said as (
    select
        own.survey_code,
        own.agency_code,
        own.product_id,
        own.price_rub
    from own
    where own.counts
    union all
    select held.*
    from held
    where
        (held.survey_code, held.product_id) in (
            select
                own.survey_code,
                own.product_id
            from own
        )
),

-- However many lines an agency has for a product, it has one price.
paid as (
    select
        said.survey_code,
        said.product_id,
        percentile_cont(0.5) within group (order by said.price_rub)::numeric as price_rub
    from said
    group by said.survey_code, said.product_id, said.agency_code
),

usual as (
    select
        paid.survey_code,
        paid.product_id,
        count(*) as prices,
        percentile_cont(0.5) within group (order by paid.price_rub)::numeric as median_rub,
        array_agg(paid.price_rub) as prices_rub
    from paid
    group by paid.survey_code, paid.product_id
),

-- Once for each product, not for each line.
spread as materialized (
    select
        usual.survey_code,
        usual.product_id,
        usual.prices,
        usual.median_rub,
        deviation.median_rub as deviation_rub
    from usual
    cross join lateral (
        select percentile_cont(0.5) within group (order by abs(price.rub - usual.median_rub))::numeric as median_rub
        from unnest(usual.prices_rub) as price (rub)
    ) as deviation
)

select
    %(batch_id)s as batch_id,
    own.receipt_no,
    own.line_position,
    own.price_rub,
    spread.prices,
    spread.median_rub,
    spread.deviation_rub,
    own.pieces_per_unit,
    unit.symbol as unit_symbol,
    coalesce(item.is_unit_slip, false) as is_unit_slip
from own
inner join spread on spread.survey_code = own.survey_code and spread.product_id = own.product_id
inner join reference.unit on unit.okei_code = own.unit
left join staging.compared_item as item
    on
        item.batch_id = %(batch_id)s and item.receipt_no = own.receipt_no and item.item_key = own.item_key
        and item.is_unit_slip
