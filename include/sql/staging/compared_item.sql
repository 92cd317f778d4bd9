-- What each agency of a batch asks for now, beside what it asked for in the last survey: the years of both surveys, or a
-- year's average if they share none. The line, and its field, are those of the largest quantity.
-- Grain: receipt_no, item_key.  Reads: compared_receipt, compared_line, core.demand_line, core.product.
with

-- Now and before under one another and then grouped, not joined: equally fast whatever the planner expects.
said as (
    select
        line.receipt_no,
        line.item_key,
        true as is_now,
        line.is_refused,
        line.line_position,
        line.largest,
        line.largest_field,
        line.counted_in,
        line.quantities,
        null as matching_key,
        null as item_name,
        null as part_number
    from compared_line as line
    inner join compared_receipt as receipt on receipt.receipt_no = line.receipt_no
    where receipt.survey_before is not null
    union all
    select
        receipt.receipt_no,
        md5(coalesce(product.matching_key, line.product_id)) as item_key,
        false as is_now,
        false as is_refused,
        line.line_position,
        null as largest,
        null as largest_field,
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
        ] as quantities,
        product.matching_key,
        line.item_name,
        line.part_number
    from compared_receipt as receipt
    inner join core.demand_line as line on line.submission_id = any(receipt.submission_ids)
    inner join core.product on product.product_id = line.product_id
),

item as (
    select
        said.receipt_no,
        said.item_key,
        bool_or(said.is_now) as is_named_now,
        bool_or(not said.is_now) as was_named_before,
        (array_agg(said.line_position order by said.largest desc nulls last, said.line_position asc)
            filter (where said.is_now and not said.is_refused))[1] as line_position,
        (array_agg(said.largest_field order by said.largest desc nulls last, said.line_position asc)
            filter (where said.is_now and not said.is_refused))[1] as field,
        min(said.matching_key) as matching_key,
        (array_agg(said.item_name order by said.line_position) filter (where not said.is_now))[1] as item_name,
        (array_agg(said.part_number order by said.line_position) filter (where not said.is_now))[1] as part_number,
        min(said.counted_in) as counted_in,
        -- Pieces have no ratio to what cannot be counted in pieces; a refused line leaves its item's sum open.
        min(said.counted_in) = max(said.counted_in) and not bool_or(said.is_refused) as is_comparable,
        array[
            coalesce(sum(said.quantities[1]) filter (where said.is_now), 0),
            coalesce(sum(said.quantities[2]) filter (where said.is_now), 0),
            coalesce(sum(said.quantities[3]) filter (where said.is_now), 0),
            coalesce(sum(said.quantities[4]) filter (where said.is_now), 0),
            coalesce(sum(said.quantities[5]) filter (where said.is_now), 0),
            coalesce(sum(said.quantities[6]) filter (where said.is_now), 0),
            coalesce(sum(said.quantities[7]) filter (where said.is_now), 0),
            coalesce(sum(said.quantities[8]) filter (where said.is_now), 0),
            coalesce(sum(said.quantities[9]) filter (where said.is_now), 0),
            coalesce(sum(said.quantities[10]) filter (where said.is_now), 0)
        ] as quantities_now,
        array[
            coalesce(sum(said.quantities[1]) filter (where not said.is_now), 0),
            coalesce(sum(said.quantities[2]) filter (where not said.is_now), 0),
            coalesce(sum(said.quantities[3]) filter (where not said.is_now), 0),
            coalesce(sum(said.quantities[4]) filter (where not said.is_now), 0),
            coalesce(sum(said.quantities[5]) filter (where not said.is_now), 0),
            coalesce(sum(said.quantities[6]) filter (where not said.is_now), 0),
            coalesce(sum(said.quantities[7]) filter (where not said.is_now), 0),
            coalesce(sum(said.quantities[8]) filter (where not said.is_now), 0),
            coalesce(sum(said.quantities[9]) filter (where not said.is_now), 0),
            coalesce(sum(said.quantities[10]) filter (where not said.is_now), 0)
        ] as quantities_before
    from said
    group by said.receipt_no, said.item_key
),

-- Words as part numbers are compared, so that a remark may name a part in any spelling. A battery in a refused line may have
-- lost what makes it that battery: there its name counts.
told as (
    select
        line.receipt_no,
        bool_or(not line.is_refused) as has_sound_line,
        array_agg(lower(line.item_name)) filter (where line.is_refused and line.item_name is not null) as refused_names,
        left(
            string_agg(
                translate(upper(regexp_replace(line.comment, '[\s‐-―−-]', '', 'g')), 'АВЕКМНОРСТУХ', 'ABEKMHOPCTYX'),
                ' ' order by line.line_position
            ),
            100000
        ) as remarks
    from compared_line as line
    group by line.receipt_no
)

