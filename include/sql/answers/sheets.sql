-- The sheets on which tables were found.
-- Grain: receipt_no, sheet.  Reads: staging.form_column.
select distinct
receipt_no,
case when member = '' then sheet else member || ': ' || sheet end as sheet
from staging.form_column
where receipt_no = any(%(receipts)s) and sheet <> ''
order by receipt_no, sheet
