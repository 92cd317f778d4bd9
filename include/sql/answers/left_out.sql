-- Rows of the files that are no lines, counted by why; of those that were not recognised, the first with their places.
-- Each element of `left_out` is member, sheet, row number, why.
-- Grain: receipt_no, why.  Reads: staging.reading.
with

entry as (
    select
        reading.receipt_no,
        left_out.entry ->> 3 as why,
        left_out.entry ->> 0 as member,
        left_out.entry - 3 as place,
        row_number() over (partition by reading.receipt_no, left_out.entry ->> 3 order by left_out.nth) as nth
    from staging.reading
    cross join lateral jsonb_array_elements(reading.left_out) with ordinality as left_out (entry, nth)
    where reading.receipt_no = any(%(receipts)s)
)

select
    receipt_no,
    why,
    count(*) as rows,
    coalesce(array_agg(distinct member) filter (where why = 'unknown_format'), '{}') as members,
    coalesce(
        jsonb_agg(place order by nth) filter (where why = 'not_recognised' and nth <= %(rows_shown)s), '[]'
    ) as places
from entry
group by receipt_no, why
