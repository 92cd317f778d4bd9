-- Rules that say more: what is expected in a cell, where a fact of a file stands, thresholds and waivers of a survey. The
-- views that suites check are made anew, with the facts that the new rules look at.
alter table reference.survey add column thresholds jsonb not null default '{}';
comment on column reference.survey.thresholds is 'Its own thresholds, where they are not the rules'': rule to name to value.';

create table reference.waiver (
    survey_code text not null references reference.survey on delete cascade,
    agency_code text not null references reference.agency,
    rule_id text not null,
    item text not null,
    matching_key text,
    name_key text,
    reason text not null,
    until_date date not null,
    primary key (survey_code, agency_code, rule_id, item)
);
comment on table reference.waiver is
'What an agency need not heed in a survey: a finding of that rule stops nothing. Grain: survey_code, agency_code, rule_id,
item.';
comment on column reference.waiver.survey_code is 'The survey.';
comment on column reference.waiver.agency_code is 'The agency that it is granted to.';
comment on column reference.waiver.rule_id is 'The rule.';
comment on column reference.waiver.item is 'Part number or item name that it is granted for; * for all of the answer.';
comment on column reference.waiver.matching_key is 'The item as part numbers are compared.';
comment on column reference.waiver.name_key is 'The item as names are compared.';
comment on column reference.waiver.reason is 'Why it was granted.';
comment on column reference.waiver.until_date is 'Last Moscow day of an arrival that it holds for.';

create table reference.chemistry_okpd2 (
    chemistry text not null references reference.chemistry on delete cascade,
    okpd2_prefix text not null,
    primary key (chemistry, okpd2_prefix)
);
comment on table reference.chemistry_okpd2 is
'OKPD2 classes in which batteries of a chemistry belong. Grain: chemistry, okpd2_prefix.';
comment on column reference.chemistry_okpd2.chemistry is 'The chemistry.';
comment on column reference.chemistry_okpd2.okpd2_prefix is 'An OKPD2 class; all below it is meant.';

alter table staging.violation add column violation_id bigint generated always as identity primary key;
alter table staging.violation add column member text;
alter table staging.violation add column sheet text;
alter table staging.violation add column cell text;
alter table staging.violation add column value text;
alter table staging.violation add column expected text not null default '';
alter table staging.violation add column may_be_waived boolean not null default false;
alter table staging.violation add column waiver text not null default '';
comment on column staging.violation.violation_id is 'Number of the violation.';
comment on column staging.violation.severity is 'E or W; a waived E counts as W.';
comment on column staging.violation.member is 'File inside a ZIP, where the rule''s relation says so itself.';
comment on column staging.violation.sheet is 'Sheet, where the rule''s relation says so itself.';
comment on column staging.violation.cell is 'Cell, where the rule''s relation says so itself.';
comment on column staging.violation.value is 'What was typed there, where the rule''s relation says so itself.';
comment on column staging.violation.expected is 'What we would expect there; empty if nothing definite.';
comment on column staging.violation.may_be_waived is 'Whether a waiver may keep it from stopping anything.';
comment on column staging.violation.waiver is 'The waiver that covers it; empty if none.';

alter table quality.finding add column expected text not null default '';
alter table quality.finding add column waiver text not null default '';
comment on column quality.finding.severity is
'E refuses the line or file, W is told and passes; an E that is waived is told as W.';
comment on column quality.finding.expected is 'What we would expect there; empty if nothing definite.';
comment on column quality.finding.waiver is 'The waiver that covers it: its reason and its last day; empty if none.';

drop view quality.standing_finding;
drop view staging.accepted_line;
drop view staging.identified_line;
drop view staging.repeat_to_check;
drop view staging.quantity_to_check;
drop view staging.line_to_check;
drop view staging.heading_to_check;
drop view staging.file_to_check;

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
    reading.sender_survey,
    reading.sender_survey not in ('', receipt.survey_code) as names_other_survey,
    survey.title as survey_title,
    reading.rows_seen,
    reading.rows_recognised,
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
inner join landing.receipt using (receipt_no)
inner join staging.reading using (receipt_no)
cross join lateral unnest(reading.missing_fields) as missing (field)
where
    batch_receipt.batch_id = current_setting('city_order.batch')::bigint
    and reading.outcome = 'read' and jsonb_array_length(reading.tables) > 0
    -- The form of another survey has other columns: the file suite says so.
    and reading.sender_survey in ('', receipt.survey_code)
