-- A night costs what it changes: a release sets anew the rows of the products that it touches, and the others stand.
-- What readers select from keeps its name, and shows any release whole: it is a view of versions now.
alter table reference.survey
add column double_counting text not null default 'child_counts'
check (double_counting in ('child_counts', 'both_count')),
add column approval_share numeric default 0.2 check (approval_share >= 0);
comment on column reference.survey.double_counting is
'What counts if an agency and one subordinate to it ask for the same: child_counts or both_count.';
comment on column reference.survey.approval_share is
'A release that changes more than this share of the last one waits for a person; empty: none does.';

create index demand_line_by_product_and_submission on core.demand_line (product_id, submission_id);
drop index core.demand_line_by_product;

drop view city_order.current_order_line, city_order.order_line_source;

alter table city_order.release
add column whole_release_id bigint references city_order.release,
add column terms_sha256 text,
add column double_counting text check (double_counting in ('child_counts', 'both_count')),
add column roster_agencies integer,
add column answered_agencies integer,
add column order_lines bigint,
add column changed_gross_share numeric,
add column changed_lines_share numeric,
add column rolled_back_to_release_id bigint references city_order.release,
add column rolled_back_by text,
add column reason text,
add check ((rolled_back_to_release_id is null) = (rolled_back_by is null)),
add check (whole_release_id < release_id);
comment on column city_order.release.figures_sha256 is
'Digest of its figures, without ids and times: the sum of its products'' SHA-256, in four words of 64 bits.';
comment on column city_order.release.whole_release_id is
'The last release before it that set the rows of every product anew; empty if it did so itself.';
comment on column city_order.release.terms_sha256 is
'Digest of what its figures depend on besides submissions; what is built under other terms is built whole.';
comment on column city_order.release.double_counting is 'The survey''s rule of double counting when it was built.';
comment on column city_order.release.roster_agencies is 'How many agencies were asked when it was built.';
comment on column city_order.release.answered_agencies is
'How many of those that were asked had an answer that stood, nil returns among them.';
comment on column city_order.release.order_lines is 'How many order lines it has.';
comment on column city_order.release.changed_gross_share is
'Pieces that differ from the release it replaces, over all years, as a share of that one''s gross pieces.';
comment on column city_order.release.changed_lines_share is
'Order lines that differ from the release it replaces, as a share of that one''s.';
comment on column city_order.release.rolled_back_to_release_id is
'The earlier release whose content it repeats, if it is a roll-back.';
comment on column city_order.release.rolled_back_by is 'Who rolled back.';
comment on column city_order.release.reason is 'Why it was rolled back.';

-- What each night changes, and what of it stands.

create table city_order.input_change (
    release_id bigint not null references city_order.release,
    agency_code text not null references reference.agency,
    submission_before bigint references core.submission,
    submission_after bigint references core.submission,
    cause text not null check (cause in (
        'new_submission', 'correction', 'withdrawal', 'changed_rule', 'changed_reference', 'roll_back'
    )),
    primary key (release_id, agency_code),
    check (submission_before is distinct from submission_after)
);
comment on table city_order.input_change is
'Agencies whose submission differs from that in the release replaced, and why. Grain: release_id, agency_code.';
comment on column city_order.input_change.release_id is 'The release.';
comment on column city_order.input_change.agency_code is 'The agency.';
comment on column city_order.input_change.submission_before is 'What counted in the release replaced; empty if nothing.';
comment on column city_order.input_change.submission_after is 'What counts in this one; empty if nothing.';
comment on column city_order.input_change.cause is
'new_submission, correction, withdrawal, changed_rule, changed_reference or roll_back.';

-- Without foreign keys, here and where rows are many: each would be looked up by itself, at a third of a build's cost.
-- A trigger looks up the release once, and the audit of keys that each row shows a product.
create table city_order.touched_product (
    release_id bigint not null,
    product_id text not null,
    primary key (release_id, product_id)
);
comment on table city_order.touched_product is
'Products whose rows a release sets anew; one that is touched and has no row is in the release no more. If it was built
whole, all of its programme. Grain: release_id, product_id.';
comment on column city_order.touched_product.release_id is 'The release.';
comment on column city_order.touched_product.product_id is 'The product.';

