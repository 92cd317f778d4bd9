-- What a survey's waivers cover of a batch's violations stops nothing: it is told as a warning, with the waiver. One for
-- the item comes before one for all of the answer.
-- Reads: landing.receipt, reference.waiver, staging.line.
update staging.violation
set severity = 'W', waiver = granted.told
from (
    select distinct on (violation.violation_id)
        violation.violation_id,
        waiver.reason || ' (до ' || to_char(waiver.until_date, 'DD.MM.YYYY') || ' включительно)' as told
    from staging.violation
    inner join landing.receipt on receipt.receipt_no = violation.receipt_no
    inner join reference.waiver
        on
            waiver.survey_code = receipt.survey_code
            and waiver.agency_code = receipt.agency_code
            and waiver.rule_id = violation.rule_id
            and waiver.until_date >= (receipt.arrived_at at time zone 'Europe/Moscow')::date
    left join staging.line on line.receipt_no = violation.receipt_no and line.line_position = violation.line_position
    where
        violation.batch_id = %(batch_id)s and violation.may_be_waived and violation.waiver = ''
        and (
            waiver.item = '*' or line.matching_key = waiver.matching_key or line.name_key = waiver.name_key
            or violation.value = waiver.item
        )
    order by violation.violation_id, waiver.item = '*', waiver.item
) as granted
where violation.violation_id = granted.violation_id
