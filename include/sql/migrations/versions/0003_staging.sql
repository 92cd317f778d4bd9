-- What was read from the archive, and the batches in which it is checked.
create schema staging;
comment on schema staging is 'What was read from the archive, raw beside clean, and the batches in which it is checked.';

create table staging.reading (
    receipt_no bigint primary key references landing.receipt,
    read_at timestamptz not null default now(),
    reading_sha256 text not null,
    outcome text not null check (outcome in ('read', 'unreadable', 'limit')),
    reason text not null default '',
    format text not null default '',
    encoding text not null default '',
    content_sha256 text,
    lines_delivered integer not null check (lines_delivered >= 0),
    nil_return boolean not null,
    missing_fields text[] not null,
    ambiguous_fields jsonb not null,
    sender_inn text not null,
    sender_inn_typed text not null,
    sender_inn_problem text not null check (sender_inn_problem in ('', 'length', 'zeros', 'checksum')),
    sender_inn_cell text not null,
    sender_kpp text not null,
    sender_kpp_cell text not null,
    tables jsonb not null,
    left_out jsonb not null
);
comment on table staging.reading is 'What the reader found in a receipt''s file. Grain: receipt_no.';
comment on column staging.reading.receipt_no is 'The receipt.';
comment on column staging.reading.read_at is 'When this reading was first made; an equal one leaves it.';
comment on column staging.reading.reading_sha256 is 'Digest of all that was read and cleaned: an equal reading is left alone.';
comment on column staging.reading.outcome is 'read, unreadable (the file''s fault) or limit (the box stopped it).';
comment on column staging.reading.reason is 'Why it could not be read: a reason code.';
comment on column staging.reading.format is 'What the file is by its content.';
comment on column staging.reading.encoding is 'Encoding of a text file.';
comment on column staging.reading.content_sha256 is 'Digest of the rows after canonical reading: equal content has an equal one.';
comment on column staging.reading.lines_delivered is 'How many lines were read.';
comment on column staging.reading.nil_return is 'Whether the file says that there is no need.';
comment on column staging.reading.missing_fields is 'Required fields that map to no column.';
comment on column staging.reading.ambiguous_fields is 'Fields that map to more than one column, with the cells.';
comment on column staging.reading.sender_inn is 'The sender''s INN above the table, a lost leading zero restored.';
comment on column staging.reading.sender_inn_typed is 'As it was typed, personal data masked.';
comment on column staging.reading.sender_inn_problem is 'What is wrong with it by itself: length, zeros or checksum.';
comment on column staging.reading.sender_inn_cell is 'Where it stands.';
comment on column staging.reading.sender_kpp is 'The sender''s KPP as typed above the table.';
comment on column staging.reading.sender_kpp_cell is 'Where it stands.';
comment on column staging.reading.tables is 'The tables found: sheet, heading rows, columns.';
comment on column staging.reading.left_out is 'Rows that are no lines, and why: totals, notes, numbering.';

create table staging.form_column (
    receipt_no bigint not null references staging.reading on delete cascade,
    member text not null,
    sheet text not null,
    field text not null,
    column_letter text not null
);
-- No key over the names: an index row has a limit, the name of a file in a ZIP has none.
create index form_column_by_receipt on staging.form_column (receipt_no);
comment on table staging.form_column is
'Which column of a sheet holds which field. Grain: receipt_no, member, sheet, field.';
comment on column staging.form_column.receipt_no is 'The receipt.';
comment on column staging.form_column.member is 'File inside a ZIP; empty otherwise.';
comment on column staging.form_column.sheet is 'Sheet; empty for text files.';
comment on column staging.form_column.field is 'Field of the form.';
comment on column staging.form_column.column_letter is 'Column, as a spreadsheet names it.';