create table city_order.submission_total (
    submission_id bigint not null references core.submission,
    unit text not null,
    year integer not null,
    quantity numeric not null check (quantity > 0 and quantity < 'Infinity'),
    primary key (submission_id, unit, year)
);
comment on table city_order.submission_total is
'What a submission asks for in all, counted once, when a release uses it first. Grain: submission_id, unit, year.';
comment on column city_order.submission_total.submission_id is 'The submission.';
comment on column city_order.submission_total.unit is
'OKEI code of the quantity: the piece if there is a way to it, otherwise the typed unit.';
comment on column city_order.submission_total.year is 'Calendar year, of the horizon or not.';
comment on column city_order.submission_total.quantity is 'What its accepted lines ask for.';

create table city_order.release_total (
    release_id bigint not null references city_order.release,
    unit text not null,
    year integer not null,
    accepted_quantity numeric not null check (accepted_quantity >= 0 and accepted_quantity < 'Infinity'),
    ordered_quantity numeric not null check (ordered_quantity >= 0 and ordered_quantity < 'Infinity'),
    excluded_quantity numeric not null check (excluded_quantity >= 0 and excluded_quantity < 'Infinity'),
    primary key (release_id, unit, year)
);
comment on table city_order.release_total is
'What a release adds up to, carried on from the one it replaces. Grain: release_id, unit, year.';
comment on column city_order.release_total.release_id is 'The release.';
comment on column city_order.release_total.unit is 'OKEI code of the quantities.';
comment on column city_order.release_total.year is 'Calendar year.';
comment on column city_order.release_total.accepted_quantity is 'What the accepted lines of its inputs ask for.';
comment on column city_order.release_total.ordered_quantity is 'The gross quantity of its order lines.';
comment on column city_order.release_total.excluded_quantity is 'The quantity of its exclusions.';

alter table city_order.release_input rename to release_input_version;
alter table city_order.product rename to product_version;
alter table city_order.order_line rename to order_line_version;
alter table city_order.exclusion rename to exclusion_version;
alter table city_order.surplus rename to surplus_version;

alter table city_order.order_line_version drop constraint order_line_release_id_product_id_fkey;

alter table city_order.product_version
add column prices integer check (prices >= 0),
add column price_lower_kopecks numeric,
add column price_median_kopecks numeric,
add column price_upper_kopecks numeric,
add column price_spread numeric,
add constraint product_median_check check ((prices > 0) = (price_median_kopecks is not null)),
add constraint product_lower_check check (price_lower_kopecks between 0 and price_median_kopecks),
add constraint product_upper_check
check (price_upper_kopecks >= price_median_kopecks and price_upper_kopecks < 'Infinity');
comment on column city_order.product_version.prices is 'How many lines that ask for it and count have a price.';
comment on column city_order.product_version.price_lower_kopecks is
'Lower quartile of the prices of one piece, in kopecks, VAT included; empty if no line has a price.';
comment on column city_order.product_version.price_median_kopecks is 'Their median: of an even number, the lower one.';
comment on column city_order.product_version.price_upper_kopecks is 'Their upper quartile.';
comment on column city_order.product_version.price_spread is
'How far the quartiles lie apart, as a share of the median; empty if the median is 0.';

alter table city_order.exclusion_version
drop constraint exclusion_reason_check,
add constraint exclusion_reason_check
check (reason in ('no_way_to_pieces', 'year_outside_horizon', 'counted_by_subordinate'));
comment on column city_order.exclusion_version.reason is
'no_way_to_pieces, year_outside_horizon, or counted_by_subordinate: see double_counting.';

create table city_order.order_line_by_need_kind_version (
    release_id bigint not null,
    product_id text not null,
    unit text not null,
    year integer not null,
    need_kind text not null,
    gross_quantity numeric not null check (gross_quantity > 0 and gross_quantity < 'Infinity'),
    primary key (release_id, product_id, unit, year, need_kind)
);
comment on table city_order.order_line_by_need_kind_version is
'An order line''s gross quantity by kind of need. Grain: release_id, product_id, unit, year, need_kind.';
comment on column city_order.order_line_by_need_kind_version.release_id is 'The release that set the row.';
comment on column city_order.order_line_by_need_kind_version.product_id is 'The product.';
comment on column city_order.order_line_by_need_kind_version.unit is 'OKEI code of the quantity.';
comment on column city_order.order_line_by_need_kind_version.year is 'Calendar year.';
comment on column city_order.order_line_by_need_kind_version.need_kind is 'Kind of need, as a code; not_stated if none was.';
comment on column city_order.order_line_by_need_kind_version.gross_quantity is 'What was asked for.';

