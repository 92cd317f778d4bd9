-- What an answer is compared with beyond its own file: the agency's last answer, the answers of its parent and subordinates,
-- everybody's prices. Gathered once for each batch, when its files and lines have been judged by themselves, and gone with it.

create table staging.compared_item (
    batch_id bigint not null,
    receipt_no bigint not null,
    item_key text not null,
    line_position integer,
    field text,
    is_named_now boolean not null,
    was_named_before boolean not null,
    is_comparable boolean not null,
    matching_key text,
    item_name text,
    part_number text,
    unit_symbol text not null,
    survey_before text not null,
    period text not null,
    total_now numeric not null,
    quantity_now numeric not null,
    quantity_before numeric not null,
    is_unit_slip boolean not null,
    is_same_by_year boolean not null,
    is_same_by_column boolean not null,
    is_missing boolean not null,
    place integer,
    primary key (batch_id, receipt_no, item_key),
    foreign key (batch_id, receipt_no) references staging.batch_receipt on delete cascade
);
comment on table staging.compared_item is
'What an agency asks for now beside what it, or its predecessors, asked for in the last survey of the programme that they
answered. Grain: batch_id, receipt_no, item_key.';
comment on column staging.compared_item.batch_id is 'The batch.';
comment on column staging.compared_item.receipt_no is 'The receipt.';
comment on column staging.compared_item.item_key is 'Digest of the part, whoever makes it, or of the product.';
comment on column staging.compared_item.line_position is 'Line that asks for most of it; empty if none does.';
comment on column staging.compared_item.field is 'Its year with the largest quantity.';
comment on column staging.compared_item.is_named_now is 'Whether any line names it, refused or not.';
comment on column staging.compared_item.was_named_before is 'Whether the last answer named it.';
comment on column staging.compared_item.is_comparable is
'Whether all of it is counted in one way and no line of it was refused.';
comment on column staging.compared_item.matching_key is 'Its part number as compared, if the last answer named it by one.';
comment on column staging.compared_item.item_name is 'What the last answer called it.';
comment on column staging.compared_item.part_number is 'Its part number as the last answer wrote it.';
comment on column staging.compared_item.unit_symbol is
'The unit of the quantities: the piece, or what has no way to pieces.';
comment on column staging.compared_item.survey_before is 'The last survey.';
comment on column staging.compared_item.period is
'What the quantities are of, in Russian: the years of both surveys, or a year on average.';
comment on column staging.compared_item.total_now is 'Asked for now in all years.';
comment on column staging.compared_item.quantity_now is 'Asked for now in that period.';
comment on column staging.compared_item.quantity_before is 'Asked for in the last survey in that period.';
comment on column staging.compared_item.is_unit_slip is
'Whether it changed a thousandfold, or to a thousandth, give or take 2 %.';
comment on column staging.compared_item.is_same_by_year is
'Whether each year asks for what it asked for then; new years for nothing.';
comment on column staging.compared_item.is_same_by_column is
'Whether the first year asks for what the first year asked for, and so on.';
comment on column staging.compared_item.is_missing is
'Whether it was asked for, and now is neither named nor mentioned in a remark.';
comment on column staging.compared_item.place is 'Of the missing ones: its place by quantity, from 1.';

create table staging.compared_answer (
    batch_id bigint not null,
    receipt_no bigint not null,
    is_nil_return boolean not null,
    years integer not null,
    quantity_now numeric not null,
    flat_share numeric not null,
    is_copy boolean not null,
    quantity_before numeric not null,
    items_before integer not null,
    period text not null,
    survey_before text not null,
    primary key (batch_id, receipt_no),
    foreign key (batch_id, receipt_no) references staging.batch_receipt on delete cascade
);
comment on table staging.compared_answer is
'An answer as a whole, beside the last one. Its quantities add what cannot be added: they only say whether an answer is a
large one. Grain: batch_id, receipt_no.';
comment on column staging.compared_answer.batch_id is 'The batch.';
comment on column staging.compared_answer.receipt_no is 'The receipt.';
comment on column staging.compared_answer.is_nil_return is 'Whether it says that there is no need, and has no lines.';
comment on column staging.compared_answer.years is 'How many years the survey asks for.';
comment on column staging.compared_answer.quantity_now is 'Asked for now, all items and years together.';
comment on column staging.compared_answer.flat_share is
'Of its lines with demand, the share that asks for one quantity in every year.';
comment on column staging.compared_answer.is_copy is
'Whether it repeats the last answer, year for year or column for column.';
comment on column staging.compared_answer.quantity_before is
'Asked for in the last survey in that period, all items together.';
comment on column staging.compared_answer.items_before is 'How many items it asked for then.';
comment on column staging.compared_answer.period is
'What these are of, in Russian: the years of both surveys, or a year on average.';
comment on column staging.compared_answer.survey_before is 'The last survey; empty if there was none.';

create table staging.repeated_line (
    batch_id bigint not null,
    receipt_no bigint not null,
    line_position integer not null,
    quantity numeric not null,
    whose text not null check (whose in ('subordinate', 'subordinates', 'superior')),
    named text not null,
    primary key (batch_id, receipt_no, line_position),
    foreign key (batch_id, receipt_no) references staging.batch_receipt on delete cascade
);
comment on table staging.repeated_line is
'Lines that ask for the same as an agency above or below does in the same survey. Grain: batch_id, receipt_no, line_position.';
comment on column staging.repeated_line.batch_id is 'The batch.';
comment on column staging.repeated_line.receipt_no is 'The receipt.';
comment on column staging.repeated_line.line_position is 'The line.';
comment on column staging.repeated_line.quantity is 'What both ask for, in all years.';
comment on column staging.repeated_line.whose is
'Whose answer it repeats: of a subordinate, of all direct ones in sum, of a superior.';
comment on column staging.repeated_line.named is 'Their names.';

