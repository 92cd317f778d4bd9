-- Lines of the compared receipts. Quantities are in pieces, year by year from 2026 on, or in the unit counted_in if it has no
-- way to pieces. An item is a part, whoever makes it, else a product. A refused line only says that its item was named.
-- Grain: receipt_no, line_position.  Reads: compared_receipt, staging.identified_line, staging.violation.
select
    line.receipt_no,
    line.line_position,
    receipt.survey_code,
    receipt.agency_code,
    receipt.is_last_of_agency,
    line.product_id,
    md5(coalesce(line.known_key, line.product_id)) as item_key,
    case when line.pieces_per_unit is null then coalesce(line.unit, '') else '' end as counted_in,
    line.item_name,
    line.comment,
    line.unit,
    line.pieces_per_unit,
    refused.is_refused,
    case when not refused.is_refused then line.unit_price_rub / line.pieces_per_unit end as price_rub,
    case when not refused.is_refused then quantity.of_years end as quantities,
    coalesce(asked.total, 0) as total,
    asked.largest,
    'demand_' || 2025 + array_position(quantity.of_years, asked.largest) as largest_field,
    -- Years outside the horizon are zero.
    coalesce(
        asked.largest > 0 and cardinality(array_positions(quantity.of_years, asked.largest)) = cardinality(receipt.years), false
    ) as is_flat
from compared_receipt as receipt
inner join staging.identified_line as line on line.receipt_no = receipt.receipt_no
cross join lateral (
    select
        exists(
            select 1 from staging.violation
            where
                violation.batch_id = %(batch_id)s and violation.receipt_no = line.receipt_no
                and violation.line_position = line.line_position and violation.severity = 'E'
        ) as is_refused
) as refused
cross join lateral (
    select
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
        ] as of_years
) as quantity
cross join lateral (
    select
        sum(entry.quantity) as total,
        max(entry.quantity) as largest
    from unnest(quantity.of_years) as entry (quantity)
    where not refused.is_refused
) as asked
