-- What answers are judged by: surveys, agencies and code lists, as include/surveys and include/reference have them.
create schema reference;
comment on schema reference is
'What answers are judged by: surveys, agencies, code lists. Loaded from dated files; the files decide.';

create table reference.agency (
    agency_code text primary key check (agency_code ~ '^[a-z0-9][a-z0-9-]{0,62}$')
);
comment on table reference.agency is 'A city body or institution that may be asked. Grain: agency_code.';
comment on column reference.agency.agency_code is 'The code that names its inbox folder; never reused.';

create table reference.agency_version (
    agency_code text not null references reference.agency,
    valid_from date not null,
    valid_to date check (valid_to >= valid_from),
    name text not null,
    inn text not null check (inn ~ '^\d{10}$'),
    kpp text not null check (kpp ~ '^\d{4}[0-9A-Z]{2}\d{3}$'),
    parent_code text references reference.agency,
    successor_code text references reference.agency,
    source text not null,
    source_date date not null,
    primary key (agency_code, valid_from)
);
comment on table reference.agency_version is
'What an agency was called, and whom it belonged to, from a date on. Grain: agency_code, valid_from.';
comment on column reference.agency_version.agency_code is 'The agency.';
comment on column reference.agency_version.valid_from is 'First day on which this row holds.';
comment on column reference.agency_version.valid_to is 'Last day on which it holds; empty while it does.';
comment on column reference.agency_version.name is 'Official short name, in Russian.';
comment on column reference.agency_version.inn is 'Taxpayer number of the body, ten digits; branches share one.';
comment on column reference.agency_version.kpp is 'Registration reason code; with the INN it identifies the agency.';
comment on column reference.agency_version.parent_code is 'The agency it is subordinate to.';
comment on column reference.agency_version.successor_code is 'The agency it was merged into when it ended.';
comment on column reference.agency_version.source is 'Where the row comes from.';
comment on column reference.agency_version.source_date is 'Date of the source.';

create table reference.survey (
    survey_code text primary key check (survey_code ~ '^[a-z][a-z0-9]*(-[a-z0-9]+)*$'),
    programme text not null check (programme in ('ecb', 'battery')),
    title text not null,
    opens_date date not null,
    closes_date date not null check (closes_date >= opens_date),
    rules_as_of_date date not null,
    reference_as_of_date date not null,
    rules_version text not null,
    reference_version text not null
);
comment on table reference.survey is 'One campaign of a programme. Grain: survey_code.';
comment on column reference.survey.survey_code is 'Its code, which names its inbox folder: ecb-2026.';
comment on column reference.survey.programme is 'The family of goods: ecb or battery.';
comment on column reference.survey.title is 'Its title, in Russian.';
comment on column reference.survey.opens_date is 'First Moscow day on which answers are expected.';
comment on column reference.survey.closes_date is 'Last Moscow day; an arrival after 23:59:59 of it is late.';
comment on column reference.survey.rules_as_of_date is 'Rules in force on this day judge the survey.';
comment on column reference.survey.reference_as_of_date is 'Reference rows in force on this day judge the survey.';
comment on column reference.survey.rules_version is
'That day and a digest of the rules, the form and the thresholds in force.';
comment on column reference.survey.reference_version is 'That day and a digest of the reference rows in force.';

create table reference.survey_year (
    survey_code text not null references reference.survey on delete cascade,
    year integer not null,
    certainty text not null check (certainty in ('funded', 'planned', 'indicative')),
    primary key (survey_code, year)
);
comment on table reference.survey_year is 'The horizon of a survey. Grain: survey_code, year.';
comment on column reference.survey_year.survey_code is 'The survey.';
comment on column reference.survey_year.year is 'A calendar year of its horizon.';
comment on column reference.survey_year.certainty is 'How firm the year is: funded, planned or indicative.';

create table reference.survey_okpd2 (
    survey_code text not null references reference.survey on delete cascade,
    okpd2_prefix text not null,
    primary key (survey_code, okpd2_prefix)
);
comment on table reference.survey_okpd2 is 'Classes that a survey asks for. Grain: survey_code, okpd2_prefix.';
comment on column reference.survey_okpd2.survey_code is 'The survey.';
comment on column reference.survey_okpd2.okpd2_prefix is 'An OKPD2 class; all below it is meant.';

create table reference.roster (
    survey_code text not null references reference.survey on delete cascade,
    agency_code text not null references reference.agency,
    primary key (survey_code, agency_code)
);
comment on table reference.roster is 'Agencies expected to answer a survey. Grain: survey_code, agency_code.';
comment on column reference.roster.survey_code is 'The survey.';
comment on column reference.roster.agency_code is 'An agency that is asked.';

create table reference.unit (
    okei_code text primary key,
    symbol text not null,
    name text not null,
    pieces numeric check (pieces > 0),
    packs numeric check (packs > 0),
    source text not null,
    source_date date not null
);
comment on table reference.unit is 'Units of measure that an answer may use (OKEI). Grain: okei_code.';
comment on column reference.unit.okei_code is 'OKEI code, as text: 796 is the piece.';
comment on column reference.unit.symbol is 'National symbol.';
comment on column reference.unit.name is 'Full name.';
comment on column reference.unit.pieces is 'How many pieces one unit is, where the unit alone says so.';
comment on column reference.unit.packs is 'How many packs one unit is; pieces then need the size of the pack.';
comment on column reference.unit.source is 'Where the row comes from.';
comment on column reference.unit.source_date is 'Date of the source.';

