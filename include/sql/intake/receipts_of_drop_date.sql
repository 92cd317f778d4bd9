-- What a night over a past drop date has to process. The largest first.
-- Grain: receipt_no.  Reads: landing.receipt.
select
    receipt_no,
    size_bytes
from landing.receipt
where drop_date = %(drop_date)s
order by size_bytes desc, receipt_no asc