union all
select
    reading.receipt_no,
    ambiguous.field,
    jsonb_array_length(ambiguous.cells) as columns_found
from staging.batch_receipt
inner join landing.receipt using (receipt_no)
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
    demand.cells_typed > demand.cells_understood
    or coalesce(demand.highest <> 0 or demand.lowest <> 0, false)
    or exists (
        select 1 from jsonb_each_text(line.outside_horizon) as entry (year, quantity)
        where entry.quantity::numeric <> 0
    ) as has_demand,
    coalesce(line.cleaned_by ->> 'part_number' = 'date_for_part', false) as part_is_a_date,
    -- How the reference spells the part, unless it was typed in one of its spellings.
    (
        select case when not bool_or(known.spelling = line.part_number) then min(known.spelling) end
        from (
            select part.part_number as spelling
            from reference.part
            where part.matching_key = line.matching_key
            union all
            select part_alias.alias as spelling
            from reference.part_alias
            where part_alias.alias_key = line.matching_key
        ) as known
    ) as other_spelling,
    -- Price times all that was asked for; empty if nothing was, or if any of it is not understood, below zero, or under a
    -- year outside the horizon: other rules tell that.
    case
        when
            line.amount_rub is not null and demand.cells_understood > 0 and demand.cells_typed = demand.cells_understood
            and demand.lowest >= 0 and line.outside_horizon = '{}'::jsonb
            then round(line.unit_price_rub * demand.quantity, 2)
    end as computed_amount_rub,
    case
        when line.voltage_v > 0 and line.voltage_v <= 1500 and line.capacity_ah > 0 and line.capacity_ah <= 100000
            then line.voltage_v * line.capacity_ah / 1000
    end as computed_energy_kwh,
    -- The voltage of as many whole cells as come nearest; one cell at least.
    case
        when line.voltage_v > 0 and line.voltage_v <= 1500
            then (
                select greatest(round(line.voltage_v / chemistry.cell_voltage_v), 1) * chemistry.cell_voltage_v
                from reference.chemistry
                where chemistry.chemistry = line.chemistry
            )
    end as voltage_of_whole_cells_v,
    exists (
        select 1 from reference.chemistry_okpd2 as others
        where
            starts_with(line.okpd2_code, others.okpd2_prefix)
            and exists (
                select 1 from reference.chemistry_okpd2 as own
                where own.chemistry = line.chemistry
            )
    ) and not exists (
        select 1 from reference.chemistry_okpd2 as own
        where
            own.chemistry = line.chemistry
            and (starts_with(line.okpd2_code, own.okpd2_prefix) or starts_with(own.okpd2_prefix, line.okpd2_code))
    ) as okpd2_of_other_chemistry
from staging.batch_receipt
inner join landing.receipt on receipt.receipt_no = batch_receipt.receipt_no
inner join reference.survey on survey.survey_code = receipt.survey_code
inner join staging.line on line.receipt_no = receipt.receipt_no
left join reference.unit on unit.okei_code = line.unit
cross join lateral (
    select
        (
            select count(*)
            from jsonb_object_keys(line.raw) as cell (field)
            where starts_with(cell.field, 'demand_') and coalesce(line.cleaned_by ->> cell.field, '') <> 'nothing'
        ) as cells_typed,
        num_nonnulls(
            line.demand_2026, line.demand_2027, line.demand_2028, line.demand_2029, line.demand_2030,
            line.demand_2031, line.demand_2032, line.demand_2033, line.demand_2034, line.demand_2035
        ) + (
            select count(entry.quantity)
            from jsonb_each_text(line.outside_horizon) as entry (year, quantity)
        ) as cells_understood,
        greatest(
            line.demand_2026, line.demand_2027, line.demand_2028, line.demand_2029, line.demand_2030,
            line.demand_2031, line.demand_2032, line.demand_2033, line.demand_2034, line.demand_2035
        ) as highest,
        least(
            line.demand_2026, line.demand_2027, line.demand_2028, line.demand_2029, line.demand_2030,
            line.demand_2031, line.demand_2032, line.demand_2033, line.demand_2034, line.demand_2035
        ) as lowest,
        coalesce(line.demand_2026, 0) + coalesce(line.demand_2027, 0) + coalesce(line.demand_2028, 0)
        + coalesce(line.demand_2029, 0) + coalesce(line.demand_2030, 0) + coalesce(line.demand_2031, 0)
        + coalesce(line.demand_2032, 0) + coalesce(line.demand_2033, 0) + coalesce(line.demand_2034, 0)
        + coalesce(line.demand_2035, 0) + (
            select coalesce(sum(entry.quantity::numeric), 0)
            from jsonb_each_text(line.outside_horizon) as entry (year, quantity)
        ) as quantity
) as demand
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
        ('amount_rub', line.amount_rub, false),
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

