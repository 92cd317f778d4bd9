-- The published tier: what manufacturers may see of an order, so that nobody can work out what a single agency asks for.
alter table reference.survey
add column published_agencies integer not null default 3 check (published_agencies >= 3),
add column published_largest_share numeric not null default 0.7
check (published_largest_share > 0 and published_largest_share < 1),
add column published_rest_share numeric not null default 0.1
check (published_rest_share >= 0.1 and published_rest_share <= 1),
add column published_answered_share numeric not null default 0.5 check (published_answered_share between 0 and 1);
comment on column reference.survey.published_agencies is 'A published figure holds those of so many agencies, at least.';
comment on column reference.survey.published_largest_share is 'None of them has more of it than this share.';
comment on column reference.survey.published_rest_share is
'Beside any two of them, a published figure holds at least this share of what either has of it.';
comment on column reference.survey.published_answered_share is
'Publication begins when this share of the roster has answered.';

-- How published figures are made up. It tells of single agencies: not for the readers of the published tier.

create table city_order.published_part (
    survey_code text not null references reference.survey,
    cell_kind text not null check (cell_kind in ('product', 'class')),
    cell_key text not null,
    year integer not null,
    block integer not null check (block > 0),
    product_id text not null references core.product,
    agency_code text not null references reference.agency,
    line text not null,
    quantity numeric not null check (quantity > 0 and quantity < 'Infinity'),
    least_quantity numeric not null check (least_quantity > 0 and least_quantity < 'Infinity'),
    release_id bigint not null references city_order.release,
    until_release_id bigint references city_order.release,
    is_gone boolean,
    primary key (survey_code, product_id, year, agency_code, line, release_id),
    check ((until_release_id is null) = (is_gone is null)),
    check (until_release_id > release_id)
);
create unique index a_line_is_published_once on city_order.published_part (
    survey_code, product_id, year, agency_code, line
) where until_release_id is null;
create index published_part_by_cell on city_order.published_part (survey_code, cell_kind, cell_key)
where until_release_id is null;
create index published_part_by_agency on city_order.published_part (survey_code, agency_code, year)
where until_release_id is not null;
comment on table city_order.published_part is
'The lines that a published figure adds up, as they were when they entered it: see docs/decisions/13. Lines of a block
entered together and leave together. Grain: survey_code, product_id, year, agency_code, line, release_id.';
comment on column city_order.published_part.survey_code is 'The survey.';
comment on column city_order.published_part.cell_kind is
'product: the figure of a product in a year; class: that of the rest of a class in a year.';
comment on column city_order.published_part.cell_key is 'The product or the class.';
comment on column city_order.published_part.year is 'Calendar year.';
comment on column city_order.published_part.block is 'The block, numbered within the survey.';
comment on column city_order.published_part.product_id is 'The product that the line asks for.';
comment on column city_order.published_part.agency_code is 'The agency that asks.';
comment on column city_order.published_part.line is
'What the line says for the year, as a number, and which it is of those that say the same.';
comment on column city_order.published_part.quantity is 'Pieces.';
comment on column city_order.published_part.least_quantity is 'Pieces of one typed unit: everybody may know that it is no less.';
comment on column city_order.published_part.release_id is 'The release with which it entered.';
comment on column city_order.published_part.until_release_id is 'The release with which it left; empty while it stands.';
comment on column city_order.published_part.is_gone is
'Whether its agency asked for nothing of the product in that year when it left; empty while it stands.';

create table city_order.publication_wait (
    survey_code text not null references reference.survey,
    product_id text not null references core.product,
    primary key (survey_code, product_id)
);
comment on table city_order.publication_wait is
'Products of which something is asked for that the published figures do not show so, or not yet.
Grain: survey_code, product_id.';
comment on column city_order.publication_wait.survey_code is 'The survey.';
comment on column city_order.publication_wait.product_id is 'The product.';

create schema published;
comment on schema published is 'What manufacturers may see: figures that hide every single agency.';

