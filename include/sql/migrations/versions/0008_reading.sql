-- What a reading says beyond its lines: the survey that the form names, the rows that were understood, what a person should
-- know of the file, its totals; and for a line the unit that stands over its quantities and its stated sum.
alter table staging.reading add column sender_survey text not null default '';
alter table staging.reading add column sender_survey_cell text not null default '';
alter table staging.reading add column rows_seen integer not null default 0 check (rows_seen >= 0);
alter table staging.reading add column rows_recognised integer not null default 0 check (rows_recognised >= 0);
alter table staging.reading add column encoding_ground text not null default '';
comment on column staging.reading.sender_survey is 'The survey that the form itself names; empty if it names none.';
comment on column staging.reading.sender_survey_cell is 'Where it stands.';
comment on column staging.reading.rows_seen is 'Non-blank rows below the headings.';
comment on column staging.reading.rows_recognised is 'Those of them that are of a known kind: lines, totals, notes.';
comment on column staging.reading.encoding_ground is
'Why a text''s encoding was chosen: mark, declared, strict or letters.';

alter table staging.reading drop constraint reading_sender_inn_problem_check;
alter table staging.reading add constraint reading_sender_inn_problem_check
check (sender_inn_problem in ('', 'length', 'zeros', 'checksum', 'scientific'));
comment on column staging.reading.sender_inn_problem is
'What is wrong with it by itself: length, zeros, checksum or scientific (7.7E+09).';

create table staging.notice (
    receipt_no bigint not null references staging.reading on delete cascade,
    member text not null,
    sheet text not null,
    cell text not null,
    what text not null
);
-- No key over the names: an index row has a limit, the name of a file in a ZIP has none.
create index notice_by_receipt on staging.notice (receipt_no);
comment on table staging.notice is
'What a person should know of the file itself: hidden parts, formulas without a value, macros. Grain: receipt_no, member,
sheet, cell, what.';
comment on column staging.notice.receipt_no is 'The receipt.';
comment on column staging.notice.member is 'File inside a ZIP; empty otherwise.';
comment on column staging.notice.sheet is 'Sheet; empty if the whole file is meant.';
comment on column staging.notice.cell is 'Cell, as a spreadsheet names it; empty if the whole sheet or file is meant.';
comment on column staging.notice.what is
'hidden_sheet, hidden_row, hidden_column, no_cached_value, macros or external_link.';

create table staging.total_row (
    receipt_no bigint not null references staging.reading on delete cascade,
    member text not null,
    sheet text not null,
    row_number integer not null check (row_number > 0),
    raw jsonb not null,
    stated jsonb not null
);
create index total_row_by_receipt on staging.total_row (receipt_no);
comment on table staging.total_row is
'Rows of a form that state a sum of its lines. They are no lines. Grain: receipt_no, member, sheet, row_number.';
comment on column staging.total_row.receipt_no is 'The receipt.';
comment on column staging.total_row.member is 'File inside a ZIP; empty otherwise.';
comment on column staging.total_row.sheet is 'Sheet; empty for text files.';
comment on column staging.total_row.row_number is 'Row of the sheet, from 1.';
comment on column staging.total_row.raw is 'What was typed into each field, as text, personal data masked.';
comment on column staging.total_row.stated is 'The numbers among it: field to sum.';

alter table staging.line add column heading_unit text;
alter table staging.line add column amount_rub numeric;
comment on column staging.line.heading_unit is 'Unit that stands in the headings of the year columns, as an OKEI code.';
comment on column staging.line.amount_rub is 'Sum as stated, in roubles, VAT included; compared, never counted.';

alter table core.demand_line add column amount_rub numeric;
alter table core.demand_line add check (amount_rub >= 0 and amount_rub < 'Infinity');
comment on column core.demand_line.amount_rub is 'Sum as stated, in roubles, VAT included; compared, never counted.';

grant select, insert, update, delete on staging.notice, staging.total_row to city_order_ingest;