create table staging.line (
    receipt_no bigint not null references staging.reading on delete cascade,
    line_position integer not null check (line_position > 0),
    member text not null,
    sheet text not null,
    row_number integer not null check (row_number > 0),
    raw jsonb not null,
    cleaned_by jsonb not null,
    outside_horizon jsonb not null,
    matching_key text,
    manufacturer_key text,
    name_key text,
    line_no text,
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
    demand_2026 numeric,
    demand_2027 numeric,
    demand_2028 numeric,
    demand_2029 numeric,
    demand_2030 numeric,
    demand_2031 numeric,
    demand_2032 numeric,
    demand_2033 numeric,
    demand_2034 numeric,
    demand_2035 numeric,
    primary key (receipt_no, line_position)
);
comment on table staging.line is
'A line as it was read, raw beside clean, of every receipt whatever its verdict. Grain: receipt_no, line_position.';
comment on column staging.line.receipt_no is 'The receipt.';
comment on column staging.line.line_position is 'Its place among the receipt''s lines, from 1.';
comment on column staging.line.member is 'File inside a ZIP; empty otherwise.';
comment on column staging.line.sheet is 'Sheet; empty for text files.';
comment on column staging.line.row_number is 'Row of the sheet, from 1.';
comment on column staging.line.raw is 'What was typed into each field, as text, personal data masked.';
comment on column staging.line.cleaned_by is 'For each field that a normalisation changed: its name.';
comment on column staging.line.outside_horizon is 'Demand under years outside the horizon: year to quantity.';
comment on column staging.line.matching_key is 'The part number as it is compared.';
comment on column staging.line.manufacturer_key is 'The manufacturer as it is compared.';
comment on column staging.line.name_key is 'The item name as it is compared.';
comment on column staging.line.line_no is 'Number that the agency gave the line.';
comment on column staging.line.item_name is 'Name of the item, white space collapsed.';
comment on column staging.line.component_class is 'Kind of component (ecb).';
comment on column staging.line.part_number is 'Part number as typed, white space collapsed.';
comment on column staging.line.manufacturer is 'Manufacturer as typed, white space collapsed.';
comment on column staging.line.country is 'Country of origin as typed.';
comment on column staging.line.okpd2_code is 'OKPD2 code.';
comment on column staging.line.unit is 'Unit of the quantities, as an OKEI code.';
comment on column staging.line.pack_size is 'Pieces in one pack, set or reel.';
comment on column staging.line.stock is 'In store, in the typed unit.';
comment on column staging.line.contracted is 'Under contract already, in the typed unit.';
comment on column staging.line.unit_price_rub is 'Price of one typed unit, in roubles, VAT included.';
comment on column staging.line.used_in is 'Where it is used.';
comment on column staging.line.need_kind is 'Kind of need, as a code.';
comment on column staging.line.domestic_analog is 'Domestic analog that the agency names.';
comment on column staging.line.chemistry is 'Battery chemistry, as a code.';
comment on column staging.line.battery_use is 'What the battery is for, as a code.';
comment on column staging.line.voltage_v is 'Nominal voltage of one counted piece, in volts.';
comment on column staging.line.capacity_ah is 'Capacity of one counted piece, in ampere-hours.';
comment on column staging.line.energy_kwh is 'Energy as stated, in kilowatt-hours; compared, never counted.';
comment on column staging.line.comment is 'Remark of the agency.';
comment on column staging.line.demand_2026 is 'Demand for 2026 in the typed unit; empty if none, or outside the horizon.';
comment on column staging.line.demand_2027 is 'Demand for 2027 in the typed unit; empty if none, or outside the horizon.';
comment on column staging.line.demand_2028 is 'Demand for 2028 in the typed unit; empty if none, or outside the horizon.';
comment on column staging.line.demand_2029 is 'Demand for 2029 in the typed unit; empty if none, or outside the horizon.';
comment on column staging.line.demand_2030 is 'Demand for 2030 in the typed unit; empty if none, or outside the horizon.';
comment on column staging.line.demand_2031 is 'Demand for 2031 in the typed unit; empty if none, or outside the horizon.';
comment on column staging.line.demand_2032 is 'Demand for 2032 in the typed unit; empty if none, or outside the horizon.';
comment on column staging.line.demand_2033 is 'Demand for 2033 in the typed unit; empty if none, or outside the horizon.';
comment on column staging.line.demand_2034 is 'Demand for 2034 in the typed unit; empty if none, or outside the horizon.';
comment on column staging.line.demand_2035 is 'Demand for 2035 in the typed unit; empty if none, or outside the horizon.';

create table staging.batch (
    batch_id bigint generated always as identity primary key,
    opened_at timestamptz not null default now()
);
comment on table staging.batch is 'Receipts that are checked together. Grain: batch_id.';
comment on column staging.batch.batch_id is 'Number of the batch; a session names its own as city_order.batch.';
comment on column staging.batch.opened_at is 'When it was opened.';

