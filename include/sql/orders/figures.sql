-- The figures of a release, or of some products of it, added up to one row of four words: no ids, no times, and 5 is the
-- same figure as 5.00. A product's figures are one SHA-256, and so are the years, which are of all products; digests add up
-- in any order: so a release's are its base's, less what it replaces, plus what it sets anew.
-- Grain: one row.  Reads: the views of city_order, city_order.release_year.
with

figure as (
    select
        '' as product_id,
        row('year', year, certainty)::text as figures
    from city_order.release_year
    where release_id = %(release_id)s and %(touched)s::text[] is null
    union all
    select
        product_id,
        row(
            'order_line', product_id, unit, year, trim_scale(gross_quantity), trim_scale(net_quantity),
            trim_scale(gross_energy_kwh), trim_scale(net_energy_kwh), amount_kopecks, trim_scale(priced_share), agencies, lines
        )::text as figures
    from city_order.order_line
    where
        release_id = %(release_id)s
        and (%(touched)s::text[] is null or product_id = any(%(touched)s::text[]))
    union all
    select
        product_id,
        row('need_kind', product_id, unit, year, need_kind, trim_scale(gross_quantity))::text as figures
    from city_order.order_line_by_need_kind
    where
        release_id = %(release_id)s
        and (%(touched)s::text[] is null or product_id = any(%(touched)s::text[]))
    union all
    select
        product_id,
        row(
            'price', product_id, prices, trim_scale(price_lower_kopecks), trim_scale(price_median_kopecks),
            trim_scale(price_upper_kopecks)
        )::text as figures
    from city_order.product
    where
        release_id = %(release_id)s and prices > 0
        and (%(touched)s::text[] is null or product_id = any(%(touched)s::text[]))
    union all
    select
        product_id,
        row('exclusion', reason, agency_code, product_id, unit, year, trim_scale(sum(quantity)))::text as figures
    from city_order.exclusion
    where
        release_id = %(release_id)s
        and (%(touched)s::text[] is null or product_id = any(%(touched)s::text[]))
    group by reason, agency_code, product_id, unit, year
    union all
    select
        product_id,
        row('surplus', agency_code, product_id, unit, trim_scale(surplus_quantity))::text as figures
    from city_order.surplus
    where
        release_id = %(release_id)s
        and (%(touched)s::text[] is null or product_id = any(%(touched)s::text[]))
    union all
    select
        product_id,
        row(
            'double_counting', product_id, agency_code, subordinate_code, year, trim_scale(gross_quantity), handled
        )::text as figures
    from city_order.double_counting
    where
        release_id = %(release_id)s
        and (%(touched)s::text[] is null or product_id = any(%(touched)s::text[]))
),

hashed as (
    select
        encode(
            sha256(convert_to(string_agg(figures, e'\n' order by figures collate "C"), 'UTF8')), 'hex'
        ) as digits
    from figure
    group by product_id
)

select
    coalesce(sum(('x' || substr(digits, 1, 16))::bit(64)::bigint::numeric), 0) as first_word,
    coalesce(sum(('x' || substr(digits, 17, 16))::bit(64)::bigint::numeric), 0) as second_word,
    coalesce(sum(('x' || substr(digits, 33, 16))::bit(64)::bigint::numeric), 0) as third_word,
    coalesce(sum(('x' || substr(digits, 49, 16))::bit(64)::bigint::numeric), 0) as fourth_word
from hashed
