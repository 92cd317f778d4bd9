-- The city order: releases, their lines, and what was left out and why.
create schema city_order;
comment on schema city_order is 'The city order: releases, their lines, what was left out and why.';

create table city_order.release (
    release_id bigint generated always as identity primary key,
    survey_code text not null references reference.survey,
    status text not null check (status in ('draft', 'audited', 'published', 'superseded')),
    built_at timestamptz not null default now(),
    published_at timestamptz,
    replaces_release_id bigint references city_order.release,
    input_fingerprint text not null,
    figures_sha256 text,
    code_version text not null,
    rules_version text not null,
    reference_version text not null,
    sql_version text not null
);
create unique index one_release_is_published on city_order.release (survey_code) where status = 'published';
comment on table city_order.release is 'An immutable build of a survey''s order. Grain: release_id.';
comment on column city_order.release.release_id is 'Number of the release.';
comment on column city_order.release.survey_code is 'The survey.';
comment on column city_order.release.status is 'draft, audited, published or superseded.';
comment on column city_order.release.built_at is 'When it was built.';
comment on column city_order.release.published_at is 'When it was published.';
comment on column city_order.release.replaces_release_id is
'The release that was published when this one was built, and that its changes are counted from.';
comment on column city_order.release.input_fingerprint is
'Digest of standing submissions, survey, rules, references and SQL: equal input has an equal one.';
comment on column city_order.release.figures_sha256 is 'Digest of its figures, without ids and times.';
comment on column city_order.release.code_version is 'Version of the project that built it.';
comment on column city_order.release.rules_version is 'The survey''s rules when it was built.';
comment on column city_order.release.reference_version is 'The survey''s references when it was built.';
comment on column city_order.release.sql_version is 'Digest of the model files that built it.';

create table city_order.published_release (
    survey_code text primary key references reference.survey,
    release_id bigint not null unique references city_order.release,
    confirmed_fingerprint text not null
);
comment on table city_order.published_release is
'The pointer that publication moves: readers see one whole release or the other. Grain: survey_code.';
comment on column city_order.published_release.survey_code is 'The survey.';
comment on column city_order.published_release.release_id is 'Its published release.';
comment on column city_order.published_release.confirmed_fingerprint is
'Digest of the last input that gives its figures: its own, or a later one that changed none of them.';

create table city_order.release_input (
    release_id bigint not null references city_order.release,
    agency_code text not null references reference.agency,
    submission_id bigint not null references core.submission,
    primary key (release_id, agency_code)
);
comment on table city_order.release_input is
'Submissions that a release was built from. Grain: release_id, agency_code.';
comment on column city_order.release_input.release_id is 'The release.';
comment on column city_order.release_input.agency_code is 'The agency.';
comment on column city_order.release_input.submission_id is 'Its submission that stood.';

create table city_order.product (
    release_id bigint not null references city_order.release,
    product_id text not null references core.product,
    product_name text not null,
    part_number text,
    manufacturer text,
    okpd2_code text,
    primary key (release_id, product_id)
);
comment on table city_order.product is 'How a release shows a product. Grain: release_id, product_id.';
comment on column city_order.product.release_id is 'The release.';
comment on column city_order.product.product_id is 'The product.';
comment on column city_order.product.product_name is 'The name that most lines use.';
comment on column city_order.product.part_number is
'The reference''s spelling, otherwise the one that most lines use; empty for generic products and batteries.';
comment on column city_order.product.manufacturer is 'The manufacturer''s name; empty if not stated.';
comment on column city_order.product.okpd2_code is 'The OKPD2 code that most lines use.';