create table staging.batch_receipt (
    batch_id bigint not null references staging.batch on delete cascade,
    receipt_no bigint not null references staging.reading on delete cascade,
    primary key (batch_id, receipt_no)
);
comment on table staging.batch_receipt is 'Which receipts a batch checks. Grain: batch_id, receipt_no.';
comment on column staging.batch_receipt.batch_id is 'The batch.';
comment on column staging.batch_receipt.receipt_no is 'A receipt in it.';

create table staging.violation (
    batch_id bigint not null,
    receipt_no bigint not null,
    line_position integer,
    rule_id text not null,
    severity text not null check (severity in ('E', 'W')),
    field text not null,
    message text not null,
    foreign key (batch_id, receipt_no) references staging.batch_receipt on delete cascade
);
create index violation_by_line on staging.violation (batch_id, receipt_no, line_position);
comment on table staging.violation is
'What a batch''s checks have found so far. Grain: batch_id, receipt_no, line_position, rule_id, field.';
comment on column staging.violation.batch_id is 'The batch.';
comment on column staging.violation.receipt_no is 'The receipt.';
comment on column staging.violation.line_position is 'The line; empty if the whole file is meant.';
comment on column staging.violation.rule_id is 'The rule that is broken.';
comment on column staging.violation.severity is 'E or W.';
comment on column staging.violation.field is 'The field that is meant.';
comment on column staging.violation.message is 'The sentence that the agency reads.';

-- The views that suites check. Each shows the batch that the session names.
create view staging.file_to_check as
select
    receipt.receipt_no,
    receipt.survey_code,
    receipt.agency_code,
    reading.outcome,
    reading.reason,
    reading.lines_delivered,
    reading.nil_return,
    jsonb_array_length(reading.tables) as tables_found,
    reading.sender_inn,
    reading.sender_inn_typed,
    reading.sender_inn_problem,
    reading.sender_kpp,
    agency.inn as agency_inn,
    agency.kpp as agency_kpp,
    exists(
        select 1 from reference.roster
        where roster.survey_code = receipt.survey_code and roster.agency_code = receipt.agency_code
    ) as on_roster,
    receipt.arrived_at,
    ((survey.closes_date + 1)::timestamp at time zone 'Europe/Moscow') as closed_at
from staging.batch_receipt
inner join landing.receipt on receipt.receipt_no = batch_receipt.receipt_no
inner join staging.reading on reading.receipt_no = receipt.receipt_no
inner join reference.survey on survey.survey_code = receipt.survey_code
inner join lateral (
    select
agency_version.inn,
agency_version.kpp
    from reference.agency_version
    where agency_version.agency_code = receipt.agency_code
    order by agency_version.valid_from <= survey.reference_as_of_date desc, agency_version.valid_from desc
    limit 1
) as agency on true
where batch_receipt.batch_id = current_setting('city_order.batch')::bigint;
comment on view staging.file_to_check is
'Facts about each file of the session''s batch, as file.json checks them. Grain: receipt_no.';

create view staging.heading_to_check as
select
    reading.receipt_no,
    missing.field,
    0 as columns_found
from staging.batch_receipt
inner join staging.reading using (receipt_no)
cross join lateral unnest(reading.missing_fields) as missing (field)
where
    batch_receipt.batch_id = current_setting('city_order.batch')::bigint
    and reading.outcome = 'read' and jsonb_array_length(reading.tables) > 0
union all
select
    reading.receipt_no,
    ambiguous.field,
    jsonb_array_length(ambiguous.cells) as columns_found
from staging.batch_receipt
inner join staging.reading using (receipt_no)
cross join lateral jsonb_each(reading.ambiguous_fields) as ambiguous (field, cells)
where
    batch_receipt.batch_id = current_setting('city_order.batch')::bigint
    and reading.outcome = 'read';
comment on view staging.heading_to_check is
'Fields of the session''s batch that map to no column or to several, as heading.json checks them. Grain: receipt_no, field.';