create table reference.okpd2 (
    okpd2_code text not null,
    name text not null,
    valid_from date not null,
    valid_to date check (valid_to >= valid_from),
    source text not null,
    source_date date not null,
    primary key (okpd2_code, valid_from)
);
comment on table reference.okpd2 is 'The OKPD2 classes that we hold. Grain: okpd2_code, valid_from.';
comment on column reference.okpd2.okpd2_code is 'OKPD2 code.';
comment on column reference.okpd2.name is 'Its name.';
comment on column reference.okpd2.valid_from is 'First day on which the code is in force.';
comment on column reference.okpd2.valid_to is 'Last day on which it is; empty while it is.';
comment on column reference.okpd2.source is 'Where the row comes from.';
comment on column reference.okpd2.source_date is 'Date of the source.';

create table reference.manufacturer (
    manufacturer_code text primary key,
    name text not null,
    country text not null,
    source text not null,
    source_date date not null
);
comment on table reference.manufacturer is 'Manufacturers of known parts. Grain: manufacturer_code.';
comment on column reference.manufacturer.manufacturer_code is 'Our code.';
comment on column reference.manufacturer.name is 'The name that the order shows.';
comment on column reference.manufacturer.country is 'Country of the head office.';
comment on column reference.manufacturer.source is 'Where the row comes from.';
comment on column reference.manufacturer.source_date is 'Date of the source.';

create table reference.manufacturer_alias (
    manufacturer_key text primary key,
    alias text not null,
    manufacturer_code text not null references reference.manufacturer,
    source text not null,
    source_date date not null
);
comment on table reference.manufacturer_alias is
'Spellings that mean one manufacturer; its own name is one. Grain: manufacturer_key.';
comment on column reference.manufacturer_alias.manufacturer_key is 'The spelling as it is compared.';
comment on column reference.manufacturer_alias.alias is 'The spelling as it is written.';
comment on column reference.manufacturer_alias.manufacturer_code is 'The manufacturer it means.';
comment on column reference.manufacturer_alias.source is 'Where the row comes from.';
comment on column reference.manufacturer_alias.source_date is 'Date of the source.';

create table reference.part (
    matching_key text not null,
    manufacturer_code text not null references reference.manufacturer,
    part_number text not null,
    source text not null,
    source_date date not null,
    primary key (matching_key, manufacturer_code)
);
comment on table reference.part is
'Known parts: a blank manufacturer resolves to the only one here. Grain: matching_key, manufacturer_code.';
comment on column reference.part.matching_key is 'The part number as it is compared.';
comment on column reference.part.manufacturer_code is 'Who makes it.';
comment on column reference.part.part_number is 'The part number as its maker writes it.';
comment on column reference.part.source is 'Where the row comes from.';
comment on column reference.part.source_date is 'Date of the source.';

create table reference.part_alias (
    alias_key text not null,
    manufacturer_code text not null,
    matching_key text not null,
    alias text not null,
    source text not null,
    source_date date not null,
    primary key (alias_key, manufacturer_code),
    foreign key (matching_key, manufacturer_code) references reference.part
);
comment on table reference.part_alias is
'Other names of a known part, export names among them. Grain: alias_key, manufacturer_code.';
comment on column reference.part_alias.alias_key is 'The other name as it is compared.';
comment on column reference.part_alias.manufacturer_code is 'Who makes it.';
comment on column reference.part_alias.matching_key is 'The part that it is.';
comment on column reference.part_alias.alias is 'The other name as it is written.';
comment on column reference.part_alias.source is 'Where the row comes from.';
comment on column reference.part_alias.source_date is 'Date of the source.';

create table reference.chemistry (
    chemistry text primary key,
    name text not null,
    cell_voltage_v numeric check (cell_voltage_v > 0),
    source text not null,
    source_date date not null
);
comment on table reference.chemistry is 'Battery chemistries. Grain: chemistry.';
comment on column reference.chemistry.chemistry is 'Our code.';
comment on column reference.chemistry.name is 'Its name, in Russian.';
comment on column reference.chemistry.cell_voltage_v is 'Nominal voltage of one cell, in volts, where it is one.';
comment on column reference.chemistry.source is 'Where the row comes from.';
comment on column reference.chemistry.source_date is 'Date of the source.';

create table reference.battery_use (
    battery_use text primary key,
    name text not null,
    source text not null,
    source_date date not null
);
comment on table reference.battery_use is 'What batteries are used for. Grain: battery_use.';
comment on column reference.battery_use.battery_use is 'Our code.';
comment on column reference.battery_use.name is 'Its name, in Russian.';
comment on column reference.battery_use.source is 'Where the row comes from.';
comment on column reference.battery_use.source_date is 'Date of the source.';

create table reference.loaded_version (
    only_row boolean primary key default true check (only_row),
    files_sha256 text not null,
    loaded_at timestamptz not null default now()
);
comment on table reference.loaded_version is 'Which state of the files this schema holds. Grain: one row.';
comment on column reference.loaded_version.only_row is 'Keeps it to one row.';
comment on column reference.loaded_version.files_sha256 is 'Digest of the survey and reference files.';
comment on column reference.loaded_version.loaded_at is 'When they were loaded.';
