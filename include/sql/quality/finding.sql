-- The violations of a batch as the agency will be told them: where, what was typed, which sentence.
-- A line's cell is its field's column; a field without a column is shown at the item's name. What a relation says of the
-- place itself comes first.
-- Grain: receipt_no, line_position, rule_id, field.  Reads: staging.violation, staging.line, staging.form_column.
select
    violation.receipt_no,
    judgement.rules_version,
    judgement.reference_version,
    violation.rule_id,
    violation.severity,
    coalesce(violation.member, line.member, '') as member,
    coalesce(violation.sheet, line.sheet, '') as sheet,
    case
        when violation.cell is not null then violation.cell
        when line.line_position is not null
            then coalesce(coalesce(meant.column_letter, item.column_letter) || line.row_number, '')
        when violation.field = 'sender_inn' then reading.sender_inn_cell
        when violation.field = 'sender_kpp' then reading.sender_kpp_cell
        when violation.field = 'sender_survey' then reading.sender_survey_cell
        when reading.ambiguous_fields ? violation.field
            then (
                select string_agg(place.cell, ', ' order by place.nth)
                from jsonb_array_elements_text(reading.ambiguous_fields -> violation.field)
                    with ordinality as place (cell, nth)
            )
        else ''
    end as cell,
    violation.line_position,
    violation.field,
    case
        when violation.value is not null then violation.value
        when line.line_position is not null then coalesce(line.raw ->> violation.field, '')
        when violation.field = 'sender_inn' then reading.sender_inn_typed
        when violation.field = 'sender_kpp' then reading.sender_kpp
        when violation.field = 'sender_survey' then reading.sender_survey
        when violation.rule_id = 'F01' then reading.reason
        else ''
    end as value,
    violation.message,
    violation.expected,
    violation.waiver
from staging.violation
inner join staging.reading on reading.receipt_no = violation.receipt_no
inner join quality.judgement on judgement.receipt_no = violation.receipt_no and judgement.stands
left join staging.line on line.receipt_no = violation.receipt_no and line.line_position = violation.line_position
left join staging.form_column as meant
    on
        meant.receipt_no = line.receipt_no and meant.member = line.member and meant.sheet = line.sheet
        and meant.field = violation.field
left join staging.form_column as item
    on
        item.receipt_no = line.receipt_no and item.member = line.member and item.sheet = line.sheet
        and item.field = 'item_name'
where violation.batch_id = %(batch_id)s and violation.receipt_no = any(%(receipts)s)
order by violation.receipt_no, violation.line_position nulls first, violation.rule_id, violation.field
