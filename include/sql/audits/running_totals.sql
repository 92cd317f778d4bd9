-- Law 3: the whole adds up, too: what all accepted lines ask for = the order + the exclusions, by unit and year, where
-- each release carries on from the totals of its base; and each input was counted into them. So does what the order comes
-- to, in kopecks, without unit and year.
with

accepted as (
    select
        total.unit,
        total.year,
        sum(total.quantity) as quantity
    from city_order.inputs_of(%(release_id)s)
    inner join city_order.submission_total as total using (submission_id)
    group by total.unit, total.year
),

carried as (
    select *
    from city_order.release_total
    where release_id = %(release_id)s
),

audited as (
    select
        release.release_id,
        release.amount_kopecks,
        base.release_id as base_release_id,
        case when %(touched)s::text[] is null then 0 else base.amount_kopecks end as kept_kopecks
    from city_order.release
    left join city_order.release as base on release.replaces_release_id = base.release_id
    where release.release_id = %(release_id)s
),

-- All of them, or what the release sets anew, less what stood there in its base.
line_amount as (
    select line.amount_kopecks
    from audited
    inner join city_order.order_line as line using (release_id)
    where (%(touched)s::text[] is null or line.product_id = any(%(touched)s::text[]))
    union all
    select -line.amount_kopecks as amount_kopecks
    from audited
    inner join city_order.order_line as line on audited.base_release_id = line.release_id
    where line.product_id = any(%(touched)s::text[])
),

-- What is no number is for the audit of bounds.
counted as (
    select coalesce(sum(amount_kopecks), 0) as amount_kopecks
    from line_amount
    where amount_kopecks < 'Infinity'
)

select
    unit,
    year,
    coalesce(accepted.quantity, 0) as asked_by_inputs,
    coalesce(carried.accepted_quantity, 0) as accepted_quantity,
    coalesce(carried.ordered_quantity, 0) as ordered_quantity,
    coalesce(carried.excluded_quantity, 0) as excluded_quantity,
    null::numeric as amount_kopecks,
    null::numeric as amount_of_lines_kopecks
from accepted
full join carried using (unit, year)
where
    coalesce(carried.accepted_quantity, 0) <> coalesce(carried.ordered_quantity, 0) + coalesce(carried.excluded_quantity, 0)
    or coalesce(carried.accepted_quantity, 0) <> coalesce(accepted.quantity, 0)
union all
select
    null as unit,
    null as year,
    null as asked_by_inputs,
    null as accepted_quantity,
    null as ordered_quantity,
    null as excluded_quantity,
    audited.amount_kopecks,
    audited.kept_kopecks + counted.amount_kopecks as amount_of_lines_kopecks
from audited
cross join counted
where audited.amount_kopecks <> audited.kept_kopecks + counted.amount_kopecks
order by unit, year
