-- What kinds of need were called when a release was built, or first, for one of before that was kept.
-- Grain: need_kind.  Reads: city_order.release, reference.need_kind_as_loaded.
with

built as (
    select greatest(release.reference_load_no, (select min(kept.from_load_no) from reference.need_kind_as_loaded as kept))
        as load_no
    from city_order.release
    where release.release_id = %(release_id)s
)

select
    need_kind.need_kind,
    need_kind.name
from built
inner join reference.need_kind_as_loaded as need_kind
    on
        built.load_no >= need_kind.from_load_no
        and coalesce(built.load_no < need_kind.until_load_no, true)
order by need_kind.need_kind collate "C"
