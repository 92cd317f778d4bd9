-- Whose figures a release changes most, by pieces of what changes, over all products and years.
-- Grain: agency_code.  Reads: city_order.release, city_order.release_change, city_order.release_input, core.submission,
-- reference.agency_version.
with

changed as (
    select
        agency_code,
        sum(gross_before) as gross_before,
        sum(gross_after) as gross_after,
        sum(abs(gross_after - gross_before)) as pieces
    from city_order.release_change
    where release_id = %(release_id)s
    group by agency_code
),

placed as (
    select
        *,
        row_number() over (order by pieces desc, agency_code asc) as place,
        count(*) over () as agencies
    from changed
)

select
    placed.agencies,
    placed.agency_code,
    called.name as agency_name,
    submission.receipt_no,
    placed.gross_before,
    placed.gross_after
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