create table staging.compared_price (
    batch_id bigint not null,
    receipt_no bigint not null,
    line_position integer not null,
    price_rub numeric not null,
    prices integer not null,
    median_rub numeric,
    deviation_rub numeric,
    pieces_per_unit numeric not null,
    unit_symbol text not null,
    is_unit_slip boolean not null,
    primary key (batch_id, receipt_no, line_position),
    foreign key (batch_id, receipt_no) references staging.batch_receipt on delete cascade
);
comment on table staging.compared_price is
'A price beside what the agencies of the survey pay for the product, one price each. Grain: batch_id, receipt_no, line_position.';
comment on column staging.compared_price.batch_id is 'The batch.';
comment on column staging.compared_price.receipt_no is 'The receipt.';
comment on column staging.compared_price.line_position is 'The line.';
comment on column staging.compared_price.price_rub is 'Its price for one piece, in roubles.';
comment on column staging.compared_price.prices is 'How many agencies of the survey state a price for the product.';
comment on column staging.compared_price.median_rub is 'The median of their prices, in roubles for one piece.';
comment on column staging.compared_price.deviation_rub is 'The median distance of their prices from it.';
comment on column staging.compared_price.pieces_per_unit is 'Pieces in one typed unit.';
comment on column staging.compared_price.unit_symbol is 'The typed unit.';
comment on column staging.compared_price.is_unit_slip is
'Whether its item''s quantities slipped by a thousand: then the unit is wrong, not the price.';

create view staging.item_to_check as
select
    item.receipt_no,
    item.line_position,
    item.field,
    item.quantity_now,
    item.quantity_before,
    item.is_unit_slip,
    'в прошлом обследовании (' || item.survey_before || ') ' || item.period || ': '
    || replace(trim_scale(round(item.quantity_before, 3))::text, '.', ',') || ' ' || item.unit_symbol
    || ', теперь ' || replace(trim_scale(round(item.quantity_now, 3))::text, '.', ',') as expected
from staging.batch_receipt
inner join staging.compared_item as item using (batch_id, receipt_no)
where
    batch_receipt.batch_id = current_setting('city_order.batch')::bigint
    and item.line_position is not null and item.was_named_before and item.is_comparable and item.total_now > 0;
comment on view staging.item_to_check is
'Items of the session''s batch that their agency asked for in the last survey too, as across_item.json checks them.
Grain: receipt_no, line_position.';

create view staging.missing_item_to_check as
select
    item.receipt_no,
    '' as member,
    '' as sheet,
    '' as cell,
    case
        when strpos(item.item_name, item.part_number) > 0 then item.item_name
        else concat_ws(' ', item.item_name, item.part_number)
    end as value,
    item.quantity_before,
    item.place,
    'в прошлом обследовании (' || item.survey_before || ') ' || item.period || ': '
    || replace(trim_scale(round(item.quantity_before, 3))::text, '.', ',') || ' ' || item.unit_symbol as expected
from staging.batch_receipt
inner join staging.compared_item as item using (batch_id, receipt_no)
where batch_receipt.batch_id = current_setting('city_order.batch')::bigint and item.is_missing;
comment on view staging.missing_item_to_check is
'Items that an agency of the session''s batch asked for in the last survey, and that its answer now neither names nor mentions
in a remark, as across_missing.json checks them. Grain: receipt_no, place.';

create view staging.answer_to_check as
select
    answer.*,
    'в прошлом обследовании (' || answer.survey_before || ') ' || answer.period || ': изделий ' || answer.items_before as expected
from staging.batch_receipt
inner join staging.compared_answer as answer using (batch_id, receipt_no)
where batch_receipt.batch_id = current_setting('city_order.batch')::bigint;
comment on view staging.answer_to_check is
'Each answer of the session''s batch as a whole, as across_answer.json checks it. Grain: receipt_no.';

create view staging.repeated_line_to_check as
select
    line.*,
    case line.whose when 'subordinates' then 'в сумме столько же: ' else 'столько же: ' end || line.named as expected
from staging.batch_receipt
inner join staging.repeated_line as line using (batch_id, receipt_no)
where batch_receipt.batch_id = current_setting('city_order.batch')::bigint;
comment on view staging.repeated_line_to_check is
'Lines of the session''s batch that an agency above or below asks for too, as across_kin.json checks them.
Grain: receipt_no, line_position.';

create view staging.price_to_check as
select
    price.*,
    'обычно ' || replace(trim_scale(round(price.median_rub, 4))::text, '.', ',') || ' руб. за штуку'
    || case
        when price.pieces_per_unit = 1 then ''
        else
            ', то есть ' || replace(trim_scale(round(price.median_rub * price.pieces_per_unit, 2))::text, '.', ',')
            || ' руб. за ' || price.unit_symbol
    end as expected
from staging.batch_receipt
inner join staging.compared_price as price using (batch_id, receipt_no)
where batch_receipt.batch_id = current_setting('city_order.batch')::bigint;
comment on view staging.price_to_check is
'Prices of the session''s batch, as across_price.json checks them. Grain: receipt_no, line_position.';

grant select, insert, update, delete on all tables in schema staging to city_order_ingest;
