-- A survey of ten years and what its agencies answer: only what an order is made from, no cells and no files.
-- One agency in ten is a department of nine institutions, and each of these repeats two of its lines. A line names 7 of
-- the 10 years; most are in pieces, packs or thousands, one in fifty has no way to pieces; most have a price, a third of
-- them stock. The same numbers give the same lines.
-- Takes %(lines)s, %(lines_per_answer)s, %(products)s. select setseed(0.5);

-- No release is asked about: the bench has nobody to answer.
insert into reference.survey (
    survey_code, programme, title, opens_date, closes_date, rules_as_of_date, reference_as_of_date, rules_version,
    reference_version, approval_share
)
values (
    'ecb-2026', 'ecb', 'Опрос', '2026-10-01', '2026-11-30', '2026-10-01', '2026-10-01', 'rules', 'reference', null
);

insert into reference.survey_year (survey_code, year, certainty)
select 'ecb-2026', year, 'planned' from generate_series(2026, 2035) as year;

create temporary table answer on commit drop as
select
    number,
    'agency-' || number as agency_code,
    'agency-' || number / 10 * 10 as department_code
from generate_series(0, (%(lines)s / %(lines_per_answer)s)::integer - 1) as number;

insert into reference.agency (agency_code) select agency_code from answer;

insert into reference.agency_version (agency_code, valid_from, name, inn, kpp, parent_code, source, source_date)
select
    agency_code, '2020-01-01', agency_code, '0000000000', lpad(number::text, 9, '0'), nullif(department_code, agency_code),
    'bench', '2020-01-01'
from answer;

insert into reference.roster (survey_code, agency_code) select 'ecb-2026', agency_code from answer;

-- From here on, no keys are looked up: they hold.
set local session_replication_role = replica;

insert into core.product (product_id, programme, name_key)
select left(md5(number::text), 16), 'ecb', 'product ' || number
from generate_series(0, %(products)s - 1) as number;

insert into landing.receipt (
    receipt_no, drop_key, survey_code, agency_code, drop_date, original_path, sha256, size_bytes, modified_ns, arrived_at,
    judged_at, verdict
)
overriding system value
select
    number + 1, 'drop ' || number, 'ecb-2026', agency_code, '2026-11-01', agency_code || '/answer.xlsx', repeat('0', 64), 1,
    1, '2026-11-01', '2026-11-01', 'accepted'
from answer;

insert into core.submission (
    submission_id, survey_code, agency_code, revision, receipt_no, rules_version, reference_version, reading_sha256,
    content_sha256
)
overriding system value
select number + 1, 'ecb-2026', agency_code, 1, number + 1, 'rules', 'reference', md5(agency_code), md5(agency_code)
from answer;

-- Its products come in no order: it is cheaper made at once.
drop index core.demand_line_by_product_and_submission;

with

-- A power of what is even: a tenth of the products have a fifth of the lines.
typed as (
    select
        number / %(lines_per_answer)s + 1 as submission_id,
        number %% %(lines_per_answer)s + 1 as line_position,
        floor(%(products)s * power(random(), 1.5))::bigint as product,
        random() as unit,
        random() as kind,
        random() as spelling,
        random() as elsewhere,
        case when random() < 0.85 then round((10 + 5000 * random() ^ 3)::numeric, 2) end as unit_price_rub,
        case when random() < 0.3 then floor(300 * random())::numeric end as stock,
        case when random() < 0.1 then floor(200 * random())::numeric end as contracted
    from generate_series(0, %(lines)s - 1) as number
)

insert into core.demand_line (
    submission_id, line_position, receipt_no, member, sheet, row_number, raw, cleaned_by, product_id, pieces_per_unit,
    item_name, okpd2_code, unit, need_kind, stock, contracted, unit_price_rub, outside_horizon,
    demand_2026, demand_2027, demand_2028, demand_2029, demand_2030, demand_2031, demand_2032, demand_2033, demand_2034,
    demand_2035
)
select
    submission_id,
    line_position,
    submission_id,
    '',
    '1',
    line_position,
    '{}',
    '{}',
    left(md5(product::text), 16),
    case when unit < 0.8 then 1 when unit < 0.85 then 1000 when unit < 0.95 then 50 when unit < 0.98 then 2.5 end,
    case when spelling < 0.7 then 'Изделие ' else 'изделие №' end || product,
    (array['26.11.30', '26.11.21', '26.12.10', '27.90.52'])[product %% 4 + 1],
    case when unit < 0.8 then '796' when unit < 0.85 then '798' when unit < 0.98 then '778' else '839' end,
    case when kind < 0.6 then 'operation' when kind < 0.75 then 'repair' when kind < 0.8 then 'reserve' end,
    stock,
    contracted,
    unit_price_rub,
    case when elsewhere < 0.01 then '{"2036": "7"}' else '{}' end::jsonb,
    case when random() < 0.7 then ceil(500 * random() ^ 3) end,
    case when random() < 0.7 then ceil(500 * random() ^ 3) end,
    case when random() < 0.7 then ceil(500 * random() ^ 3) end,
    case when random() < 0.7 then ceil(500 * random() ^ 3) end,
    case when random() < 0.7 then ceil(500 * random() ^ 3) end,
    case when random() < 0.7 then ceil(500 * random() ^ 3) end,
    case when random() < 0.7 then ceil(500 * random() ^ 3) end,
    case when random() < 0.7 then ceil(500 * random() ^ 3) end,
    case when random() < 0.7 then ceil(500 * random() ^ 3) end,
    case when random() < 0.7 then ceil(500 * random() ^ 3) end
from typed;

-- What a department and its institution both ask for is found as counted twice, if neither asks for more of it.
insert into core.demand_line
select repeated.*
from core.demand_line as line
inner join answer on line.submission_id = answer.number + 1
inner join answer as department on answer.department_code = department.agency_code
cross join lateral (
    select (jsonb_populate_record(line, jsonb_build_object(
        'submission_id', department.number + 1,
        'receipt_no', department.number + 1,
        'line_position', 1000000 + 10 * answer.number + line.line_position,
        'stock', null,
        'contracted', null
    ))).*
) as repeated
where line.line_position <= 2 and answer.agency_code <> answer.department_code;

create index demand_line_by_product_and_submission on core.demand_line (product_id, submission_id);

update landing.receipt set lines_delivered = landed.lines, lines_accepted = landed.lines
from (select receipt_no, count(*) as lines from core.demand_line group by receipt_no) as landed
where receipt.receipt_no = landed.receipt_no;

insert into quality.judgement (
    receipt_no, rules_version, reference_version, stands, outcome, reason, reading_sha256, content_sha256,
    lines_delivered, lines_accepted, lines_rejected, lines_duplicate, warnings, judged_at
)
select
    submission.receipt_no, 'rules', 'reference', true, 'loadable', '', submission.reading_sha256,
    submission.content_sha256, receipt.lines_delivered, receipt.lines_accepted, 0, 0, 0, '2026-11-01'
from core.submission
inner join landing.receipt using (receipt_no);

select
    setval(pg_get_serial_sequence('core.submission', 'submission_id'), max(submission_id)),
    setval(pg_get_serial_sequence('landing.receipt', 'receipt_no'), max(receipt_no))
from core.submission;