create view staging.notice_to_check as
select
    notice.receipt_no,
    notice.member,
    notice.sheet,
    notice.cell,
    '' as value,
    notice.what
from staging.batch_receipt
inner join staging.notice using (receipt_no)
where batch_receipt.batch_id = current_setting('city_order.batch')::bigint;
comment on view staging.notice_to_check is
'What a person should know of each file of the session''s batch, as notice.json checks it. Grain: receipt_no, member, sheet,
cell, what.';

create view staging.total_to_check as
with

stating as (
    select
        total_row.receipt_no,
        total_row.member,
        total_row.sheet,
        array_agg(distinct total_row.row_number order by total_row.row_number) as row_numbers
    from staging.batch_receipt
    inner join staging.total_row using (receipt_no)
    where
        batch_receipt.batch_id = current_setting('city_order.batch')::bigint
        and not exists (
            select 1 from staging.violation
            where
                violation.batch_id = batch_receipt.batch_id and violation.receipt_no = total_row.receipt_no
                and violation.line_position is null and violation.severity = 'E'
        )
    group by total_row.receipt_no, total_row.member, total_row.sheet
),

line as (
    select
        line.*,
        coalesce(width_bucket(line.row_number, stating.row_numbers), 0) as totals_above
    from (
        select distinct stating.receipt_no
        from stating
    ) as compared
    inner join staging.line using (receipt_no)
    left join stating
        on stating.receipt_no = line.receipt_no and stating.member = line.member and stating.sheet = line.sheet
),

-- The lines between two totals: added up first, one row a field afterwards.
part as (
    select
        line.receipt_no,
        line.member,
        line.sheet,
        line.totals_above,
        sum(line.demand_2026) as demand_2026,
        sum(line.demand_2027) as demand_2027,
        sum(line.demand_2028) as demand_2028,
        sum(line.demand_2029) as demand_2029,
        sum(line.demand_2030) as demand_2030,
        sum(line.demand_2031) as demand_2031,
        sum(line.demand_2032) as demand_2032,
        sum(line.demand_2033) as demand_2033,
        sum(line.demand_2034) as demand_2034,
        sum(line.demand_2035) as demand_2035,
        sum(line.stock) as stock,
        sum(line.contracted) as contracted,
        sum(line.amount_rub) as amount_rub
    from line
    group by line.receipt_no, line.member, line.sheet, line.totals_above
),

row_of_sheet as (
    select
        part.receipt_no,
        part.member,
        part.sheet,
        2 * part.totals_above as place,
        entry.field,
        coalesce(entry.quantity, 0) as quantity,
        null::integer as row_number,
        null::text as typed,
        null::numeric as stated
    from part
    cross join lateral (
        values
            ('demand_2026', part.demand_2026),
            ('demand_2027', part.demand_2027),
            ('demand_2028', part.demand_2028),
            ('demand_2029', part.demand_2029),
            ('demand_2030', part.demand_2030),
            ('demand_2031', part.demand_2031),
            ('demand_2032', part.demand_2032),
            ('demand_2033', part.demand_2033),
            ('demand_2034', part.demand_2034),
            ('demand_2035', part.demand_2035),
            ('stock', part.stock),
            ('contracted', part.contracted),
            ('amount_rub', part.amount_rub)
    ) as entry (field, quantity)
    union all
    select
        line.receipt_no,
        line.member,
        line.sheet,
        2 * line.totals_above as place,
        'demand_' || entry.year as field,
        sum(entry.quantity::numeric) as quantity,
        null as row_number,
        null as typed,
        null as stated
    from line
    cross join lateral jsonb_each_text(line.outside_horizon) as entry (year, quantity)
    where entry.quantity is not null
    group by line.receipt_no, line.member, line.sheet, line.totals_above, entry.year
    union all
    select
        total_row.receipt_no,
        total_row.member,
        total_row.sheet,
        2 * width_bucket(total_row.row_number, stating.row_numbers) - 1 as place,
        entry.field,
        0 as quantity,
        total_row.row_number,
        total_row.raw ->> entry.field as typed,
        entry.stated::numeric as stated
    from stating
    inner join staging.total_row using (receipt_no, member, sheet)
    cross join lateral jsonb_each_text(total_row.stated) as entry (field, stated)
    where
        entry.stated is not null
        and (starts_with(entry.field, 'demand_') or entry.field in ('stock', 'contracted', 'amount_rub'))
),