create table city_order.order_line (
    release_id bigint not null,
    product_id text not null,
    unit text not null,
    year integer not null,
    gross_quantity numeric not null check (gross_quantity > 0 and gross_quantity < 'Infinity'),
    net_quantity numeric not null check (net_quantity >= 0 and net_quantity <= gross_quantity),
    gross_energy_kwh numeric check (gross_energy_kwh >= 0 and gross_energy_kwh < 'Infinity'),
    net_energy_kwh numeric check (net_energy_kwh >= 0 and net_energy_kwh <= gross_energy_kwh),
    amount_kopecks numeric(38, 0) check (amount_kopecks >= 0 and amount_kopecks < 'Infinity'),
    priced_share numeric not null check (priced_share between 0 and 1),
    agencies integer not null check (agencies > 0),
    lines integer not null check (lines >= agencies),
    primary key (release_id, product_id, unit, year),
    foreign key (release_id, product_id) references city_order.product,
    check ((amount_kopecks is null) = (priced_share = 0))
);
comment on table city_order.order_line is
'What the city needs of a product in a year. Pieces and kWh stand side by side: never add one to the other.
Grain: release_id, product_id, unit, year.';
comment on column city_order.order_line.release_id is 'The release.';
comment on column city_order.order_line.product_id is 'The product.';
comment on column city_order.order_line.unit is 'OKEI code of the quantities: 796, the piece.';
comment on column city_order.order_line.year is 'Calendar year.';
comment on column city_order.order_line.gross_quantity is 'What was asked for.';
comment on column city_order.order_line.net_quantity is
'Gross less stock and contracts, which each agency''s earliest years use up first.';
comment on column city_order.order_line.gross_energy_kwh is
'Batteries: gross pieces × V × Ah / 1000, by the product''s V and Ah.';
comment on column city_order.order_line.net_energy_kwh is 'Batteries: net pieces × V × Ah / 1000.';
comment on column city_order.order_line.amount_kopecks is
'Sum over lines of gross × price, rounded to kopecks, VAT included; empty if no line has a price.';
comment on column city_order.order_line.priced_share is 'Share of the gross quantity whose lines have a price, 0 to 1.';
comment on column city_order.order_line.agencies is 'How many agencies ask.';
comment on column city_order.order_line.lines is 'How many demand lines ask.';

create table city_order.exclusion (
    release_id bigint not null references city_order.release,
    reason text not null check (reason in ('no_way_to_pieces', 'year_outside_horizon')),
    submission_id bigint not null,
    line_position integer not null,
    agency_code text not null,
    product_id text not null,
    unit text not null,
    year integer not null,
    quantity numeric not null check (quantity > 0 and quantity < 'Infinity'),
    primary key (release_id, submission_id, line_position, year),
    foreign key (submission_id, line_position) references core.demand_line
);
comment on table city_order.exclusion is
'Accepted demand that a release leaves out, and why: with it, the order adds up to the accepted lines.
Grain: release_id, submission_id, line_position, year.';
comment on column city_order.exclusion.release_id is 'The release.';
comment on column city_order.exclusion.reason is 'no_way_to_pieces or year_outside_horizon.';
comment on column city_order.exclusion.submission_id is 'The submission.';
comment on column city_order.exclusion.line_position is 'Its line.';
comment on column city_order.exclusion.agency_code is 'The agency.';
comment on column city_order.exclusion.product_id is 'The product.';
comment on column city_order.exclusion.unit is
'OKEI code of the quantity: the piece if there is a way to it, otherwise the typed unit.';
comment on column city_order.exclusion.year is 'Calendar year.';
comment on column city_order.exclusion.quantity is 'What is left out.';

create table city_order.surplus (
    release_id bigint not null references city_order.release,
    agency_code text not null,
    product_id text not null,
    unit text not null,
    surplus_quantity numeric not null check (surplus_quantity > 0 and surplus_quantity < 'Infinity'),
    primary key (release_id, agency_code, product_id, unit)
);
comment on table city_order.surplus is
'Stock and contracts beyond all that an agency asks for; not given to others.
Grain: release_id, agency_code, product_id, unit.';
comment on column city_order.surplus.release_id is 'The release.';
comment on column city_order.surplus.agency_code is 'The agency.';
comment on column city_order.surplus.product_id is 'The product.';
comment on column city_order.surplus.unit is 'OKEI code of the quantity.';
comment on column city_order.surplus.surplus_quantity is 'What is left over after the last year.';