create table city_order.double_counting_version (
    release_id bigint not null references city_order.release,
    product_id text not null references core.product,
    agency_code text not null references reference.agency,
    subordinate_code text not null references reference.agency,
    year integer not null,
    gross_quantity numeric not null check (gross_quantity > 0 and gross_quantity < 'Infinity'),
    handled text not null check (handled in ('child_counts', 'both_count')),
    primary key (release_id, product_id, agency_code, subordinate_code, year)
);
comment on table city_order.double_counting_version is
'Products for which an agency and one subordinate to it ask for the same pieces, every year.
Grain: release_id, product_id, agency_code, subordinate_code, year.';
comment on column city_order.double_counting_version.release_id is 'The release that set the row.';
comment on column city_order.double_counting_version.product_id is 'The product.';
comment on column city_order.double_counting_version.agency_code is 'The parent.';
comment on column city_order.double_counting_version.subordinate_code is 'The agency subordinate to it.';
comment on column city_order.double_counting_version.year is 'Calendar year.';
comment on column city_order.double_counting_version.gross_quantity is 'Pieces that each of the two asks for.';
comment on column city_order.double_counting_version.handled is
'child_counts: the parent''s lines of the product are exclusions; both_count: they are listed here, and count.';

alter table city_order.release_change
drop constraint release_change_cause_check,
add constraint release_change_cause_check check (cause in (
    'new_submission', 'correction', 'withdrawal', 'changed_rule', 'changed_reference', 'changed_mapping', 'changed_unit',
    'double_counting', 'roll_back'
));
comment on table city_order.release_change is
'What a release changes against the one it replaces, agency by agency, and why: what an agency asks for and what of it
counts. Grain: release_id, product_id, unit, year, agency_code.';
comment on column city_order.release_change.cause is
'new_submission, correction or withdrawal; of the same receipt judged anew, changed_mapping (a line asks for another
product), changed_unit (its unit has other pieces), changed_rule or changed_reference; double_counting (of an answer that
did not change, more or less is counted); or roll_back.';
comment on column city_order.release_change.gross_before is 'What counted of the agency in the release replaced.';
comment on column city_order.release_change.gross_after is 'What counts of it in this one.';

alter table city_order.release_input_version add column until_release_id bigint references city_order.release;
alter table city_order.product_version add column until_release_id bigint references city_order.release;
alter table city_order.order_line_version add column until_release_id bigint;
alter table city_order.order_line_by_need_kind_version add column until_release_id bigint;
alter table city_order.exclusion_version add column until_release_id bigint references city_order.release;
alter table city_order.surplus_version add column until_release_id bigint references city_order.release;
alter table city_order.double_counting_version add column until_release_id bigint references city_order.release;
comment on column city_order.release_input_version.until_release_id is
'The release that replaced the row; empty while it stands, or if it ended with a release that was built whole.';
comment on column city_order.product_version.until_release_id is
'The release that replaced the row; empty while it stands, or if it ended with a release that was built whole.';
comment on column city_order.order_line_version.until_release_id is
'The release that replaced the row; empty while it stands, or if it ended with a release that was built whole.';
comment on column city_order.order_line_by_need_kind_version.until_release_id is
'The release that replaced the row; empty while it stands, or if it ended with a release that was built whole.';
comment on column city_order.exclusion_version.until_release_id is
'The release that replaced the row; empty while it stands, or if it ended with a release that was built whole.';
comment on column city_order.surplus_version.until_release_id is
'The release that replaced the row; empty while it stands, or if it ended with a release that was built whole.';
comment on column city_order.double_counting_version.until_release_id is
'The release that replaced the row; empty while it stands, or if it ended with a release that was built whole.';
comment on column city_order.release_input_version.release_id is 'The release that set the row.';
comment on column city_order.product_version.release_id is 'The release that set the row.';
comment on column city_order.order_line_version.release_id is 'The release that set the row.';
comment on column city_order.exclusion_version.release_id is 'The release that set the row.';
comment on column city_order.surplus_version.release_id is 'The release that set the row.';

