-- What an order is made from, a row for each survey: no ids and no times, so that equal input has an equal fingerprint.
-- Grain: survey_code.  Reads: reference.survey, core.submission, city_order.published_release.
select
    survey.survey_code,
    survey.programme,
    survey.rules_version,
    survey.reference_version,
    survey.double_counting,
    (
        select jsonb_agg(jsonb_build_array(survey_year.year, survey_year.certainty) order by survey_year.year)
        from reference.survey_year
        where survey_year.survey_code = survey.survey_code
    ) as horizon,
    standing.submissions,
    standing.submissions_sha256,
    published_release.confirmed_fingerprint
from reference.survey
cross join lateral (
    select
        count(*) as submissions,
        encode(sha256(convert_to(coalesce(string_agg(
            concat_ws(
                ' ', submission.agency_code, submission.content_sha256,
                submission.rules_version, submission.reference_version
            ),
            e'\n' order by submission.agency_code collate "C"
        ), ''), 'UTF8')), 'hex') as submissions_sha256
    from core.submission
    where
        submission.survey_code = survey.survey_code
        and submission.superseded_by is null and submission.withdrawn_at is null
) as standing
left join city_order.published_release using (survey_code)
where survey.survey_code = coalesce(%(survey_code)s, survey.survey_code)
order by survey.survey_code collate "C"
