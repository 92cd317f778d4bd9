-- Groups that left published figures, as far as any of these agencies was in them for a year: what it says may have
-- been shown before. Whole groups: what was shown together comes back together.
-- Grain: product_id, year, agency_code, line, release_id.  Reads: city_order.published_part.
with

tied as (
    select distinct
        part.cell_kind,
        part.cell_key,
        part.year,
        part.block,
        part.until_release_id
    from unnest(%(agency_codes)s::text[], %(years)s::integer[]) as asking (agency_code, year)
    inner join city_order.published_part as part using (agency_code, year)
    where part.survey_code = %(survey_code)s and part.until_release_id is not null
)

select part.*
from tied
inner join city_order.published_part as part using (cell_kind, cell_key, year, block, until_release_id)
where part.survey_code = %(survey_code)s