create index product_version_by_product on city_order.product_version (product_id);
create index order_line_version_by_product on city_order.order_line_version (product_id);
create index order_line_by_need_kind_version_by_product on city_order.order_line_by_need_kind_version (product_id);
create index exclusion_version_by_product on city_order.exclusion_version (product_id);
create index exclusion_version_by_line on city_order.exclusion_version (submission_id, line_position);
create index surplus_version_by_product on city_order.surplus_version (product_id);
create index double_counting_version_by_product on city_order.double_counting_version (product_id);

-- What readers select from.

create view city_order.release_part as
select
    release_id,
    release_id as set_by_release_id,
    null::bigint as base_release_id
from city_order.release
union all
select
    release.release_id,
    earlier.release_id as set_by_release_id,
    release.replaces_release_id as base_release_id
from city_order.release
inner join city_order.release as earlier
    on
        earlier.survey_code = release.survey_code
        and earlier.release_id between release.whole_release_id and release.replaces_release_id
        and earlier.status in ('published', 'superseded');
comment on view city_order.release_part is
'The releases whose rows make up a release: its own, and those of the releases before it, as far back as to one that was
built whole, that stood in its base and that it does not touch. Grain: release_id, set_by_release_id.';

create view city_order.release_input as
select
    part.release_id,
    input.agency_code,
    input.submission_id
from city_order.release_part as part
inner join city_order.release_input_version as input
    on
        part.set_by_release_id = input.release_id
        and (part.base_release_id is null or coalesce(input.until_release_id > part.base_release_id, true))
left join city_order.input_change as changed
    on
        part.release_id = changed.release_id and input.agency_code = changed.agency_code
        and part.base_release_id is not null
where changed.agency_code is null;
comment on view city_order.release_input is
'Submissions that a release was built from. Grain: release_id, agency_code.';

create view city_order.product as
select
    part.release_id,
    version.product_id,
    version.product_name,
    version.part_number,
    version.manufacturer,
    version.okpd2_code,
    version.prices,
    version.price_lower_kopecks,
    version.price_median_kopecks,
    version.price_upper_kopecks,
    version.price_spread
from city_order.release_part as part
inner join city_order.product_version as version
    on
        part.set_by_release_id = version.release_id
        and (part.base_release_id is null or coalesce(version.until_release_id > part.base_release_id, true))
left join city_order.touched_product as touched
    on
        part.release_id = touched.release_id and version.product_id = touched.product_id
        and part.base_release_id is not null
where touched.product_id is null;
comment on view city_order.product is
'How a release shows a product, and the prices of its lines. Grain: release_id, product_id.';

create view city_order.order_line as
select
    part.release_id,
    version.product_id,
    version.unit,
    version.year,
    version.gross_quantity,
    version.net_quantity,
    version.gross_energy_kwh,
    version.net_energy_kwh,
    version.amount_kopecks,
    version.priced_share,
    version.agencies,
    version.lines
from city_order.release_part as part
inner join city_order.order_line_version as version
    on
        part.set_by_release_id = version.release_id
        and (part.base_release_id is null or coalesce(version.until_release_id > part.base_release_id, true))
left join city_order.touched_product as touched
    on
        part.release_id = touched.release_id and version.product_id = touched.product_id
        and part.base_release_id is not null
where touched.product_id is null;
comment on view city_order.order_line is
'What the city needs of a product in a year, in any release. Pieces and kWh stand side by side: never add one to the
other. Grain: release_id, product_id, unit, year.';

create view city_order.order_line_by_need_kind as
select
    part.release_id,
    version.product_id,
    version.unit,
    version.year,
    version.need_kind,
    version.gross_quantity
from city_order.release_part as part
inner join city_order.order_line_by_need_kind_version as version
    on
        part.set_by_release_id = version.release_id
        and (part.base_release_id is null or coalesce(version.until_release_id > part.base_release_id, true))
left join city_order.touched_product as touched
    on
        part.release_id = touched.release_id and version.product_id = touched.product_id
        and part.base_release_id is not null
where touched.product_id is null;
comment on view city_order.order_line_by_need_kind is
'Order lines by kind of need; they add up to the gross quantity of the order line.
Grain: release_id, product_id, unit, year, need_kind.';

