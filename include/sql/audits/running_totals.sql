-- Law 3: the whole adds up, too: what all accepted lines ask for = the order + the exclusions, by unit and year, where
-- each release carries on from the totals of its base; and each input was counted into them.
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
)

select
    unit,
    year,
    coalesce(accepted.quantity, 0) as asked_by_inputs,
    coalesce(carried.accepted_quantity, 0) as accepted_quantity,
    coalesce(carried.ordered_quantity, 0) as ordered_quantity,
    coalesce(carried.excluded_quantity, 0) as excluded_quantity
from accepted
full join carried using (unit, year)
where
    coalesce(carried.accepted_quantity, 0) <> coalesce(carried.ordered_quantity, 0) + coalesce(carried.excluded_quantity, 0)
    or coalesce(carried.accepted_quantity, 0) <> coalesce(accepted.quantity, 0)
order by unit, year