select
    %(batch_id)s as batch_id,
    item.receipt_no,
    item.item_key,
    item.line_position,
    item.field,
    item.is_named_now,
    item.was_named_before,
    item.is_comparable,
    item.matching_key,
    item.item_name,
    item.part_number,
    coalesce(unit.symbol, 'шт') as unit_symbol,
    receipt.survey_before,
    case cardinality(receipt.years_of_both)
        when 0 then 'в среднем за год'
        when 1 then 'за ' || receipt.years_of_both[1] || ' год'
        else
            'за ' || receipt.years_of_both[1] || '–' || receipt.years_of_both[cardinality(receipt.years_of_both)] || ' годы'
    end as period,
    asked.total_now,
    compared.quantity_now,
    compared.quantity_before,
    -- A thousand times or a thousandth, give or take 2 per cent: of what was asked for the same years, or of whole answers.
    coalesce(
        least(
            abs(compared.quantity_now / nullif(compared.quantity_before, 0) / 1000 - 1),
            abs(compared.quantity_before / nullif(compared.quantity_now, 0) / 1000 - 1),
            abs(asked.average_now / nullif(asked.average_before, 0) / 1000 - 1),
            abs(asked.average_before / nullif(asked.average_now, 0) / 1000 - 1)
        ) <= 0.02,
        false
    ) and item.is_comparable as is_unit_slip,
    coalesce(slice.both_now = slice.both_before, asked.total_now = 0) and asked.total_now = both_years.now as is_same_by_year,
    coalesce(slice.years_now = slice.years_before, false) as is_same_by_column,
    missing.without_a_word as is_missing,
    case
        when missing.without_a_word
            then row_number() over (
                partition by item.receipt_no, missing.without_a_word
                order by compared.quantity_before desc, item.item_name asc, item.item_key asc
            )
    end as place
from item
inner join compared_receipt as receipt on receipt.receipt_no = item.receipt_no
left join reference.unit on unit.okei_code = item.counted_in
-- The years of a survey follow one another without a gap: they are a slice of the quantities, which begin with 2026.
cross join lateral (
    select
        item.quantities_now[receipt.years[1] - 2025:receipt.years[cardinality(receipt.years)] - 2025] as years_now,
        item.quantities_before[receipt.years_before[1] - 2025:receipt.years_before[cardinality(receipt.years_before)] - 2025]
            as years_before,
        item.quantities_now[receipt.years_of_both[1] - 2025:receipt.years_of_both[cardinality(receipt.years_of_both)] - 2025]
            as both_now,
        item.quantities_before[receipt.years_of_both[1] - 2025:receipt.years_of_both[cardinality(receipt.years_of_both)] - 2025]
            as both_before
) as slice
cross join lateral (
    select
        coalesce(sum(entry.now), 0) as total_now,
        coalesce(sum(entry.now), 0) / cardinality(receipt.years) as average_now,
        coalesce(sum(entry.before), 0) / cardinality(receipt.years_before) as average_before
    from unnest(slice.years_now, slice.years_before) as entry (now, before)
) as asked
cross join lateral (
    select
        coalesce(sum(entry.now), 0) as now,
        coalesce(sum(entry.before), 0) as before
    from unnest(slice.both_now, slice.both_before) as entry (now, before)
) as both_years
cross join lateral (
    select
        case when receipt.years_of_both = '{}' then asked.average_now else both_years.now end as quantity_now,
        case when receipt.years_of_both = '{}' then asked.average_before else both_years.before end as quantity_before
) as compared
left join told on told.receipt_no = item.receipt_no
cross join lateral (
    select
        coalesce(told.has_sound_line, false)
        and not item.is_named_now and compared.quantity_before > 0
        and coalesce(
            strpos(
                told.remarks,
                coalesce(
                    item.matching_key,
                    translate(upper(regexp_replace(item.item_name, '[\s‐-―−-]', '', 'g')), 'АВЕКМНОРСТУХ', 'ABEKMHOPCTYX')
                )
            ) = 0,
            true
        )
        and coalesce(lower(item.item_name) <> all(told.refused_names), true) as without_a_word
) as missing
