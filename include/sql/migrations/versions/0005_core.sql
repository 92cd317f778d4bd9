-- What the city's agencies need: judged content, revision by revision.
create schema core;
comment on schema core is 'What the agencies need: judged content, revision by revision, never deleted.';

create table core.submission (
    submission_id bigint generated always as identity primary key,
    survey_code text not null references reference.survey,
    agency_code text not null references reference.agency,
    revision integer not null check (revision > 0),
    receipt_no bigint not null,
    rules_version text not null,
    reference_version text not null,
    reading_sha256 text not null,
    content_sha256 text not null,
    loaded_at timestamptz not null default now(),
    superseded_by bigint references core.submission,
    withdrawn_at timestamptz,
    foreign key (receipt_no, rules_version, reference_version) references quality.judgement,
    unique (receipt_no, rules_version, reference_version, reading_sha256),
    unique (survey_code, agency_code, revision) deferrable initially deferred,
    check (superseded_by <> submission_id),
    check (superseded_by is null or withdrawn_at is null)
);
create unique index one_submission_stands on core.submission (survey_code, agency_code)
where superseded_by is null and withdrawn_at is null;
alter table landing.receipt add foreign key (repeats_submission_id) references core.submission;
comment on table core.submission is
'The judged content of one receipt, landed whole. One stands for each survey and agency. Grain: submission_id.';
comment on column core.submission.submission_id is 'Number of the submission.';
comment on column core.submission.survey_code is 'The survey it answers.';
comment on column core.submission.agency_code is 'The agency that answers.';
comment on column core.submission.revision is 'Its place among the agency''s submissions, in the order of the receipts.';
comment on column core.submission.receipt_no is 'The receipt it was read from.';
comment on column core.submission.rules_version is 'Rules that it was judged by.';
comment on column core.submission.reference_version is 'References that it was judged by.';
comment on column core.submission.reading_sha256 is 'Digest of the reading that it was loaded from.';
comment on column core.submission.content_sha256 is 'Digest of the rows after canonical reading.';
comment on column core.submission.loaded_at is 'When it landed.';
comment on column core.submission.superseded_by is 'The submission that replaced it.';
comment on column core.submission.withdrawn_at is 'When it stopped counting with nothing in its place.';

create table core.product (
    product_id text primary key check (product_id ~ '^[0-9a-f]{16}$'),
    programme text not null check (programme in ('ecb', 'battery')),
    matching_key text,
    manufacturer_code text references reference.manufacturer,
    manufacturer_key text,
    name_key text,
    okpd2_code text,
    chemistry text,
    battery_use text,
    voltage_v numeric,
    capacity_ah numeric
);
comment on table core.product is
'The identity to which spellings of one part are resolved; it never changes. Grain: product_id.';
comment on column core.product.product_id is 'First 16 hexadecimal digits of the SHA-256 of the identity.';
comment on column core.product.programme is 'The family of goods.';
comment on column core.product.matching_key is 'The part number as it is compared; empty for generic products and batteries.';
comment on column core.product.manufacturer_code is 'Its manufacturer, if it is one that we know.';
comment on column core.product.manufacturer_key is
'Its manufacturer as compared, if we do not know it; empty if none was stated.';
comment on column core.product.name_key is 'For a generic product: its name as compared.';
comment on column core.product.okpd2_code is 'For a generic product: its OKPD2 code.';
comment on column core.product.chemistry is 'For a battery: its chemistry.';
comment on column core.product.battery_use is 'For a battery: what it is for.';
comment on column core.product.voltage_v is 'For a battery: volts of one piece, to 0.1 V.';
comment on column core.product.capacity_ah is 'For a battery: ampere-hours of one piece, to 0.1 Ah.';

