-- A release that waits for a person, beside the one that it would replace. Its survey is called as when it was built.
-- Grain: one row.  Reads: city_order.release, city_order.approval, city_order.release_total, reference.survey.
with

pieces as (
    select
        total.release_id,
        sum(total.ordered_quantity) as quantity
    from city_order.release
    inner join city_order.release_total as total
        on total.release_id in (release.release_id, release.replaces_release_id)
    where release.release_id = %(release_id)s and total.unit = '796'
    group by total.release_id
)

select
    release.release_id,
    release.survey_code,
    coalesce(release.survey_title, survey.title) as survey_title,
    release.replaces_release_id,
    approval.why,
    coalesce(pieces.quantity, 0) as pieces,
    release.order_lines,
    release.amount_kopecks,
    release.roster_agencies,
    release.answered_agencies,
    pieces_before.quantity as pieces_before,
    before.order_lines as order_lines_before,
    before.amount_kopecks as amount_before_kopecks,
    before.roster_agencies as roster_agencies_before,
    before.answered_agencies as answered_agencies_before
from city_order.release
inner join city_order.approval using (release_id)
inner join reference.survey using (survey_code)
left join city_order.release as before on release.replaces_release_id = before.release_id
left join pieces on release.release_id = pieces.release_id
left join pieces as pieces_before on release.replaces_release_id = pieces_before.release_id
where release.release_id = %(release_id)s