-- Down a sheet: what its lines come to so far, in all of it, and in all of the file.
summed as (
    select
        row_of_sheet.*,
        sum(row_of_sheet.quantity) over (
            partition by row_of_sheet.receipt_no, row_of_sheet.member, row_of_sheet.sheet, row_of_sheet.field
            order by row_of_sheet.place
        ) as so_far,
        sum(row_of_sheet.quantity) over (
            partition by row_of_sheet.receipt_no, row_of_sheet.member, row_of_sheet.sheet, row_of_sheet.field
        ) as in_sheet,
        sum(row_of_sheet.quantity) over (partition by row_of_sheet.receipt_no, row_of_sheet.field) as in_file
    from row_of_sheet
),

-- A total may be of the part of the sheet since any total above it: of a section, of a chapter of sections.
bounded as (
    select
        summed.*,
        array_agg(summed.so_far) over (
            partition by summed.receipt_no, summed.member, summed.sheet, summed.field
            order by summed.place rows between 50 preceding and 1 preceding
        ) as so_far_above
    from summed
    where summed.stated is not null
)

select
    bounded.receipt_no,
    bounded.member,
    bounded.sheet,
    bounded.field,
    coalesce(form_column.column_letter || bounded.row_number, '') as cell,
    coalesce(bounded.typed, '') as value,
    bounded.stated,
    nearest.total as nearest_total
from bounded
left join staging.form_column
    on
        form_column.receipt_no = bounded.receipt_no and form_column.member = bounded.member
        and form_column.sheet = bounded.sheet and form_column.field = bounded.field
cross join lateral (
    select candidate.total
    from (
        values (bounded.so_far), (bounded.in_sheet), (bounded.in_file)
        union all
        select bounded.so_far - above.so_far
        from unnest(bounded.so_far_above) as above (so_far)
    ) as candidate (total)
    order by abs(candidate.total - bounded.stated), candidate.total
    limit 1
) as nearest
-- What was not understood of the field is told there, and leaves nothing to compare with.
where not exists (
    select 1 from staging.violation
    where
        violation.batch_id = current_setting('city_order.batch')::bigint and violation.receipt_no = bounded.receipt_no
        and violation.line_position is not null and violation.severity = 'E' and violation.field = bounded.field
);
comment on view staging.total_to_check is
'Each sum that a form states, beside the nearest one that its lines come to, as total.json checks it. Totals of a refused
file, and those of a field that lines were refused for, are left out. Grain: receipt_no, member, sheet, row, field.';

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
            when survey.programme = 'battery' or line.matching_key is null or stated.manufacturer_code is not null
                then null
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

create view quality.standing_finding as
select
    finding.*,
    receipt.survey_code,
    receipt.agency_code,
    receipt.verdict
from quality.finding
inner join quality.judgement using (receipt_no, rules_version, reference_version)
inner join landing.receipt using (receipt_no)
where judgement.stands;
comment on view quality.standing_finding is 'Findings of the judgements that count. Grain: finding_id.';

create view staging.accepted_line as
select line.*
from staging.identified_line as line
inner join quality.judgement on judgement.receipt_no = line.receipt_no and judgement.stands
where
    judgement.outcome = 'loadable'
    and not exists (
        select 1 from quality.finding
        where
            finding.receipt_no = judgement.receipt_no
            and finding.rules_version = judgement.rules_version
            and finding.reference_version = judgement.reference_version
            and finding.line_position = line.line_position
            and finding.severity = 'E'
    );
comment on view staging.accepted_line is
'Lines without an error, of receipts whose judgement lets them load. Grain: receipt_no, line_position.';

grant select, insert, update, delete on all tables in schema reference, staging to city_order_ingest;
grant select on reference.waiver, reference.chemistry_okpd2 to city_order_builder, city_order_analyst;
grant select on quality.standing_finding to city_order_ingest, city_order_builder, city_order_analyst;
