-- Products that the lines of these submissions ask for and that have no row yet.
-- Grain: product_id.  Reads: core.submission, staging.accepted_line, core.product.
select distinct
    line.product_id,
    line.programme,
    line.known_key as matching_key,
    line.manufacturer_code,
    line.unknown_manufacturer_key as manufacturer_key,
    line.generic_name_key as name_key,
    line.generic_okpd2_code as okpd2_code,
    case when line.programme = 'battery' then line.chemistry end as chemistry,
    case when line.programme = 'battery' then line.battery_use end as battery_use,
    line.rounded_voltage_v as voltage_v,
    line.rounded_capacity_ah as capacity_ah
from core.submission
inner join staging.accepted_line as line using (receipt_no)
where
    submission.submission_id = any(%(submission_ids)s)
    and not exists (
        select 1 from core.product
        where product.product_id = line.product_id
    )
