-- Law 3: nothing is counted twice: each input answers the release's survey, for its own agency, and no agency has two.
with

input as (
    select
        release.survey_code,
        release_input.agency_code,
        release_input.submission_id,
        count(*) over (partition by release_input.agency_code) as inputs_of_agency
    from city_order.release
    inner join city_order.release_input using (release_id)
    where release.release_id = %(release_id)s
)

select
    input.agency_code,
    input.submission_id,
    submission.survey_code as answers_survey,
    submission.agency_code as answers_for_agency,
    input.inputs_of_agency
from input
inner join core.submission using (submission_id)
where
    submission.survey_code <> input.survey_code
    or submission.agency_code <> input.agency_code
    or input.inputs_of_agency > 1
order by input.agency_code, input.submission_id