create view city_order.exclusion as
select
    part.release_id,
    version.reason,
    version.submission_id,
    version.line_position,
    version.agency_code,
    version.product_id,
    version.unit,
    version.year,
    version.quantity
from city_order.release_part as part
inner join city_order.exclusion_version as version
    on
        part.set_by_release_id = version.release_id
        and (part.base_release_id is null or coalesce(version.until_release_id > part.base_release_id, true))
left join city_order.touched_product as touched
    on
        part.release_id = touched.release_id and version.product_id = touched.product_id
        and part.base_release_id is not null
where touched.product_id is null;
comment on view city_order.exclusion is
'Accepted demand that a release leaves out, and why: with it, the order adds up to the accepted lines.
Grain: release_id, submission_id, line_position, year.';

create view city_order.surplus as
select
    part.release_id,
    version.agency_code,
    version.product_id,
    version.unit,
    version.surplus_quantity
from city_order.release_part as part
inner join city_order.surplus_version as version
    on
        part.set_by_release_id = version.release_id
        and (part.base_release_id is null or coalesce(version.until_release_id > part.base_release_id, true))
left join city_order.touched_product as touched
    on
        part.release_id = touched.release_id and version.product_id = touched.product_id
        and part.base_release_id is not null
where touched.product_id is null;
comment on view city_order.surplus is
'Stock and contracts beyond all that an agency asks for; not given to others.
Grain: release_id, agency_code, product_id, unit.';

create view city_order.double_counting as
select
    part.release_id,
    version.product_id,
    version.agency_code,
    version.subordinate_code,
    version.year,
    version.gross_quantity,
    version.handled
from city_order.release_part as part
inner join city_order.double_counting_version as version
    on
        part.set_by_release_id = version.release_id
        and (part.base_release_id is null or coalesce(version.until_release_id > part.base_release_id, true))
left join city_order.touched_product as touched
    on
        part.release_id = touched.release_id and version.product_id = touched.product_id
        and part.base_release_id is not null
where touched.product_id is null;
comment on view city_order.double_counting is
'Products for which an agency and one subordinate to it ask for the same pieces, every year, and how the survey handles
it. Grain: release_id, product_id, agency_code, subordinate_code, year.';

create view city_order.current_order_line as
select
    release.survey_code,
    release.release_id,
    version.product_id,
    version.unit,
    version.year,
    version.gross_quantity,
    version.net_quantity,
    version.gross_energy_kwh,
    version.net_energy_kwh,
    version.amount_kopecks,
    version.priced_share,
    version.agencies,
    version.lines,
    product.product_name,
    product.part_number,
    product.manufacturer,
    product.okpd2_code,
    survey_year.certainty,
    product.prices,
    product.price_lower_kopecks,
    product.price_median_kopecks,
    product.price_upper_kopecks,
    product.price_spread
from city_order.published_release
inner join city_order.release using (release_id)
inner join city_order.release as earlier
    on
        earlier.survey_code = release.survey_code
        and earlier.release_id between coalesce(release.whole_release_id, release.release_id) and release.release_id
        and earlier.status in ('published', 'superseded')
inner join city_order.order_line_version as version
    on earlier.release_id = version.release_id and version.until_release_id is null
-- A release that sets a product's order lines sets what it shows of the product, too.
inner join city_order.product_version as product
    on version.release_id = product.release_id and version.product_id = product.product_id
left join reference.survey_year
    on survey_year.survey_code = release.survey_code and survey_year.year = version.year;
comment on view city_order.current_order_line is
'The published order of every survey, readable. Grain: survey_code, product_id, unit, year.';

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
'From an order line to the demand lines, receipts, sheets and cells behind it.
Grain: release_id, submission_id, line_position, year.';

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
'Where each accepted demand line ended up in the published release of its survey, year by year: in the order line of its
product, unit and year, or in an exclusion of that reason. Grain: release_id, submission_id, line_position, year.';

create function city_order.inputs_of(release bigint) returns table (agency_code text, submission_id bigint)
language plpgsql stable parallel safe rows 1000 as $$
begin
    return query
    select release_input.agency_code, release_input.submission_id
    from city_order.release_input
    where release_input.release_id = release;
end $$;
comment on function city_order.inputs_of(bigint) is
'What city_order.release_input shows of one release. The planner takes it for many rows, as it is: a new release has no
statistics, and one row would be joined by going through all lines of each submission.';

