-- Each answer of a batch as a whole: whether its years are all alike, whether it repeats the last one, what that one asked for.
-- Grain: receipt_no.  Reads: compared_receipt, compared_line, staging.compared_item.
with

asked as (
    select
        line.receipt_no,
        count(*) filter (where line.largest > 0) as lines_with_demand,
        count(*) filter (where line.is_flat) as flat_lines,
        sum(line.total) as quantity
    from compared_line as line
    where not line.is_refused
    group by line.receipt_no
),

before as (
    select
        item.receipt_no,
        count(*) filter (where item.quantity_before > 0) as items,
        sum(item.quantity_before) as quantity,
        min(item.period) as period,
        bool_and(item.is_comparable and item.is_same_by_year) as is_same_by_year,
        bool_and(item.is_comparable and item.is_same_by_column) as is_same_by_column
    from staging.compared_item as item
    where item.batch_id = %(batch_id)s
    group by item.receipt_no
)

select
    %(batch_id)s as batch_id,
    receipt.receipt_no,
    receipt.is_nil_return,
    cardinality(receipt.years) as years,
    coalesce(asked.quantity, 0) as quantity_now,
    coalesce(asked.flat_lines::numeric / nullif(asked.lines_with_demand, 0), 0) as flat_share,
    coalesce(asked.quantity > 0 and (before.is_same_by_year or before.is_same_by_column), false) as is_copy,
    coalesce(before.quantity, 0) as quantity_before,
    coalesce(before.items, 0) as items_before,
    coalesce(before.period, '') as period,
    coalesce(receipt.survey_before, '') as survey_before
from compared_receipt as receipt
left join asked on asked.receipt_no = receipt.receipt_no
left join before on before.receipt_no = receipt.receipt_no
