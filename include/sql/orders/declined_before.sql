-- Earlier releases of the same survey that would have replaced the same one, and that a person declined.
-- Grain: release_id.  Reads: city_order.release, city_order.approval.
select
    declined.release_id,
    approval.decided_by,
    approval.decided_at,
    approval.comment
from city_order.release
inner join city_order.release as declined
    on
        release.survey_code = declined.survey_code and release.replaces_release_id = declined.replaces_release_id
        and release.release_id > declined.release_id
inner join city_order.approval on declined.release_id = approval.release_id
where release.release_id = %(release_id)s and approval.decision = 'declined'
order by declined.release_id