-- Who steers.

create table city_order.brake (
    brake_id bigint generated always as identity primary key,
    survey_code text not null references reference.survey,
    set_at timestamptz not null default now(),
    set_by text not null,
    reason text not null,
    lifted_at timestamptz,
    lifted_by text,
    check ((lifted_at is null) = (lifted_by is null))
);
create unique index one_brake_is_set on city_order.brake (survey_code) where lifted_at is null;
comment on table city_order.brake is
'While a brake is set, releases of its survey are built and audited, and not published. Grain: brake_id.';
comment on column city_order.brake.brake_id is 'Number of the brake.';
comment on column city_order.brake.survey_code is 'The survey.';
comment on column city_order.brake.set_at is 'When it was set.';
comment on column city_order.brake.set_by is 'Who set it.';
comment on column city_order.brake.reason is 'Why.';
comment on column city_order.brake.lifted_at is 'When it was lifted; empty while it is set.';
comment on column city_order.brake.lifted_by is 'Who lifted it.';

create table city_order.approval (
    release_id bigint primary key references city_order.release,
    why text not null,
    asked_at timestamptz not null default now(),
    decision text check (decision in ('approved', 'declined')),
    decided_by text,
    decided_at timestamptz,
    comment text,
    check ((decision is null) = (decided_by is null)),
    check ((decision is null) = (decided_at is null))
);
comment on table city_order.approval is
'Audited releases that change so much that a person decides whether they are published. Grain: release_id.';
comment on column city_order.approval.release_id is 'The release.';
comment on column city_order.approval.why is 'What a person is asked to look at.';
comment on column city_order.approval.asked_at is 'When it was asked.';
comment on column city_order.approval.decision is 'approved or declined; empty while nobody has decided.';
comment on column city_order.approval.decided_by is 'Who decided.';
comment on column city_order.approval.decided_at is 'When.';
comment on column city_order.approval.comment is 'What they said about it.';

create function city_order.refuse_second_thoughts() returns trigger
language plpgsql as $$
begin
    if
        to_jsonb(old) ->> tg_argv[0] is not null
        or to_jsonb(old) - tg_argv[0:tg_nargs - 1] <> to_jsonb(new) - tg_argv[0:tg_nargs - 1]
    then
        raise exception 'this was decided before, and stays so'
            using hint = 'A brake is set anew; an approval is of one release: build a new one.';
    end if;
    return new;
end $$;
comment on function city_order.refuse_second_thoughts() is
'Keeps decisions as they were made: the columns that it is given are filled once, and no other changes.';

create trigger decided_once before update on city_order.brake
for each row execute function city_order.refuse_second_thoughts('lifted_at', 'lifted_by');
create trigger decided_once before update on city_order.approval
for each row execute function city_order.refuse_second_thoughts('decision', 'decided_by', 'decided_at', 'comment');

-- Law: a published release never changes. Only a draft may be filled; a row that stands may end, once.

create function city_order.refuse_rows_for_a_built_release() returns trigger
language plpgsql as $$
declare
    built bigint;
begin
    select min(filled.release_id) into built
    from (select distinct added.release_id from added) as filled
    where not exists (
        select 1 from city_order.release
        where release.release_id = filled.release_id and release.status = 'draft'
    );
    if built is not null then
        raise exception 'release % is no draft: what is built never changes', built
            using hint = 'Build a new release.';
    end if;
    return null;
end $$;
comment on function city_order.refuse_rows_for_a_built_release() is
'Keeps a built release as it is; once for a statement, however many rows it adds.';

create function city_order.refuse_wrong_end_of_a_version() returns trigger
language plpgsql as $$
declare
    built bigint;
