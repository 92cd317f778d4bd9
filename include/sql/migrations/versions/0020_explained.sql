-- The order explains itself: how a figure came from what was typed, what changed by its name, why it is not published.

drop view city_order.order_line_source, city_order.line_outcome;

create view city_order.order_line_source as
select
    release_input.release_id,
    demand_line.product_id,
    '796' as unit,
    demand.year,
    release_input.agency_code,
    demand_line.submission_id,
    demand_line.line_position,
    receipt.receipt_no,
    receipt.original_path,
    receipt.sha256,
    demand_line.member,
    demand_line.sheet,
    form_column.column_letter || demand_line.row_number as cell,
    demand_line.raw ->> ('demand_' || demand.year) as typed,
    demand_line.raw ->> 'unit' as typed_unit,
    demand_line.pieces_per_unit,
    demand.quantity * demand_line.pieces_per_unit as gross_quantity
from city_order.release_input
inner join core.demand_line using (submission_id)
inner join landing.receipt using (receipt_no)
cross join lateral (
    values
    (2026, demand_line.demand_2026), (2027, demand_line.demand_2027), (2028, demand_line.demand_2028),
    (2029, demand_line.demand_2029), (2030, demand_line.demand_2030), (2031, demand_line.demand_2031),
    (2032, demand_line.demand_2032), (2033, demand_line.demand_2033), (2034, demand_line.demand_2034),
    (2035, demand_line.demand_2035)
) as demand (year, quantity)
left join staging.form_column
    on
        form_column.receipt_no = demand_line.receipt_no and form_column.member = demand_line.member
        and form_column.sheet = demand_line.sheet and form_column.field = 'demand_' || demand.year
where
    demand.quantity > 0 and demand_line.pieces_per_unit is not null
    and not exists (
        select 1 from city_order.exclusion
        where
            exclusion.release_id = release_input.release_id
            and exclusion.submission_id = demand_line.submission_id
            and exclusion.line_position = demand_line.line_position
            and exclusion.year = demand.year
    );
comment on view city_order.order_line_source is
'From an order line to the demand lines, receipts, sheets and cells behind it: what is typed there in typed_unit, each
of pieces_per_unit pieces, is gross_quantity. Grain: release_id, submission_id, line_position, year.';

create view city_order.line_outcome as
select
    published_release.survey_code,
    published_release.release_id,
    release_input.agency_code,
    demand_line.submission_id,
    demand_line.line_position,
    receipt.receipt_no,
    receipt.original_path,
    receipt.sha256,
    demand_line.member,
    demand_line.sheet,
    demand_line.row_number,
    form_column.column_letter || demand_line.row_number as cell,
    demand_line.raw ->> ('demand_' || demand.year) as typed,
    demand_line.raw ->> 'unit' as typed_unit,
    demand_line.pieces_per_unit,
    demand_line.product_id,
    case when demand_line.pieces_per_unit is null then demand_line.unit else '796' end as unit,
    demand.year,
    demand.quantity * coalesce(demand_line.pieces_per_unit, 1) as quantity,
    coalesce(exclusion.reason, 'order_line') as outcome
from city_order.published_release
inner join city_order.release_input using (release_id)
inner join core.demand_line using (submission_id)
inner join landing.receipt using (receipt_no)
cross join lateral (
    values
    (2026, demand_line.demand_2026), (2027, demand_line.demand_2027), (2028, demand_line.demand_2028),
    (2029, demand_line.demand_2029), (2030, demand_line.demand_2030), (2031, demand_line.demand_2031),
    (2032, demand_line.demand_2032), (2033, demand_line.demand_2033), (2034, demand_line.demand_2034),
    (2035, demand_line.demand_2035)
    union all
    select
        outside.year::integer,
        outside.quantity::numeric
    from jsonb_each_text(demand_line.outside_horizon) as outside (year, quantity)
) as demand (year, quantity)
left join city_order.exclusion
    on
        published_release.release_id = exclusion.release_id
        and demand_line.submission_id = exclusion.submission_id
        and demand_line.line_position = exclusion.line_position
        and demand.year = exclusion.year
