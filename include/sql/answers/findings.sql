-- The findings of the standing judgements.
-- Grain: finding_id.  Reads: quality.standing_finding.
select
receipt_no,
rule_id,
severity,
member,
sheet,
cell,
line_position,
field,
value,
message
from quality.standing_finding
where receipt_no = any(%(receipts)s)