create table core.demand_line (
    submission_id bigint not null references core.submission,
    line_position integer not null,
    receipt_no bigint not null references landing.receipt,
    member text not null,
    sheet text not null,
    row_number integer not null,
    raw jsonb not null,
    cleaned_by jsonb not null,
    product_id text not null references core.product,
    pieces_per_unit numeric check (pieces_per_unit > 0 and pieces_per_unit < 'Infinity'),
    item_name text,
    component_class text,
    part_number text,
    manufacturer text,
    country text,
    okpd2_code text,
    unit text,
    pack_size numeric,
    stock numeric,
    contracted numeric,
    unit_price_rub numeric,
    used_in text,
    need_kind text,
    domestic_analog text,
    chemistry text,
    battery_use text,
    voltage_v numeric,
    capacity_ah numeric,
    energy_kwh numeric,
    comment text,
    demand_2026 numeric check (demand_2026 >= 0 and demand_2026 < 'Infinity'),
    demand_2027 numeric check (demand_2027 >= 0 and demand_2027 < 'Infinity'),
    demand_2028 numeric check (demand_2028 >= 0 and demand_2028 < 'Infinity'),
    demand_2029 numeric check (demand_2029 >= 0 and demand_2029 < 'Infinity'),
    demand_2030 numeric check (demand_2030 >= 0 and demand_2030 < 'Infinity'),
    demand_2031 numeric check (demand_2031 >= 0 and demand_2031 < 'Infinity'),
    demand_2032 numeric check (demand_2032 >= 0 and demand_2032 < 'Infinity'),
    demand_2033 numeric check (demand_2033 >= 0 and demand_2033 < 'Infinity'),
    demand_2034 numeric check (demand_2034 >= 0 and demand_2034 < 'Infinity'),
    demand_2035 numeric check (demand_2035 >= 0 and demand_2035 < 'Infinity'),
    outside_horizon jsonb not null,
    primary key (submission_id, line_position),
    check (stock >= 0 and stock < 'Infinity'),
    check (contracted >= 0 and contracted < 'Infinity'),
    check (unit_price_rub >= 0 and unit_price_rub < 'Infinity')
);
alter table core.demand_line alter column unit set not null;
create index demand_line_by_product on core.demand_line (product_id);
create index demand_line_by_receipt on core.demand_line (receipt_no);
comment on table core.demand_line is
'An accepted line. Only lines of standing submissions count; quantities are in the typed unit, so never add them
without pieces_per_unit. Grain: submission_id, line_position.';
comment on column core.demand_line.submission_id is 'The submission it belongs to.';
comment on column core.demand_line.line_position is 'Its place among the receipt''s lines.';
comment on column core.demand_line.receipt_no is 'The receipt it was read from.';
comment on column core.demand_line.member is 'File inside a ZIP; empty otherwise.';
comment on column core.demand_line.sheet is 'Sheet; empty for text files.';
comment on column core.demand_line.row_number is 'Row of the sheet.';
comment on column core.demand_line.raw is 'What was typed into each field, as text, personal data masked.';
comment on column core.demand_line.cleaned_by is 'For each field that a normalisation changed: its name.';
comment on column core.demand_line.product_id is 'The product it asks for.';
comment on column core.demand_line.pieces_per_unit is 'Pieces in one typed unit; empty if there is no way to pieces.';
comment on column core.demand_line.item_name is 'Name of the item, white space collapsed.';
comment on column core.demand_line.component_class is 'Kind of component (ecb).';
comment on column core.demand_line.part_number is 'Part number as typed, white space collapsed.';
comment on column core.demand_line.manufacturer is 'Manufacturer as typed, white space collapsed.';
comment on column core.demand_line.country is 'Country of origin as typed.';
comment on column core.demand_line.okpd2_code is 'OKPD2 code.';
comment on column core.demand_line.unit is 'Unit of the quantities, as an OKEI code.';
comment on column core.demand_line.pack_size is 'Pieces in one pack, set or reel.';
comment on column core.demand_line.stock is 'In store, in the typed unit.';
comment on column core.demand_line.contracted is 'Under contract already, in the typed unit.';
comment on column core.demand_line.unit_price_rub is 'Price of one typed unit, in roubles, VAT included.';
comment on column core.demand_line.used_in is 'Where it is used.';
comment on column core.demand_line.need_kind is 'Kind of need, as a code.';
comment on column core.demand_line.domestic_analog is 'Domestic analog that the agency names.';
comment on column core.demand_line.chemistry is 'Battery chemistry, as a code.';
comment on column core.demand_line.battery_use is 'What the battery is for, as a code.';
comment on column core.demand_line.voltage_v is 'Nominal voltage of one counted piece, in volts.';
comment on column core.demand_line.capacity_ah is 'Capacity of one counted piece, in ampere-hours.';
comment on column core.demand_line.energy_kwh is 'Energy as stated, in kilowatt-hours; compared, never counted.';
comment on column core.demand_line.comment is 'Remark of the agency.';
comment on column core.demand_line.demand_2026 is 'Demand for 2026 in the typed unit; empty if none, or outside the horizon.';
comment on column core.demand_line.demand_2027 is 'Demand for 2027 in the typed unit; empty if none, or outside the horizon.';
comment on column core.demand_line.demand_2028 is 'Demand for 2028 in the typed unit; empty if none, or outside the horizon.';
comment on column core.demand_line.demand_2029 is 'Demand for 2029 in the typed unit; empty if none, or outside the horizon.';
comment on column core.demand_line.demand_2030 is 'Demand for 2030 in the typed unit; empty if none, or outside the horizon.';
comment on column core.demand_line.demand_2031 is 'Demand for 2031 in the typed unit; empty if none, or outside the horizon.';
comment on column core.demand_line.demand_2032 is 'Demand for 2032 in the typed unit; empty if none, or outside the horizon.';
comment on column core.demand_line.demand_2033 is 'Demand for 2033 in the typed unit; empty if none, or outside the horizon.';
comment on column core.demand_line.demand_2034 is 'Demand for 2034 in the typed unit; empty if none, or outside the horizon.';
comment on column core.demand_line.demand_2035 is 'Demand for 2035 in the typed unit; empty if none, or outside the horizon.';
comment on column core.demand_line.outside_horizon is 'Demand under years outside the horizon: year to quantity.';

