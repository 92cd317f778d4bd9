-- What the checks of a batch come to, receipt by receipt. A line that only repeats another is a duplicate, not rejected.
-- Grain: receipt_no.  Reads: staging.batch_receipt, staging.reading, staging.violation.
with

refused_line as (
    select
        receipt_no,
        line_position,
        bool_and(rule_id = 'D01') as only_repeats
    from staging.violation
    where batch_id = %(batch_id)s and line_position is not null and severity = 'E'
    group by receipt_no, line_position
),

refused as (
    select
        receipt_no,
        count(*) filter (where not only_repeats) as lines_rejected,
        count(*) filter (where only_repeats) as lines_duplicate
    from refused_line
    group by receipt_no
),

said as (
    select
        receipt_no,
        count(*) filter (where severity = 'W') as warnings,
        count(*) filter (where severity = 'E' and line_position is null) as file_errors,
        string_agg(distinct rule_id, ', ' order by rule_id) filter (where severity = 'E' and line_position is null)
            as file_rules
    from staging.violation
    where batch_id = %(batch_id)s
    group by receipt_no
)

select
    batch_receipt.receipt_no,
    reading.reading_sha256,
    reading.content_sha256,
    reading.lines_delivered,
    coalesce(refused.lines_rejected, 0) as lines_rejected,
    coalesce(refused.lines_duplicate, 0) as lines_duplicate,
    coalesce(said.warnings, 0) as warnings,
    coalesce(said.file_errors, 0) as file_errors,
    coalesce(said.file_rules, '') as file_rules
from staging.batch_receipt
inner join staging.reading on reading.receipt_no = batch_receipt.receipt_no
left join refused on refused.receipt_no = batch_receipt.receipt_no
left join said on said.receipt_no = batch_receipt.receipt_no
where batch_receipt.batch_id = %(batch_id)s
order by batch_receipt.receipt_no