create table published.release (
    release_id bigint primary key references city_order.release,
    survey_code text not null references reference.survey,
    survey_title text not null,
    programme text not null,
    published_at timestamptz not null,
    input_fingerprint text not null,
    figures_sha256 text not null,
    code_version text not null,
    roster_agencies integer not null,
    answered_agencies integer not null,
    agencies integer not null,
    largest_share numeric not null,
    rest_share numeric not null,
    answered_share numeric not null,
    is_open boolean not null
);
comment on table published.release is 'Releases of orders that have published figures. Grain: release_id.';
comment on column published.release.release_id is 'The release.';
comment on column published.release.survey_code is 'The survey.';
comment on column published.release.survey_title is 'What the survey is called.';
comment on column published.release.programme is 'The family of goods.';
comment on column published.release.published_at is 'When the release was published.';
comment on column published.release.input_fingerprint is 'Digest of all that the release was built from.';
comment on column published.release.figures_sha256 is 'Digest of the published figures, without ids and times.';
comment on column published.release.code_version is 'Version of the project that built the release.';
comment on column published.release.roster_agencies is 'How many agencies were asked.';
comment on column published.release.answered_agencies is 'How many of them had answered.';
comment on column published.release.agencies is 'Every published figure holds those of so many agencies, at least.';
comment on column published.release.largest_share is 'None of them has more of it than this share.';
comment on column published.release.rest_share is
'Beside any two of them, a published figure holds at least this share of what either has of it.';
comment on column published.release.answered_share is 'Publication begins when this share of those asked has answered.';
comment on column published.release.is_open is 'Whether so many have answered; if not, no figure is published yet.';

create table published.order_line_version (
    survey_code text not null references reference.survey,
    product_id text not null,
    unit text not null,
    year integer not null,
    product_name text not null,
    part_number text,
    manufacturer text,
    okpd2_code text,
    okpd2_class text,
    gross_quantity numeric not null check (gross_quantity > 0 and gross_quantity < 'Infinity'),
    gross_energy_kwh numeric check (gross_energy_kwh >= 0 and gross_energy_kwh < 'Infinity'),
    agencies integer not null check (agencies >= 3),
    release_id bigint not null references published.release deferrable initially deferred,
    until_release_id bigint references published.release deferrable initially deferred,
    primary key (survey_code, product_id, unit, year, release_id),
    check (until_release_id > release_id)
);
comment on table published.order_line_version is
'Figures of published.order_line, each with the releases that show it.
Grain: survey_code, product_id, unit, year, release_id.';
comment on column published.order_line_version.survey_code is 'The survey.';
comment on column published.order_line_version.product_id is 'The product.';
comment on column published.order_line_version.unit is 'OKEI code of the quantity: 796, the piece.';
comment on column published.order_line_version.year is 'Calendar year.';
comment on column published.order_line_version.product_name is 'The name that most lines use.';
comment on column published.order_line_version.part_number is 'The part number; empty for generic products and batteries.';
comment on column published.order_line_version.manufacturer is 'The manufacturer''s name; empty if not stated.';
comment on column published.order_line_version.okpd2_code is 'The OKPD2 code that most lines use.';
comment on column published.order_line_version.okpd2_class is 'Its first three groups.';
comment on column published.order_line_version.gross_quantity is 'What was asked for, in pieces.';
comment on column published.order_line_version.gross_energy_kwh is 'Batteries: pieces × V × Ah / 1000.';
comment on column published.order_line_version.agencies is 'How many agencies ask.';
comment on column published.order_line_version.release_id is 'The release that shows it first.';
comment on column published.order_line_version.until_release_id is
'The release that does not show it any more; empty while it stands.';

create table published.class_line_version (
    survey_code text not null references reference.survey,
    okpd2_class text not null,
    unit text not null,
    year integer not null,
    rest_quantity numeric not null check (rest_quantity > 0 and rest_quantity < 'Infinity'),
    products integer not null check (products > 0),
    agencies integer not null check (agencies >= 3),
    release_id bigint not null references published.release deferrable initially deferred,
    until_release_id bigint references published.release deferrable initially deferred,
    primary key (survey_code, okpd2_class, unit, year, release_id),
    check (until_release_id > release_id)
);
comment on table published.class_line_version is
'Figures of the rest of a class, each with the releases that show it.
Grain: survey_code, okpd2_class, unit, year, release_id.';
comment on column published.class_line_version.survey_code is 'The survey.';
comment on column published.class_line_version.okpd2_class is 'The first three groups of the products'' OKPD2 codes.';
comment on column published.class_line_version.unit is 'OKEI code: 796, the piece; for batteries 245, the kWh.';
comment on column published.class_line_version.year is 'Calendar year.';
comment on column published.class_line_version.rest_quantity is
'What was asked for of the products that have no figure of their own.';
comment on column published.class_line_version.products is 'How many products that are.';
comment on column published.class_line_version.agencies is 'How many agencies ask for any of them.';
comment on column published.class_line_version.release_id is 'The release that shows it first.';
comment on column published.class_line_version.until_release_id is
'The release that does not show it any more; empty while it stands.';

create view published.order_line as
select
    release.release_id,
    release.survey_code,
    version.product_id,
    version.unit,
    version.year,
    version.product_name,
    version.part_number,
    version.manufacturer,
    version.okpd2_code,
    version.okpd2_class,
    survey_year.certainty,
    version.gross_quantity,
    version.gross_energy_kwh,
    version.agencies,
    version.release_id as since_release_id
