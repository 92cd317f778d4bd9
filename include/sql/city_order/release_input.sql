-- The submissions that a release is built from: the one that stands for each agency of the survey.
-- All other models read what this one recorded, never what stands when they run.
-- Grain: agency_code.  Reads: core.submission.
select
    %(release_id)s as release_id,
    agency_code,
    submission_id
from core.submission
where survey_code = %(survey_code)s and superseded_by is null and withdrawn_at is null
