-- The finding F03 for each duplicate that has none. It needs all receipts of an agency, so `load` writes it, not `judge`.
-- Reads: landing.receipt, quality.judgement.
insert into quality.finding (
    receipt_no, rules_version, reference_version, rule_id, severity, member, sheet, cell, field, value, message
)
select
    judgement.receipt_no,
    judgement.rules_version,
    judgement.reference_version,
    %(rule_id)s as rule_id,
    %(severity)s as severity,
    '' as member,
    '' as sheet,
    '' as cell,
    '' as field,
    '' as value,
    %(message)s as message
from landing.receipt
inner join quality.judgement on judgement.receipt_no = receipt.receipt_no and judgement.stands
where
    receipt.receipt_no = any(%(receipts)s) and receipt.verdict = 'duplicate'
    and not exists (
        select 1 from quality.finding
        where
            finding.receipt_no = judgement.receipt_no
            and finding.rules_version = judgement.rules_version
            and finding.reference_version = judgement.reference_version
            and finding.rule_id = %(rule_id)s
    )
