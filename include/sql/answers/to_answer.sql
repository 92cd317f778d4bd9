-- Receipts to answer: those asked for, and (with the others) all that have a verdict and no answer yet.
-- Grain: receipt_no.  Reads: landing.receipt.
select receipt_no
from landing.receipt
where verdict is not null and ((%(others)s and answered_at is null) or receipt_no = any(%(receipts)s))
order by receipt_no
