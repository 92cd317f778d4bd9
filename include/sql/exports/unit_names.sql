-- What units of measure were called when a release was built.
-- Grain: okei_code.  Reads: city_order.release, reference.unit_as_loaded.
select
    unit.okei_code,
    unit.name
from city_order.release
inner join reference.unit_as_loaded as unit
    on
        release.reference_load_no >= unit.from_load_no
        and coalesce(release.reference_load_no < unit.until_load_no, true)
where release.release_id = %(release_id)s
order by unit.okei_code collate "C"
