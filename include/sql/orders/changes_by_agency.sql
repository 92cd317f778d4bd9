-- Whose figures a release changes most, pieces and amount over all products and years.
-- Grain: agency_code.  Reads: city_order.release, city_order.release_change, city_order.release_input, core.submission,
-- reference.agency_version.
with

changed as (
    select
        agency_code,
        sum(gross_before) as gross_before,
        sum(gross_after) as gross_after,
        coalesce(sum(amount_before_kopecks), 0) as amount_before_kopecks,
        coalesce(sum(amount_after_kopecks), 0) as amount_after_kopecks,
        sum(abs(gross_after - gross_before)) as pieces,
        sum(abs(coalesce(amount_after_kopecks, 0) - coalesce(amount_before_kopecks, 0))) as kopecks
    from city_order.release_change
    where release_id = %(release_id)s and agency_code is not null
    group by agency_code
),

-- How much of all that changes: of pieces or of the amount, whichever is more.
weighed as (
    select
        *,
        greatest(
            pieces / nullif(sum(pieces) over (), 0), kopecks / nullif(sum(kopecks) over (), 0), 0
        ) as weight
    from changed
),

placed as (
    select
        *,
        row_number() over (order by weight desc, agency_code asc) as place,
        count(*) over () as agencies
    from weighed
)

select
    placed.agencies,
    placed.agency_code,
    called.name as agency_name,
    submission.receipt_no,
    placed.gross_before,
    placed.gross_after,
    placed.amount_before_kopecks,
    placed.amount_after_kopecks
from placed
inner join city_order.release on release.release_id = %(release_id)s
left join city_order.release_input as input
    on release.release_id = input.release_id and placed.agency_code = input.agency_code
left join core.submission on input.submission_id = submission.submission_id
left join lateral (
    select version.name
    from reference.agency_version as version
    where version.agency_code = placed.agency_code
    order by version.valid_from <= release.reference_as_of_date desc, version.valid_from desc
    limit 1
) as called on true
where placed.place <= %(shown)s
order by placed.place