from published.release
inner join published.order_line_version as version
    on
        release.survey_code = version.survey_code and release.release_id >= version.release_id
        and coalesce(release.release_id < version.until_release_id, true)
left join reference.survey_year
    on survey_year.survey_code = release.survey_code and survey_year.year = version.year;
comment on view published.order_line is
'What the city needs of a product in a year. A figure stays as it is until enough agencies changed; since_release_id is the
release from which it is. Pieces and kWh stand side by side: never add one to the other.
Grain: release_id, product_id, unit, year.';

create view published.class_line as
with

listed as (
    select
        release_id,
        survey_code,
        okpd2_class,
        case when gross_energy_kwh is null then unit else '245' end as unit,
        year,
        sum(coalesce(gross_energy_kwh, gross_quantity)) as listed_quantity
    from published.order_line
    where okpd2_class is not null
    group by release_id, survey_code, okpd2_class, case when gross_energy_kwh is null then unit else '245' end, year
),

rest as (
    select
        release.release_id,
        release.survey_code,
        version.okpd2_class,
        version.unit,
        version.year,
        version.rest_quantity,
        version.products as rest_products,
        version.agencies as rest_agencies
    from published.release
    inner join published.class_line_version as version
        on
            release.survey_code = version.survey_code and release.release_id >= version.release_id
            and coalesce(release.release_id < version.until_release_id, true)
)

select
    release_id,
    survey_code,
    okpd2_class,
    unit,
    year,
    coalesce(listed.listed_quantity, 0) as listed_quantity,
    rest.rest_quantity,
    rest.rest_products,
    rest.rest_agencies,
    coalesce(listed.listed_quantity, 0) + rest.rest_quantity as total_quantity
from listed
full outer join rest using (release_id, survey_code, okpd2_class, unit, year);
comment on view published.class_line is
'What the city needs of a class of products in a year: of those in published.order_line, of the rest, and in all. Rest and
total are empty where they would tell of single agencies. Grain: release_id, okpd2_class, unit, year.';

create view published.current_order_line as
select order_line.*
from published.order_line
inner join (
    select max(release_id) as release_id
    from published.release
    group by survey_code
) as last_release using (release_id);
comment on view published.current_order_line is
'published.order_line of the last release of every survey. Grain: survey_code, product_id, unit, year.';

-- Law: what was published stays published. A row may end, once.
create function published.refuse_change() returns trigger
language plpgsql as $$
begin
    if
        tg_op = 'UPDATE'
        and to_jsonb(old) ->> 'until_release_id' is null
        and to_jsonb(old) - array['until_release_id', 'is_gone'] = to_jsonb(new) - array['until_release_id', 'is_gone']
    then
        return new;
    end if;
    raise exception 'what was published stays published' using hint = 'A new release shows new figures.';
end $$;
comment on function published.refuse_change() is 'Keeps published figures as they are, but for their end.';

create function published.refuse_unpublished_release() returns trigger
language plpgsql as $$
begin
    if not exists (
        select 1 from city_order.release
        where release_id = new.release_id and survey_code = new.survey_code and status in ('published', 'superseded')
    ) then
        raise exception 'release % is not published', new.release_id using hint = 'Publish it first.';
    end if;
    if exists (
        select 1 from published.release where survey_code = new.survey_code and release_id > new.release_id
    ) then
        raise exception 'a later release of % has published figures', new.survey_code
            using hint = 'What was published stays published.';
    end if;
    return new;
end $$;
comment on function published.refuse_unpublished_release() is 'Published figures are of published releases, one after another.';

create trigger of_a_published_release before insert on published.release
for each row execute function published.refuse_unpublished_release();
create trigger stays before update or delete on published.release
for each row execute function published.refuse_change();
create trigger stays before update or delete on published.order_line_version
for each row execute function published.refuse_change();
create trigger stays before update or delete on published.class_line_version
for each row execute function published.refuse_change();
create trigger stays before update or delete on city_order.published_part
for each row execute function published.refuse_change();

grant usage on schema published to city_order_builder, city_order_analyst, city_order_reader;
grant select on all tables in schema published to city_order_builder, city_order_analyst;
grant insert on published.release, published.order_line_version, published.class_line_version to city_order_builder;
grant update (until_release_id) on published.order_line_version, published.class_line_version to city_order_builder;
grant select on city_order.published_part, city_order.publication_wait to city_order_builder, city_order_analyst;
grant insert on city_order.published_part to city_order_builder;
grant update (until_release_id, is_gone) on city_order.published_part to city_order_builder;
grant insert, delete on city_order.publication_wait to city_order_builder;

-- The readers of the published tier see the views, and nothing that lies under them.
grant select on published.release, published.order_line, published.class_line, published.current_order_line
to city_order_reader;
