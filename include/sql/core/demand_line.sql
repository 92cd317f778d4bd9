-- The accepted lines of these submissions: those without an error.
-- Grain: submission_id, line_position.  Reads: core.submission, staging.identified_line, quality.finding.
select
    submission.submission_id,
    line.line_position,
    line.receipt_no,
    line.member,
    line.sheet,
    line.row_number,
    line.raw,
    line.cleaned_by,
    line.product_id,
    line.pieces_per_unit,
    line.item_name,
    line.component_class,
    line.part_number,
    line.manufacturer,
    line.country,
    line.okpd2_code,
    line.unit,
    line.pack_size,
    line.stock,
    line.contracted,
    line.unit_price_rub,
    line.used_in,
    line.need_kind,
    line.domestic_analog,
    line.chemistry,
    line.battery_use,
    line.voltage_v,
    line.capacity_ah,
    line.energy_kwh,
    line.comment,
    line.demand_2026,
    line.demand_2027,
    line.demand_2028,
    line.demand_2029,
    line.demand_2030,
    line.demand_2031,
    line.demand_2032,
    line.demand_2033,
    line.demand_2034,
    line.demand_2035,
    line.outside_horizon
from core.submission
inner join staging.identified_line as line using (receipt_no)
where
    submission.submission_id = any(%(submission_ids)s)
    and not exists (
        select 1 from quality.finding
        where
            finding.receipt_no = submission.receipt_no
            and finding.rules_version = submission.rules_version
            and finding.reference_version = submission.reference_version
            and finding.line_position = line.line_position
            and finding.severity = 'E'
    )
