-- What the city needs of each product, year by year: all that was asked for, and what stock and contracts leave of it.
-- The years stand side by side until the last step: to unpivot after grouping is several times cheaper.
-- Only products that the release touches; a release that is built whole binds no list of them.
-- Grain: product_id, unit, year.  Reads: city_order.inputs_of, city_order.double_counting_version, core.demand_line,
-- core.product.
with

-- What the release recorded, not what stands today: so an earlier release can be rebuilt. A line with no way to pieces
-- cannot be added to others, and one that a subordinate repeats would be counted twice: they are exclusions.
-- It is used twice, and wide: reading it again is cheaper than keeping it.
line as not materialized (
    select
        input.agency_code,
        demand_line.*
    from city_order.inputs_of(%(release_id)s) as input
    inner join core.demand_line using (submission_id)
    where
        demand_line.pieces_per_unit is not null
        and (%(touched)s::text[] is null or demand_line.product_id = any(%(touched)s::text[]))
        and (input.agency_code, demand_line.product_id) not in (
            select
                twice.agency_code,
                twice.product_id
            from city_order.double_counting_version as twice
            where twice.release_id = %(release_id)s and twice.handled = 'child_counts'
        )
),

agency_need as (
    select
        agency_code,
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
    group by agency_code, product_id
),

-- used_2028 is what the years up to 2028 use up of all that an agency has in hand; most have nothing.
-- An agency's surplus is its own: it lessens no other agency's need.
city_need as (
    select
        product_id,
        sum(gross_2026) as gross_2026,
        sum(gross_2027) as gross_2027,
        sum(gross_2028) as gross_2028,
        sum(gross_2029) as gross_2029,
        sum(gross_2030) as gross_2030,
        sum(gross_2031) as gross_2031,
        sum(gross_2032) as gross_2032,
        sum(gross_2033) as gross_2033,
        sum(gross_2034) as gross_2034,
        sum(gross_2035) as gross_2035,
        sum(least(gross_2026, in_hand)) filter (where in_hand > 0) as used_2026,
        sum(least(gross_2026 + gross_2027, in_hand)) filter (where in_hand > 0) as used_2027,
        sum(least(gross_2026 + gross_2027 + gross_2028, in_hand)) filter (where in_hand > 0) as used_2028,
        sum(least(gross_2026 + gross_2027 + gross_2028 + gross_2029, in_hand)) filter (where in_hand > 0) as used_2029,
        sum(least(
            gross_2026 + gross_2027 + gross_2028 + gross_2029 + gross_2030, in_hand
        )) filter (where in_hand > 0) as used_2030,
        sum(least(
            gross_2026 + gross_2027 + gross_2028 + gross_2029 + gross_2030
            + gross_2031, in_hand
        )) filter (where in_hand > 0) as used_2031,
        sum(least(
            gross_2026 + gross_2027 + gross_2028 + gross_2029 + gross_2030
            + gross_2031 + gross_2032, in_hand
        )) filter (where in_hand > 0) as used_2032,
        sum(least(
            gross_2026 + gross_2027 + gross_2028 + gross_2029 + gross_2030
            + gross_2031 + gross_2032 + gross_2033, in_hand
        )) filter (where in_hand > 0) as used_2033,
        sum(least(
            gross_2026 + gross_2027 + gross_2028 + gross_2029 + gross_2030
            + gross_2031 + gross_2032 + gross_2033 + gross_2034, in_hand
        )) filter (where in_hand > 0) as used_2034,
        sum(least(
            gross_2026 + gross_2027 + gross_2028 + gross_2029 + gross_2030
            + gross_2031 + gross_2032 + gross_2033 + gross_2034 + gross_2035, in_hand
        )) filter (where in_hand > 0) as used_2035,
        count(*) filter (where gross_2026 > 0) as agencies_2026,
        count(*) filter (where gross_2027 > 0) as agencies_2027,
        count(*) filter (where gross_2028 > 0) as agencies_2028,
        count(*) filter (where gross_2029 > 0) as agencies_2029,
        count(*) filter (where gross_2030 > 0) as agencies_2030,
        count(*) filter (where gross_2031 > 0) as agencies_2031,
        count(*) filter (where gross_2032 > 0) as agencies_2032,
        count(*) filter (where gross_2033 > 0) as agencies_2033,
        count(*) filter (where gross_2034 > 0) as agencies_2034,
        count(*) filter (where gross_2035 > 0) as agencies_2035
    from agency_need
    group by product_id
),

