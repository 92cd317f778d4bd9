-- The order as it is usually written: every line is taken apart into its years first, joined to what it needs, and
-- grouped by product and year. The same figures as city_order.order_line of release %(release_id)s.
insert into naive_order_line (
    release_id, product_id, unit, year, gross_quantity, net_quantity, gross_energy_kwh, net_energy_kwh, amount_kopecks,
    priced_share, agencies, lines
)
with

demand as (
    select
        submission.agency_code,
        line.product_id,
        asked.year,
        asked.quantity * line.pieces_per_unit as pieces,
        line.unit_price_rub is not null as is_priced,
        round(asked.quantity * line.unit_price_rub * 100) as kopecks
    from core.submission
    inner join core.demand_line as line using (submission_id)
    cross join lateral (
        values
        (2026, line.demand_2026), (2027, line.demand_2027), (2028, line.demand_2028), (2029, line.demand_2029),
        (2030, line.demand_2030), (2031, line.demand_2031), (2032, line.demand_2032), (2033, line.demand_2033),
        (2034, line.demand_2034), (2035, line.demand_2035)
    ) as asked (year, quantity)
    where
        submission.superseded_by is null and submission.withdrawn_at is null
        and line.pieces_per_unit is not null and asked.quantity > 0
        and not exists (
            select 1 from city_order.double_counting as twice
            where
                twice.release_id = %(release_id)s and twice.agency_code = submission.agency_code
                and twice.product_id = line.product_id
        )
),

pool as (
    select
        submission.agency_code,
        line.product_id,
        sum((coalesce(line.stock, 0) + coalesce(line.contracted, 0)) * line.pieces_per_unit) as in_hand
    from core.submission
    inner join core.demand_line as line using (submission_id)
    where
        submission.superseded_by is null and submission.withdrawn_at is null and line.pieces_per_unit is not null
    group by submission.agency_code, line.product_id
),

agency_year as (
    select
        agency_code,
        product_id,
        year,
        sum(pieces) as pieces
    from demand
    group by agency_code, product_id, year
),

running as (
    select
        agency_code,
        product_id,
        year,
        pieces,
        sum(pieces) over (partition by agency_code, product_id order by year) as pieces_so_far
    from agency_year
),

net as (
    select
        running.product_id,
        running.year,
        sum(
            greatest(running.pieces_so_far - pool.in_hand, 0)
            - greatest(running.pieces_so_far - running.pieces - pool.in_hand, 0)
        ) as pieces
    from running
    inner join pool using (agency_code, product_id)
    group by running.product_id, running.year
),

gross as (
    select
        product_id,
        year,
        sum(pieces) as pieces,
        sum(pieces) filter (where is_priced) as priced_pieces,
        sum(kopecks) as kopecks,
        count(distinct agency_code) as agencies,
        count(*) as lines
    from demand
    group by product_id, year
)

select
    %(release_id)s,
    product_id,
    '796',
    year,
    gross.pieces,
    net.pieces,
    gross.pieces * product.voltage_v * product.capacity_ah * 0.001,
    net.pieces * product.voltage_v * product.capacity_ah * 0.001,
    gross.kopecks,
    trim_scale(coalesce(gross.priced_pieces, 0) / gross.pieces),
    gross.agencies,
    gross.lines
from gross
inner join net using (product_id, year)
inner join core.product using (product_id);
