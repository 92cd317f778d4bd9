-- The submissions that a release is built from, as far as it records them itself: those that changed; if it is built
-- whole, all. All other models read what is recorded, never what stands when they run.
-- Grain: agency_code.  Reads: city_order.input_change, city_order.release_input.
select
    %(release_id)s as release_id,
    agency_code,
    submission_after as submission_id
from city_order.input_change
where release_id = %(release_id)s and submission_after is not null
union all
select
    %(release_id)s as release_id,
    agency_code,
    submission_id
from city_order.release_input
where
    %(is_whole)s and release_id = %(base_release_id)s
    and not exists (
        select 1 from city_order.input_change
        where input_change.release_id = %(release_id)s and input_change.agency_code = release_input.agency_code
    )