-- What needs no agency: prices are per typed unit, and each line's sum is rounded to kopecks.
city_lines as (
    select
        product_id,
        sum(demand_2026 * pieces_per_unit) filter (where unit_price_rub is not null) as priced_2026,
        sum(demand_2027 * pieces_per_unit) filter (where unit_price_rub is not null) as priced_2027,
        sum(demand_2028 * pieces_per_unit) filter (where unit_price_rub is not null) as priced_2028,
        sum(demand_2029 * pieces_per_unit) filter (where unit_price_rub is not null) as priced_2029,
        sum(demand_2030 * pieces_per_unit) filter (where unit_price_rub is not null) as priced_2030,
        sum(demand_2031 * pieces_per_unit) filter (where unit_price_rub is not null) as priced_2031,
        sum(demand_2032 * pieces_per_unit) filter (where unit_price_rub is not null) as priced_2032,
        sum(demand_2033 * pieces_per_unit) filter (where unit_price_rub is not null) as priced_2033,
        sum(demand_2034 * pieces_per_unit) filter (where unit_price_rub is not null) as priced_2034,
        sum(demand_2035 * pieces_per_unit) filter (where unit_price_rub is not null) as priced_2035,
        sum(round(demand_2026 * unit_price_rub * 100)) filter (where demand_2026 > 0) as kopecks_2026,
        sum(round(demand_2027 * unit_price_rub * 100)) filter (where demand_2027 > 0) as kopecks_2027,
        sum(round(demand_2028 * unit_price_rub * 100)) filter (where demand_2028 > 0) as kopecks_2028,
        sum(round(demand_2029 * unit_price_rub * 100)) filter (where demand_2029 > 0) as kopecks_2029,
        sum(round(demand_2030 * unit_price_rub * 100)) filter (where demand_2030 > 0) as kopecks_2030,
        sum(round(demand_2031 * unit_price_rub * 100)) filter (where demand_2031 > 0) as kopecks_2031,
        sum(round(demand_2032 * unit_price_rub * 100)) filter (where demand_2032 > 0) as kopecks_2032,
        sum(round(demand_2033 * unit_price_rub * 100)) filter (where demand_2033 > 0) as kopecks_2033,
        sum(round(demand_2034 * unit_price_rub * 100)) filter (where demand_2034 > 0) as kopecks_2034,
        sum(round(demand_2035 * unit_price_rub * 100)) filter (where demand_2035 > 0) as kopecks_2035,
        count(*) filter (where demand_2026 > 0) as lines_2026,
        count(*) filter (where demand_2027 > 0) as lines_2027,
        count(*) filter (where demand_2028 > 0) as lines_2028,
        count(*) filter (where demand_2029 > 0) as lines_2029,
        count(*) filter (where demand_2030 > 0) as lines_2030,
        count(*) filter (where demand_2031 > 0) as lines_2031,
        count(*) filter (where demand_2032 > 0) as lines_2032,
        count(*) filter (where demand_2033 > 0) as lines_2033,
        count(*) filter (where demand_2034 > 0) as lines_2034,
        count(*) filter (where demand_2035 > 0) as lines_2035
    from line
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
    need.amount_kopecks,
    trim_scale(coalesce(need.priced_quantity, 0) / need.gross_quantity) as priced_share,
    need.agencies,
    need.lines
from city_need
inner join city_lines using (product_id)
inner join core.product using (product_id)
cross join lateral (
    values
    (2026, gross_2026, used_2026, 0, priced_2026, kopecks_2026, agencies_2026, lines_2026),
    (2027, gross_2027, used_2027, used_2026, priced_2027, kopecks_2027, agencies_2027, lines_2027),
    (2028, gross_2028, used_2028, used_2027, priced_2028, kopecks_2028, agencies_2028, lines_2028),
    (2029, gross_2029, used_2029, used_2028, priced_2029, kopecks_2029, agencies_2029, lines_2029),
    (2030, gross_2030, used_2030, used_2029, priced_2030, kopecks_2030, agencies_2030, lines_2030),
    (2031, gross_2031, used_2031, used_2030, priced_2031, kopecks_2031, agencies_2031, lines_2031),
    (2032, gross_2032, used_2032, used_2031, priced_2032, kopecks_2032, agencies_2032, lines_2032),
    (2033, gross_2033, used_2033, used_2032, priced_2033, kopecks_2033, agencies_2033, lines_2033),
    (2034, gross_2034, used_2034, used_2033, priced_2034, kopecks_2034, agencies_2034, lines_2034),
    (2035, gross_2035, used_2035, used_2034, priced_2035, kopecks_2035, agencies_2035, lines_2035)
) as need (year, gross_quantity, used, used_before, priced_quantity, amount_kopecks, agencies, lines)
cross join lateral (
    values (need.gross_quantity - coalesce(need.used, 0) + coalesce(need.used_before, 0))
) as net (quantity)
where need.gross_quantity > 0
