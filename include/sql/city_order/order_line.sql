-- What the city needs of each product, year by year: all that was asked for, and what stock and contracts leave of it.
-- The years stand side by side until the last step: to unpivot after grouping is several times cheaper.
-- Only products that the release touches; a release that is built whole binds no list of them.
-- Grain: product_id, unit, year.  Reads: city_order.inputs_of, city_order.double_counting_version, core.demand_line,
-- core.product.
with

-- What the release recorded, not what stands today: so an earlier release can be rebuilt. A line with no way to pieces
-- cannot be added to others, and one that those below repeat would be counted twice: they are exclusions.
-- Sorted once, in a narrow copy: all that follows goes along it, in no more memory for ten million lines than for one.
line as materialized (
    select
        product_id,
        submission_id,
        pieces_per_unit,
        unit_price_rub,
        stock,
        contracted,
        nullif(demand_2026, 0) as demand_2026,
        nullif(demand_2027, 0) as demand_2027,
        nullif(demand_2028, 0) as demand_2028,
        nullif(demand_2029, 0) as demand_2029,
        nullif(demand_2030, 0) as demand_2030,
        nullif(demand_2031, 0) as demand_2031,
        nullif(demand_2032, 0) as demand_2032,
        nullif(demand_2033, 0) as demand_2033,
        nullif(demand_2034, 0) as demand_2034,
        nullif(demand_2035, 0) as demand_2035
    from core.demand_line
    where
        pieces_per_unit is not null
        and (%(touched)s::text[] is null or product_id = any(%(touched)s::text[]))
        and submission_id in (select input.submission_id from city_order.inputs_of(%(release_id)s) as input)
        and (submission_id, product_id) not in (
            select
                input.submission_id,
                twice.product_id
            from city_order.double_counting_version as twice
            inner join city_order.inputs_of(%(release_id)s) as input using (agency_code)
            where twice.release_id = %(release_id)s and twice.handled = 'child_counts'
        )
    order by product_id, submission_id
),

-- An agency has one submission, so submissions are counted for agencies. Prices are per typed unit, and each line's sum
-- is rounded to kopecks. Few lines have no price: what they ask for is less to add up than what the others do.
city_need as (
    select
        product_id,
        sum(demand_2026 * pieces_per_unit) as gross_2026,
        sum(demand_2027 * pieces_per_unit) as gross_2027,
        sum(demand_2028 * pieces_per_unit) as gross_2028,
        sum(demand_2029 * pieces_per_unit) as gross_2029,
        sum(demand_2030 * pieces_per_unit) as gross_2030,
        sum(demand_2031 * pieces_per_unit) as gross_2031,
        sum(demand_2032 * pieces_per_unit) as gross_2032,
        sum(demand_2033 * pieces_per_unit) as gross_2033,
        sum(demand_2034 * pieces_per_unit) as gross_2034,
        sum(demand_2035 * pieces_per_unit) as gross_2035,
        sum(demand_2026 * pieces_per_unit) filter (where unit_price_rub is null) as unpriced_2026,
        sum(demand_2027 * pieces_per_unit) filter (where unit_price_rub is null) as unpriced_2027,
        sum(demand_2028 * pieces_per_unit) filter (where unit_price_rub is null) as unpriced_2028,
        sum(demand_2029 * pieces_per_unit) filter (where unit_price_rub is null) as unpriced_2029,
        sum(demand_2030 * pieces_per_unit) filter (where unit_price_rub is null) as unpriced_2030,
        sum(demand_2031 * pieces_per_unit) filter (where unit_price_rub is null) as unpriced_2031,
        sum(demand_2032 * pieces_per_unit) filter (where unit_price_rub is null) as unpriced_2032,
        sum(demand_2033 * pieces_per_unit) filter (where unit_price_rub is null) as unpriced_2033,
        sum(demand_2034 * pieces_per_unit) filter (where unit_price_rub is null) as unpriced_2034,
        sum(demand_2035 * pieces_per_unit) filter (where unit_price_rub is null) as unpriced_2035,
        sum(round(demand_2026 * unit_price_rub, 2)) as rub_2026,
        sum(round(demand_2027 * unit_price_rub, 2)) as rub_2027,
        sum(round(demand_2028 * unit_price_rub, 2)) as rub_2028,
        sum(round(demand_2029 * unit_price_rub, 2)) as rub_2029,
        sum(round(demand_2030 * unit_price_rub, 2)) as rub_2030,
        sum(round(demand_2031 * unit_price_rub, 2)) as rub_2031,
        sum(round(demand_2032 * unit_price_rub, 2)) as rub_2032,
        sum(round(demand_2033 * unit_price_rub, 2)) as rub_2033,
        sum(round(demand_2034 * unit_price_rub, 2)) as rub_2034,
        sum(round(demand_2035 * unit_price_rub, 2)) as rub_2035,
        count(distinct submission_id) filter (where demand_2026 is not null) as agencies_2026,
        count(distinct submission_id) filter (where demand_2027 is not null) as agencies_2027,
        count(distinct submission_id) filter (where demand_2028 is not null) as agencies_2028,
        count(distinct submission_id) filter (where demand_2029 is not null) as agencies_2029,
        count(distinct submission_id) filter (where demand_2030 is not null) as agencies_2030,
        count(distinct submission_id) filter (where demand_2031 is not null) as agencies_2031,
        count(distinct submission_id) filter (where demand_2032 is not null) as agencies_2032,
        count(distinct submission_id) filter (where demand_2033 is not null) as agencies_2033,
        count(distinct submission_id) filter (where demand_2034 is not null) as agencies_2034,
        count(distinct submission_id) filter (where demand_2035 is not null) as agencies_2035,
        count(demand_2026) as lines_2026,
        count(demand_2027) as lines_2027,
        count(demand_2028) as lines_2028,
        count(demand_2029) as lines_2029,
        count(demand_2030) as lines_2030,
        count(demand_2031) as lines_2031,
        count(demand_2032) as lines_2032,
        count(demand_2033) as lines_2033,
        count(demand_2034) as lines_2034,
        count(demand_2035) as lines_2035
    from line
    group by product_id
),