create view staging.line_to_check as
select
    line.*,
    survey.survey_code,
    survey.programme,
    line.raw ->> 'unit' as unit_typed,
    line.raw ->> 'okpd2_code' as okpd2_typed,
    coalesce(unit.pieces, unit.packs * line.pack_size) as pieces_per_unit,
    coalesce(unit.packs is not null, false) as unit_needs_pack_size,
    coalesce(
        line.okpd2_code ~ '^\d{2}(\.\d(\d(\.\d(\d(\.\d{3})?)?)?)?)?$', false
    ) as okpd2_well_formed,
    exists(
        select 1 from reference.okpd2
        where
            okpd2.okpd2_code = line.okpd2_code
            and okpd2.valid_from <= survey.reference_as_of_date
            and coalesce(okpd2.valid_to >= survey.reference_as_of_date, true)
    ) as okpd2_listed,
    exists(
        select 1 from reference.okpd2
where starts_with(line.okpd2_code, okpd2.okpd2_code)
    ) as okpd2_class_held,
    exists(
        select 1 from reference.survey_okpd2
        where survey_okpd2.survey_code = survey.survey_code and starts_with(line.okpd2_code, survey_okpd2.okpd2_prefix)
    ) as okpd2_asked_for,
    exists(
        select 1 from jsonb_each_text(line.raw) as cell (field, typed)
        where
            starts_with(cell.field, 'demand_')
            and coalesce(line.cleaned_by ->> cell.field, '') <> 'nothing'
            and coalesce(
                to_jsonb(line) ->> cell.field, line.outside_horizon ->> right(cell.field, 4), 'not understood'
            ) !~ '^0*\.?0*$'
    ) as has_demand
from staging.batch_receipt
inner join landing.receipt on receipt.receipt_no = batch_receipt.receipt_no
inner join reference.survey on survey.survey_code = receipt.survey_code
inner join staging.line on line.receipt_no = receipt.receipt_no
left join reference.unit on unit.okei_code = line.unit
where
    batch_receipt.batch_id = current_setting('city_order.batch')::bigint
    and not exists (
        select 1 from staging.violation
        where
            violation.batch_id = batch_receipt.batch_id and violation.receipt_no = line.receipt_no
            and violation.line_position is null and violation.severity = 'E'
    );
comment on view staging.line_to_check is
'Lines of the session''s batch whose file is not refused, as the line suites check them. Grain: receipt_no, line_position.';

create view staging.quantity_to_check as
select
    line.receipt_no,
    line.line_position,
    line.programme,
    entry.field,
    line.raw ->> entry.field as typed,
    entry.value,
    entry.counts_pieces,
    line.pieces_per_unit,
    false as outside_horizon
from staging.line_to_check as line
cross join lateral (
    values
        ('demand_2026', line.demand_2026, true),
        ('demand_2027', line.demand_2027, true),
        ('demand_2028', line.demand_2028, true),
        ('demand_2029', line.demand_2029, true),
        ('demand_2030', line.demand_2030, true),
        ('demand_2031', line.demand_2031, true),
        ('demand_2032', line.demand_2032, true),
        ('demand_2033', line.demand_2033, true),
        ('demand_2034', line.demand_2034, true),
        ('demand_2035', line.demand_2035, true),
        ('stock', line.stock, true),
        ('contracted', line.contracted, true),
        ('unit_price_rub', line.unit_price_rub, false),
        ('pack_size', line.pack_size, false),
        ('energy_kwh', line.energy_kwh, false)
) as entry (field, value, counts_pieces)
where
    line.raw ? entry.field and coalesce(line.cleaned_by ->> entry.field, '') <> 'nothing'
    and not (starts_with(entry.field, 'demand_') and line.outside_horizon ? right(entry.field, 4))
union all
select
    line.receipt_no,
    line.line_position,
    line.programme,
    'demand_' || entry.year as field,
    line.raw ->> ('demand_' || entry.year) as typed,
    entry.value::numeric as value,
    true as counts_pieces,
    line.pieces_per_unit,
    true as outside_horizon
from staging.line_to_check as line
cross join lateral jsonb_each_text(line.outside_horizon) as entry (year, value)
where coalesce(line.cleaned_by ->> ('demand_' || entry.year), '') <> 'nothing';
comment on view staging.quantity_to_check is
'Each number that was typed into a line, as quantity.json checks it. Grain: receipt_no, line_position, field.';

create view staging.repeat_to_check as
select
    line.*,
    row_number() over same_line > 1 as repeats_line,
    row_number() over same_item > 1 as repeats_item