begin
    -- Once for a statement: a night ends thousands of rows. Which of them were touched, or are of a changed agency, is
    -- looked up by the column that the table has.
    select min(old_row.release_id) into built
    from old_row
    inner join city_order.release using (release_id)
    where release.status <> 'draft' and old_row.until_release_id is not null;
    if built is null then
        select min(of_release.release_id) into built
        from (select distinct release_id, until_release_id from new_row) as ended
        inner join city_order.release as of_release using (release_id)
        where
            of_release.status <> 'draft'
            and not exists (
                select 1 from city_order.release as by_release
                where
                    by_release.release_id = ended.until_release_id and by_release.status = 'published'
                    and by_release.survey_code = of_release.survey_code
                    and of_release.release_id between by_release.whole_release_id and by_release.replaces_release_id
                    and of_release.status = any(array['published', 'superseded'])
            );
    end if;
    if built is null and tg_argv[0] = 'product_id' then
        select min(new_row.release_id) into built
        from new_row
        inner join city_order.release using (release_id)
        where
            release.status <> 'draft'
            and not exists (
                select 1 from city_order.touched_product as touched
                where touched.release_id = new_row.until_release_id and touched.product_id = new_row.product_id
            );
    elsif built is null then
        select min(new_row.release_id) into built
        from new_row
        inner join city_order.release using (release_id)
        where
            release.status <> 'draft'
            and not exists (
                select 1 from city_order.input_change as changed
                where changed.release_id = new_row.until_release_id and changed.agency_code = new_row.agency_code
            );
    end if;
    if built is not null then
        raise exception 'release % is no draft: what is built never changes', built
            using hint = 'A row ends once, when a release that sets it anew is published.';
    end if;
    return null;
end $$;
comment on function city_order.refuse_wrong_end_of_a_version() is
'Lets the rows of a built release end once, by the published release that sets them anew. Another trigger refuses every
other change of them.';

create function city_order.refuse_release_that_is_no_draft() returns trigger
language plpgsql as $$
begin
    if new.status <> 'draft' then
        raise exception 'a release is born as a draft, not %', new.status;
    end if;
    return new;
end $$;
comment on function city_order.refuse_release_that_is_no_draft() is 'No release skips its audit.';

create function city_order.refuse_pointer_to_an_unpublished_release() returns trigger
language plpgsql as $$
begin
    if not exists (
        select 1 from city_order.release
        where release_id = new.release_id and survey_code = new.survey_code and status = 'published'
    ) then
        raise exception 'release % is not published: readers must not see it', new.release_id
            using hint = 'Audit it, then publish it.';
    end if;
    return new;
end $$;
comment on function city_order.refuse_pointer_to_an_unpublished_release() is
'Readers see published releases of the survey only.';

create trigger born_as_draft before insert on city_order.release
for each row execute function city_order.refuse_release_that_is_no_draft();
create trigger published_only before insert or update on city_order.published_release
for each row execute function city_order.refuse_pointer_to_an_unpublished_release();

do $$
declare
    relation text;
    columns text;
begin
    foreach relation in array array[
        'input_change', 'touched_product', 'release_total', 'release_change',
        'release_input_version', 'product_version', 'order_line_version', 'order_line_by_need_kind_version',
        'exclusion_version', 'surplus_version', 'double_counting_version'
    ] loop
        execute format('drop trigger if exists drafts_only on city_order.%I', relation);
        execute format(
            'create trigger filled_as_draft after insert on city_order.%I referencing new table as added'
            ' for each statement execute function city_order.refuse_rows_for_a_built_release()', relation
        );
        select string_agg(quote_ident(column_name), ', ') into columns
        from information_schema.columns
        where table_schema = 'city_order' and table_name = relation and column_name <> 'until_release_id';
        execute format(
            'create trigger drafts_only before delete or update of %s on city_order.%I'
            ' for each row execute function city_order.refuse_change_of_a_built_release()', columns, relation
        );
        if relation like '%\_version' then
            execute format(
                'create trigger ends_once after update on city_order.%I'
                ' referencing old table as old_row new table as new_row'
                ' for each statement execute function city_order.refuse_wrong_end_of_a_version(%L)',
                relation, case when relation = 'release_input_version' then 'agency_code' else 'product_id' end
            );
            execute format('grant update (until_release_id) on city_order.%I to city_order_builder', relation);
        end if;
    end loop;
end $$;

-- A version's table keeps its privileges under its new name; what is new gets them here.
grant select on all tables in schema city_order to city_order_builder, city_order_analyst;
grant insert on
city_order.input_change, city_order.touched_product, city_order.submission_total, city_order.release_total,
city_order.order_line_by_need_kind_version, city_order.double_counting_version, city_order.brake, city_order.approval
to city_order_builder;
grant update on city_order.brake, city_order.approval to city_order_builder;