create view core.little_in_common as
with

pair as (
    select
        submission.survey_code,
        submission.agency_code,
        submission.submission_id,
        submission.receipt_no,
        replaced.submission_id as replaced_submission_id,
        replaced.receipt_no as replaced_receipt_no
    from core.submission
    inner join core.submission as replaced
        on replaced.superseded_by = submission.submission_id and replaced.receipt_no <> submission.receipt_no
    where submission.superseded_by is null and submission.withdrawn_at is null
),

item as (
    select
        pair.submission_id,
        pair.replaced_submission_id,
        line.product_id,
        bool_or(line.submission_id = pair.submission_id) as asked_now,
        bool_or(line.submission_id = pair.replaced_submission_id) as asked_before
    from pair
    inner join core.demand_line as line on line.submission_id in (pair.submission_id, pair.replaced_submission_id)
    where
        greatest(
            line.demand_2026, line.demand_2027, line.demand_2028, line.demand_2029, line.demand_2030,
            line.demand_2031, line.demand_2032, line.demand_2033, line.demand_2034, line.demand_2035
        ) > 0
    group by pair.submission_id, pair.replaced_submission_id, line.product_id
)

select
    pair.survey_code,
    pair.agency_code,
    pair.receipt_no,
    pair.replaced_receipt_no,
    count(*) filter (where item.asked_now) as items,
    count(*) filter (where item.asked_now and item.asked_before) as shared_items
from pair
inner join item
    on item.submission_id = pair.submission_id and item.replaced_submission_id = pair.replaced_submission_id
group by pair.survey_code, pair.agency_code, pair.receipt_no, pair.replaced_receipt_no
having
    bool_or(item.asked_now) and bool_or(item.asked_before)
    and count(*) filter (where item.asked_now and item.asked_before) < 0.2 * count(*) filter (where item.asked_now);
comment on view core.little_in_common is
'Standing submissions that share under a fifth of their items with the one that they replaced: perhaps the second half
of an answer, sent as a file of its own. A person should look. Grain: receipt_no, replaced_receipt_no.';