from staging.line_to_check as line
where not exists (
    select 1 from staging.violation
    where
        violation.batch_id = current_setting('city_order.batch')::bigint
        and violation.receipt_no = line.receipt_no and violation.line_position = line.line_position
        and violation.severity = 'E'
)
window
    same_item as (
        partition by
            line.receipt_no, line.name_key, line.matching_key,
            case when line.matching_key is null then line.okpd2_code end, line.manufacturer_key, line.unit, line.pack_size,
            line.used_in, line.need_kind, line.chemistry, line.battery_use, line.voltage_v, line.capacity_ah
        order by line.line_position
    ),
    same_line as (
        partition by
            line.receipt_no, line.name_key, line.matching_key,
            case when line.matching_key is null then line.okpd2_code end, line.manufacturer_key, line.unit, line.pack_size,
            line.used_in, line.need_kind, line.chemistry, line.battery_use, line.voltage_v, line.capacity_ah,
            line.demand_2026, line.demand_2027, line.demand_2028, line.demand_2029, line.demand_2030,
            line.demand_2031, line.demand_2032, line.demand_2033, line.demand_2034, line.demand_2035,
            line.outside_horizon, line.stock, line.contracted
        order by line.line_position
    );
comment on view staging.repeat_to_check is
'Lines that no other rule refuses, compared within their file, as repeat.json checks them. Grain: receipt_no, line_position.';

create view staging.identified_line as
select
    line.*,
    survey.survey_code,
    survey.programme,
    coalesce(unit.pieces, unit.packs * line.pack_size) as pieces_per_unit,
    identity.known_key,
    identity.manufacturer_code,
    identity.unknown_manufacturer_key,
    identity.generic_name_key,
    identity.generic_okpd2_code,
    identity.rounded_voltage_v,
    identity.rounded_capacity_ah,
    left(
        encode(
            sha256(
                convert_to(
                    jsonb_build_array(
                        survey.programme, identity.known_key,
                        identity.manufacturer_code, identity.unknown_manufacturer_key,
                        identity.generic_name_key, identity.generic_okpd2_code, identity.of_chemistry,
                        identity.of_use, identity.rounded_voltage_v, identity.rounded_capacity_ah
                    )::text,
                    'UTF8'
                )
            ),
            'hex'
        ),
        16
    ) as product_id
from staging.line
inner join landing.receipt on receipt.receipt_no = line.receipt_no
inner join reference.survey on survey.survey_code = receipt.survey_code
left join reference.unit on unit.okei_code = line.unit
-- What the reference has for the part number: who makes it, and its name where the typed one is an alias.
left join lateral (
    select
        count(*) as makers,
        min(named.matching_key) as matching_key,
        min(named.manufacturer_code) as manufacturer_code
    from (
        select
part.matching_key,
part.manufacturer_code
        from reference.part
        where part.matching_key = line.matching_key
        union
        select
part_alias.matching_key,
part_alias.manufacturer_code
        from reference.part_alias
        where part_alias.alias_key = line.matching_key
    ) as named
) as known on true
left join reference.manufacturer_alias as stated on stated.manufacturer_key = line.manufacturer_key
left join reference.part_alias as renamed
    on renamed.alias_key = line.matching_key and renamed.manufacturer_code = stated.manufacturer_code
cross join lateral (
    select
        case
            when survey.programme = 'battery' then null
            when line.manufacturer_key is null and known.makers = 1 then known.matching_key
            else coalesce(renamed.matching_key, line.matching_key)
        end as known_key,
        case
            when survey.programme = 'battery' or line.matching_key is null then null
            when line.manufacturer_key is null and known.makers = 1 then known.manufacturer_code
            else stated.manufacturer_code
        end as manufacturer_code,
        case
            when survey.programme = 'battery' or line.matching_key is null or stated.manufacturer_code is not null then null
            else line.manufacturer_key
        end as unknown_manufacturer_key,
        case when survey.programme = 'ecb' and line.matching_key is null then line.name_key end as generic_name_key,
        case when survey.programme = 'ecb' and line.matching_key is null then line.okpd2_code end as generic_okpd2_code,
        case when survey.programme = 'battery' then line.chemistry end as of_chemistry,
        case when survey.programme = 'battery' then line.battery_use end as of_use,
        case when survey.programme = 'battery' then trim_scale(round(line.voltage_v, 1)) end as rounded_voltage_v,
        case when survey.programme = 'battery' then trim_scale(round(line.capacity_ah, 1)) end as rounded_capacity_ah
) as identity;
comment on view staging.identified_line is
'Lines with the product that each asks for. A part is its number and manufacturer; a blank manufacturer is the only one
that the reference has for the number; a battery is its chemistry, voltage, capacity and use; without a part number a
line asks for a generic product of that name and OKPD2 code. Grain: receipt_no, line_position.';
