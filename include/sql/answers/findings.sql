-- The findings of the standing judgements. One that tells of a repeat (D01) has the cell of the first line of its item.
-- What makes two lines one item is as in staging.repeat_to_check, which stands only while a batch is judged.
-- Grain: finding_id.  Reads: quality.standing_finding, staging.line, staging.form_column.
with

finding as (
    select standing_finding.*
    from quality.standing_finding
    where standing_finding.receipt_no = any(%(receipts)s)
),

compared as (
    select
        line.receipt_no,
        line.line_position,
        first_value(line.line_position) over same_item as first_of_item,
        first_value(line.line_position) over same_line as first_of_line
    from staging.line
    where
        exists (
            select 1 from finding
            where finding.receipt_no = line.receipt_no and finding.rule_id = 'D01'
        )
        and not exists (
            select 1 from finding
            where
                finding.receipt_no = line.receipt_no and finding.line_position = line.line_position
                and finding.severity = 'E' and finding.rule_id <> 'D01'
        )
    window
        same_item as (
            partition by
                line.receipt_no, line.name_key, line.matching_key,
                case when line.matching_key is null then line.okpd2_code end, line.manufacturer_key, line.unit,
                line.pack_size, line.used_in, line.need_kind, line.chemistry, line.battery_use, line.voltage_v,
                line.capacity_ah
            order by line.line_position
        ),
        same_line as (
            partition by
                line.receipt_no, line.name_key, line.matching_key,
                case when line.matching_key is null then line.okpd2_code end, line.manufacturer_key, line.unit,
                line.pack_size, line.used_in, line.need_kind, line.chemistry, line.battery_use, line.voltage_v,
                line.capacity_ah, line.demand_2026, line.demand_2027, line.demand_2028, line.demand_2029,
                line.demand_2030, line.demand_2031, line.demand_2032, line.demand_2033, line.demand_2034,
                line.demand_2035, line.outside_horizon, line.stock, line.contracted
            order by line.line_position
        )
)

select
    finding.receipt_no,
    finding.rule_id,
    finding.severity,
    finding.member,
    finding.sheet,
    finding.cell,
    finding.line_position,
    finding.field,
    finding.value,
    finding.message,
    finding.expected,
    finding.waiver,
    finding.line_position is null or finding.field = '' or exists (
        select 1 from staging.form_column
        where
            form_column.receipt_no = finding.receipt_no and form_column.member = finding.member
            and form_column.sheet = finding.sheet and form_column.field = finding.field
    ) as has_column,
    coalesce(first_line.member, '') as first_member,
    coalesce(first_line.sheet, '') as first_sheet,
    coalesce(item.column_letter || first_line.row_number, '') as first_cell
from finding
left join compared
    on
        finding.rule_id = 'D01'
        and compared.receipt_no = finding.receipt_no and compared.line_position = finding.line_position
-- An error tells of a line with the same quantities, a warning of any line of the item.
left join staging.line as first_line
    on
        first_line.receipt_no = compared.receipt_no and first_line.line_position <> compared.line_position
        and first_line.line_position = case finding.severity when 'E' then compared.first_of_line else compared.first_of_item end
left join staging.form_column as item
    on
        item.receipt_no = first_line.receipt_no and item.member = first_line.member and item.sheet = first_line.sheet
        and item.field = 'item_name'
