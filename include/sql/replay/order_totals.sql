-- What a release amounts to beside the one that it replaces, and how much it may change before a person is asked.
-- Grain: one row.  Reads: city_order.release, city_order.release_total, reference.survey.
select
    release.release_id,
    release.replaces_release_id,
    release.order_lines,
    base.order_lines as order_lines_before,
    release.changed_gross_share,
    release.changed_lines_share,
    release.changed_amount_share,
    survey.approval_share,
    coalesce((
        select sum(release_total.ordered_quantity) from city_order.release_total
        where release_total.release_id = release.release_id and release_total.unit = '796'
    ), 0) as pieces,
    coalesce((
        select sum(release_total.ordered_quantity) from city_order.release_total
        where release_total.release_id = release.replaces_release_id and release_total.unit = '796'
    ), 0) as pieces_before
from city_order.release
inner join reference.survey using (survey_code)
left join city_order.release as base on base.release_id = release.replaces_release_id
where release.release_id = %(release_id)s
