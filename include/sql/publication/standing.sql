-- The parts of the published figures of some products and classes; of the classes, whole.
-- Grain: product_id, year, agency_code, line.  Reads: city_order.published_part.
with

of_products as (
    select distinct
        cell_kind,
        cell_key
    from city_order.published_part
    where survey_code = %(survey_code)s and until_release_id is null and product_id = any(%(in_play)s::text[])
    union
    select
        'class' as cell_kind,
        okpd2_class as cell_key
    from unnest(%(classes)s::text[]) as in_play (okpd2_class)
)

select part.*
from city_order.published_part as part
inner join of_products using (cell_kind, cell_key)
where part.survey_code = %(survey_code)s and part.until_release_id is null
