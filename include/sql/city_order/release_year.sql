-- The years that a release is asked for, and how firm each is: the survey's; in a roll-back or a rebuild, what an earlier
-- release recorded.
-- Grain: year.  Reads: reference.survey_year, city_order.release_year.
select
    %(release_id)s as release_id,
    year,
    certainty
from reference.survey_year
where survey_code = %(survey_code)s and %(as_release_id)s::bigint is null
union all
select
    %(release_id)s as release_id,
    year,
    certainty
from city_order.release_year
where release_id = %(as_release_id)s::bigint
