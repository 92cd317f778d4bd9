-- The published figures of a release, as manufacturers see them.
-- Grain: product_id, unit, year.  Reads: published.order_line.
select
    product_id,
    product_name,
    part_number,
    manufacturer,
    okpd2_code,
    unit,
    year,
    certainty,
    gross_quantity,
    gross_energy_kwh,
    agencies,
    since_release_id
from published.order_line
where release_id = %(release_id)s
order by
    okpd2_code collate "C", product_name collate "C", part_number collate "C",
    product_id collate "C", unit collate "C", year