left join staging.form_column
    on
        demand_line.receipt_no = form_column.receipt_no and demand_line.member = form_column.member
        and demand_line.sheet = form_column.sheet and form_column.field = 'demand_' || demand.year
where demand.quantity > 0;
comment on view city_order.line_outcome is
'Where each accepted demand line ended up in the published release of its survey, year by year: in the order line of
its product, unit and year, or in an exclusion of that reason. What is typed in typed_unit, each of pieces_per_unit
pieces, is quantity; without a way to pieces it stays in its own unit. Grain: release_id, submission_id,
line_position, year.';

create view city_order.release_change_named as
select
    change.release_id,
    release.survey_code,
    change.product_id,
    coalesce(product.product_name, before.product_name) as product_name,
    coalesce(product.part_number, before.part_number) as part_number,
    coalesce(product.manufacturer, before.manufacturer) as manufacturer,
    change.unit,
    change.year,
    change.agency_code,
    change.cause,
    change.gross_before,
    change.gross_after
from city_order.release_change as change
inner join city_order.release using (release_id)
left join city_order.product
    on change.release_id = product.release_id and change.product_id = product.product_id
left join city_order.product as before
    on
        release.replaces_release_id = before.release_id and change.product_id = before.product_id
        and product.product_id is null;
comment on view city_order.release_change_named is
'city_order.release_change with the products'' names; one that the release has no more is called as in the release
replaced. Grain: release_id, product_id, unit, year, agency_code.';

create view city_order.publication_state as
with

figure as (
    select
        survey_code,
        'product' as cell_kind,
        product_id as cell_key,
        year,
        release_id
    from published.order_line_version
    where until_release_id is null
    union all
    select
        survey_code,
        'class' as cell_kind,
        okpd2_class as cell_key,
        year,
        release_id
    from published.class_line_version
    where until_release_id is null
),

-- What is asked for, under it what is shown: either may be missing, and a condition reaches both.
side as (
    select
        published_release.survey_code,
        order_line.product_id,
        order_line.year,
        order_line.gross_quantity as asked_pieces,
        order_line.agencies,
        null::numeric as shown_pieces,
        null::boolean as is_listed,
        null::bigint as since_release_id
    from city_order.published_release
    inner join city_order.order_line using (release_id)
    where order_line.unit = '796'
    union all
    select
        part.survey_code,
        part.product_id,
        part.year,
        null::numeric as asked_pieces,
        null::integer as agencies,
        part.quantity as shown_pieces,
        part.cell_kind = 'product' as is_listed,
        figure.release_id as since_release_id
    from city_order.published_part as part
    inner join figure using (survey_code, cell_kind, cell_key, year)
    where part.until_release_id is null
),

together as (
    select
        survey_code,
        product_id,
        year,
        coalesce(sum(asked_pieces), 0) as asked_pieces,
        coalesce(sum(shown_pieces), 0) as shown_pieces,
        coalesce(max(agencies), 0) as agencies,
        max(since_release_id) as since_release_id,
        bool_or(is_listed) as is_listed
    from side
    group by survey_code, product_id, year
)

select
    together.survey_code,
    published_release.release_id,
    together.product_id,
    together.year,
    together.asked_pieces,
    together.shown_pieces,
    together.agencies,
    together.since_release_id,
    case
        when together.is_listed is null then 'hidden'
        when together.shown_pieces <> together.asked_pieces then 'frozen'
        when together.is_listed then 'listed'
        else 'in_class_rest'
    end as state
from together
inner join city_order.published_release using (survey_code);
comment on view city_order.publication_state is
'How the published figures show what the published release of a survey asks for of a product in a year. listed: as it
is, in a figure of its own; in_class_rest: as it is, among the rest of its class; frozen: otherwise than it is asked
for now, by itself or in its class, as too few have changed; hidden: not at all, as too few ask, or as publication has
not begun. asked_pieces and agencies are of now; since_release_id is the release from which the figure is as it is,
empty if hidden. Grain: survey_code, product_id, year.';

grant select on
city_order.order_line_source, city_order.line_outcome, city_order.release_change_named, city_order.publication_state
to city_order_ingest, city_order_builder, city_order_analyst;