create table city_order.release_change (
    release_id bigint not null references city_order.release,
    product_id text not null,
    unit text not null,
    year integer not null,
    agency_code text not null,
    cause text not null check (cause in (
        'new_submission', 'correction', 'withdrawal', 'changed_rule', 'changed_reference', 'changed_mapping'
    )),
    gross_before numeric not null,
    gross_after numeric not null,
    primary key (release_id, product_id, unit, year, agency_code),
    check (gross_before <> gross_after)
);
comment on table city_order.release_change is
'What a release changes against the one it replaces, agency by agency, and why.
Grain: release_id, product_id, unit, year, agency_code.';
comment on column city_order.release_change.release_id is 'The release.';
comment on column city_order.release_change.product_id is 'The product.';
comment on column city_order.release_change.unit is 'OKEI code of the quantities.';
comment on column city_order.release_change.year is 'Calendar year.';
comment on column city_order.release_change.agency_code is 'The agency whose figure changed.';
comment on column city_order.release_change.cause is
'new_submission, correction, withdrawal, changed_rule, changed_reference or changed_mapping.';
comment on column city_order.release_change.gross_before is 'What the agency asked for in the release replaced.';
comment on column city_order.release_change.gross_after is 'What it asks for in this one.';

-- Law: a published release never changes. Only a draft may be filled.
create function city_order.refuse_change_of_a_built_release() returns trigger
language plpgsql as $$
declare
    touched bigint;
begin
    foreach touched in array case tg_op
        when 'INSERT' then array[new.release_id]
        when 'DELETE' then array[old.release_id]
        else array[old.release_id, new.release_id]
    end loop
        if not exists (select 1 from city_order.release where release_id = touched and status = 'draft') then
            raise exception 'release % is no draft: what is built never changes', touched
                using hint = 'Build a new release.';
        end if;
    end loop;
    if tg_op = 'DELETE' then return old; end if;
    return new;
end $$;
comment on function city_order.refuse_change_of_a_built_release() is 'Keeps the rows of a built release as they are.';

create function city_order.refuse_step_back_of_a_release() returns trigger
language plpgsql as $$
begin
    if old.status <> 'draft' and (
        to_jsonb(new) - array['status', 'published_at'] <> to_jsonb(old) - array['status', 'published_at']
    ) then
        raise exception 'release % is built: only its status may move', old.release_id;
    end if;
    if (old.status, new.status) not in (
        ('draft', 'draft'), ('draft', 'audited'), ('audited', 'published'), ('published', 'superseded')
    ) then
        raise exception 'release % cannot go from % to %', old.release_id, old.status, new.status
            using hint = 'draft, audited, published, superseded: in this order.';
    end if;
    return new;
end $$;
comment on function city_order.refuse_step_back_of_a_release() is 'Keeps the order draft, audited, published, superseded.';

create trigger forward_only before update on city_order.release
for each row execute function city_order.refuse_step_back_of_a_release();

create trigger drafts_only before insert or update or delete on city_order.release_input
for each row execute function city_order.refuse_change_of_a_built_release();

create trigger drafts_only before insert or update or delete on city_order.product
for each row execute function city_order.refuse_change_of_a_built_release();

create trigger drafts_only before insert or update or delete on city_order.order_line
for each row execute function city_order.refuse_change_of_a_built_release();

create trigger drafts_only before insert or update or delete on city_order.exclusion
for each row execute function city_order.refuse_change_of_a_built_release();

create trigger drafts_only before insert or update or delete on city_order.surplus
for each row execute function city_order.refuse_change_of_a_built_release();

create trigger drafts_only before insert or update or delete on city_order.release_change
for each row execute function city_order.refuse_change_of_a_built_release();

create view city_order.current_order_line as
select
    release.survey_code,
    order_line.*,
    product.product_name,
    product.part_number,
    product.manufacturer,
    product.okpd2_code,
    survey_year.certainty
from city_order.published_release
inner join city_order.release using (release_id)
inner join city_order.order_line using (release_id)
inner join city_order.product using (release_id, product_id)
left join reference.survey_year
    on survey_year.survey_code = release.survey_code and survey_year.year = order_line.year;
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
where demand.quantity > 0 and demand_line.pieces_per_unit is not null;
comment on view city_order.order_line_source is
'From an order line to the demand lines, receipts, sheets and cells behind it.
Grain: release_id, submission_id, line_position, year.';