-- Most agencies have nothing in hand.
holder_need as (
    select
        product_id,
        coalesce(sum(stock * pieces_per_unit), 0) + coalesce(sum(contracted * pieces_per_unit), 0) as in_hand,
        coalesce(sum(demand_2026 * pieces_per_unit), 0) as gross_2026,
        coalesce(sum(demand_2027 * pieces_per_unit), 0) as gross_2027,
        coalesce(sum(demand_2028 * pieces_per_unit), 0) as gross_2028,
        coalesce(sum(demand_2029 * pieces_per_unit), 0) as gross_2029,
        coalesce(sum(demand_2030 * pieces_per_unit), 0) as gross_2030,
        coalesce(sum(demand_2031 * pieces_per_unit), 0) as gross_2031,
        coalesce(sum(demand_2032 * pieces_per_unit), 0) as gross_2032,
        coalesce(sum(demand_2033 * pieces_per_unit), 0) as gross_2033,
        coalesce(sum(demand_2034 * pieces_per_unit), 0) as gross_2034,
        coalesce(sum(demand_2035 * pieces_per_unit), 0) as gross_2035
    from line
    where exists (
        select 1 from line as held
        where
            (held.stock > 0 or held.contracted > 0)
            and held.product_id = line.product_id and held.submission_id = line.submission_id
    )
    group by product_id, submission_id
),

-- used_2028 is what the years up to 2028 use up of all that an agency has in hand.
-- An agency's surplus is its own: it lessens no other agency's need.
city_stock as (
    select
        product_id,
        sum(least(gross_2026, in_hand)) as used_2026,
        sum(least(gross_2026 + gross_2027, in_hand)) as used_2027,
        sum(least(gross_2026 + gross_2027 + gross_2028, in_hand)) as used_2028,
        sum(least(gross_2026 + gross_2027 + gross_2028 + gross_2029, in_hand)) as used_2029,
        sum(least(
            gross_2026 + gross_2027 + gross_2028 + gross_2029 + gross_2030, in_hand
        )) as used_2030,
        sum(least(
            gross_2026 + gross_2027 + gross_2028 + gross_2029 + gross_2030
            + gross_2031, in_hand
        )) as used_2031,
        sum(least(
            gross_2026 + gross_2027 + gross_2028 + gross_2029 + gross_2030
            + gross_2031 + gross_2032, in_hand
        )) as used_2032,
        sum(least(
            gross_2026 + gross_2027 + gross_2028 + gross_2029 + gross_2030
            + gross_2031 + gross_2032 + gross_2033, in_hand
        )) as used_2033,
        sum(least(
            gross_2026 + gross_2027 + gross_2028 + gross_2029 + gross_2030
            + gross_2031 + gross_2032 + gross_2033 + gross_2034, in_hand
        )) as used_2034,
        sum(least(
            gross_2026 + gross_2027 + gross_2028 + gross_2029 + gross_2030
            + gross_2031 + gross_2032 + gross_2033 + gross_2034 + gross_2035, in_hand
        )) as used_2035
    from holder_need
    group by product_id
)

select
    %(release_id)s as release_id,
    city_need.product_id,
    '796' as unit,
    need.year,
    need.gross_quantity,
    net.quantity as net_quantity,
    need.gross_quantity * product.voltage_v * product.capacity_ah * 0.001 as gross_energy_kwh,
    net.quantity * product.voltage_v * product.capacity_ah * 0.001 as net_energy_kwh,
    need.rub * 100 as amount_kopecks,
    trim_scale((need.gross_quantity - coalesce(need.unpriced_quantity, 0)) / need.gross_quantity) as priced_share,
    need.agencies,
    need.lines
from city_need
inner join core.product using (product_id)
left join city_stock using (product_id)
cross join lateral (
    values
    (2026, gross_2026, used_2026, 0, unpriced_2026, rub_2026, agencies_2026, lines_2026),
    (2027, gross_2027, used_2027, used_2026, unpriced_2027, rub_2027, agencies_2027, lines_2027),
    (2028, gross_2028, used_2028, used_2027, unpriced_2028, rub_2028, agencies_2028, lines_2028),
    (2029, gross_2029, used_2029, used_2028, unpriced_2029, rub_2029, agencies_2029, lines_2029),
    (2030, gross_2030, used_2030, used_2029, unpriced_2030, rub_2030, agencies_2030, lines_2030),
    (2031, gross_2031, used_2031, used_2030, unpriced_2031, rub_2031, agencies_2031, lines_2031),
    (2032, gross_2032, used_2032, used_2031, unpriced_2032, rub_2032, agencies_2032, lines_2032),
    (2033, gross_2033, used_2033, used_2032, unpriced_2033, rub_2033, agencies_2033, lines_2033),
    (2034, gross_2034, used_2034, used_2033, unpriced_2034, rub_2034, agencies_2034, lines_2034),
    (2035, gross_2035, used_2035, used_2034, unpriced_2035, rub_2035, agencies_2035, lines_2035)
) as need (year, gross_quantity, used, used_before, unpriced_quantity, rub, agencies, lines)
cross join lateral (
    values (need.gross_quantity - coalesce(need.used, 0) + coalesce(need.used_before, 0))
) as net (quantity)
where need.gross_quantity > 0
