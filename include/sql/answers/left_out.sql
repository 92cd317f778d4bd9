-- Rows of the files that are no lines, counted by why.
-- Each element of `left_out` is member, sheet, row number, why.
-- Grain: receipt_no, why.  Reads: staging.reading.
select
    reading.receipt_no,
    entry ->> 3 as why,
    count(*) as rows,
    coalesce(array_agg(distinct entry ->> 0) filter (where entry ->> 3 = 'unknown_format'), '{}') as members
from staging.reading
cross join lateral jsonb_array_elements(reading.left_out) as entry
where reading.receipt_no = any(%(receipts)s)
group by reading.receipt_no, entry ->> 3
