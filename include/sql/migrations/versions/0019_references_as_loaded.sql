-- A release can be rebuilt as it was built: what a model reads of the references is kept as it was at each load.

alter table reference.loaded_version add column load_no bigint not null default 0;
comment on column reference.loaded_version.load_no is 'Number of the load: one more each time that the files changed.';

alter table city_order.release
add column reference_as_of_date date,
add column reference_load_no bigint not null default 0;
comment on column city_order.release.reference_as_of_date is
'The day on which the city is seen as it was organised; empty for releases that are older than this column.';
comment on column city_order.release.reference_load_no is
'The load of the references that it was built with; 0 for releases that are older than these numbers.';

create function reference.current_load_no() returns bigint
language sql stable
return coalesce((select max(loaded_version.load_no) from reference.loaded_version), 0);
comment on function reference.current_load_no() is 'The load that the references are of; 0 before the first.';

create table reference.part_as_loaded (
    matching_key text not null,
    manufacturer_code text not null,
    part_number text not null,
    from_load_no bigint not null,
    until_load_no bigint check (until_load_no > from_load_no),
    primary key (matching_key, manufacturer_code, from_load_no)
);
comment on table reference.part_as_loaded is
'How a part was spelled, load by load. Grain: matching_key, manufacturer_code, from_load_no.';
comment on column reference.part_as_loaded.matching_key is 'The part number as it is compared.';
comment on column reference.part_as_loaded.manufacturer_code is 'Who makes it.';
comment on column reference.part_as_loaded.part_number is 'The part number as its maker wrote it.';
comment on column reference.part_as_loaded.from_load_no is 'The first load that said so.';
comment on column reference.part_as_loaded.until_load_no is 'The first that did not; empty while it is so.';

insert into reference.part_as_loaded (matching_key, manufacturer_code, part_number, from_load_no)
select
    matching_key,
    manufacturer_code,
    part_number,
    0 as from_load_no
from reference.part;

create function reference.keep_part_as_loaded() returns trigger
language plpgsql as $$
declare
    load_no_now constant bigint := reference.current_load_no();
begin
    if tg_op <> 'INSERT' then
        delete from reference.part_as_loaded
        where matching_key = old.matching_key and manufacturer_code = old.manufacturer_code and from_load_no = load_no_now;
        update reference.part_as_loaded set until_load_no = load_no_now
        where matching_key = old.matching_key and manufacturer_code = old.manufacturer_code and until_load_no is null;
    end if;
    if tg_op <> 'DELETE' then
        insert into reference.part_as_loaded
        (matching_key, manufacturer_code, part_number, from_load_no)
        values (new.matching_key, new.manufacturer_code, new.part_number, load_no_now);
    end if;
    return null;
end $$;
comment on function reference.keep_part_as_loaded() is 'Keeps how a part was spelled when a load changes it.';

create trigger kept_as_loaded after insert or delete on reference.part
for each row execute function reference.keep_part_as_loaded();
create trigger changed_as_loaded after update on reference.part
for each row when (
    old.matching_key is distinct from new.matching_key
    or old.manufacturer_code is distinct from new.manufacturer_code
    or old.part_number is distinct from new.part_number
)
execute function reference.keep_part_as_loaded();

create table reference.manufacturer_as_loaded (
    manufacturer_code text not null,
    name text not null,
    from_load_no bigint not null,
    until_load_no bigint check (until_load_no > from_load_no),
    primary key (manufacturer_code, from_load_no)
);
comment on table reference.manufacturer_as_loaded is
'How a manufacturer was called, load by load. Grain: manufacturer_code, from_load_no.';
comment on column reference.manufacturer_as_loaded.manufacturer_code is 'Our code.';
comment on column reference.manufacturer_as_loaded.name is 'The name that the order showed.';
comment on column reference.manufacturer_as_loaded.from_load_no is 'The first load that said so.';
comment on column reference.manufacturer_as_loaded.until_load_no is 'The first that did not; empty while it is so.';

insert into reference.manufacturer_as_loaded (manufacturer_code, name, from_load_no)
select
    manufacturer_code,
    name,
    0 as from_load_no
from reference.manufacturer;

create function reference.keep_manufacturer_as_loaded() returns trigger
language plpgsql as $$
declare
    load_no_now constant bigint := reference.current_load_no();
begin
    if tg_op <> 'INSERT' then
        delete from reference.manufacturer_as_loaded
        where manufacturer_code = old.manufacturer_code and from_load_no = load_no_now;
        update reference.manufacturer_as_loaded set until_load_no = load_no_now
        where manufacturer_code = old.manufacturer_code and until_load_no is null;
    end if;
    if tg_op <> 'DELETE' then
        insert into reference.manufacturer_as_loaded
        (manufacturer_code, name, from_load_no)
        values (new.manufacturer_code, new.name, load_no_now);
    end if;
    return null;
end $$;
comment on function reference.keep_manufacturer_as_loaded() is 'Keeps how a manufacturer was called when a load changes it.';

create trigger kept_as_loaded after insert or delete on reference.manufacturer
for each row execute function reference.keep_manufacturer_as_loaded();
create trigger changed_as_loaded after update on reference.manufacturer
for each row when (
    old.manufacturer_code is distinct from new.manufacturer_code
    or old.name is distinct from new.name
)
execute function reference.keep_manufacturer_as_loaded();

create table reference.agency_version_as_loaded (
    agency_code text not null,
    valid_from date not null,
    valid_to date,
    parent_code text,
    from_load_no bigint not null,
    until_load_no bigint check (until_load_no > from_load_no),
    primary key (agency_code, valid_from, from_load_no)
);
comment on table reference.agency_version_as_loaded is
'To whom an agency belonged, load by load. Grain: agency_code, valid_from, from_load_no.';
comment on column reference.agency_version_as_loaded.agency_code is 'The agency.';
comment on column reference.agency_version_as_loaded.valid_from is 'First day of it.';
comment on column reference.agency_version_as_loaded.valid_to is 'Last day of it; empty: still so.';
comment on column reference.agency_version_as_loaded.parent_code is 'The agency that it belonged to, if any.';
comment on column reference.agency_version_as_loaded.from_load_no is 'The first load that said so.';
comment on column reference.agency_version_as_loaded.until_load_no is 'The first that did not; empty while it is so.';

insert into reference.agency_version_as_loaded
(agency_code, valid_from, valid_to, parent_code, from_load_no)
select
    agency_code,
    valid_from,
    valid_to,
    parent_code,
    0 as from_load_no
from reference.agency_version;

create function reference.keep_agency_version_as_loaded() returns trigger
language plpgsql as $$
declare
    load_no_now constant bigint := reference.current_load_no();
begin
    if tg_op <> 'INSERT' then
        delete from reference.agency_version_as_loaded
        where agency_code = old.agency_code and valid_from = old.valid_from and from_load_no = load_no_now;
        update reference.agency_version_as_loaded set until_load_no = load_no_now
        where agency_code = old.agency_code and valid_from = old.valid_from and until_load_no is null;
    end if;
    if tg_op <> 'DELETE' then
        insert into reference.agency_version_as_loaded
        (agency_code, valid_from, valid_to, parent_code, from_load_no)
        values (new.agency_code, new.valid_from, new.valid_to, new.parent_code, load_no_now);
    end if;
    return null;
end $$;
comment on function reference.keep_agency_version_as_loaded() is 'Keeps to whom an agency belonged when a load changes it.';

create trigger kept_as_loaded after insert or delete on reference.agency_version
for each row execute function reference.keep_agency_version_as_loaded();
create trigger changed_as_loaded after update on reference.agency_version
for each row when (
    old.agency_code is distinct from new.agency_code
    or old.valid_from is distinct from new.valid_from
    or old.valid_to is distinct from new.valid_to
    or old.parent_code is distinct from new.parent_code
)
execute function reference.keep_agency_version_as_loaded();

grant select, insert, update, delete on
reference.part_as_loaded, reference.manufacturer_as_loaded, reference.agency_version_as_loaded
to city_order_ingest;
grant select on
reference.part_as_loaded, reference.manufacturer_as_loaded, reference.agency_version_as_loaded
to city_order_builder, city_order_analyst;
grant execute on function reference.current_load_no() to city_order_ingest, city_order_builder;
