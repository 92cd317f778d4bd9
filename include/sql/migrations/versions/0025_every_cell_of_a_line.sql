-- An order line leads to the cells of price, stock and contracts, too; what an agency has in hand leads to its cells; an
-- agency is one for criticality, however many years it asks for; and a release's files call a unit or a kind of need as it
-- was called then.

create or replace view city_order.order_line_source as
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
    demand_line.raw ->> 'unit' as typed_unit,
    demand_line.pieces_per_unit,
    demand.quantity * demand_line.pieces_per_unit as gross_quantity,
    letter.stock || demand_line.row_number as stock_cell,
    demand_line.raw ->> 'stock' as typed_stock,
    letter.contracted || demand_line.row_number as contracted_cell,
    demand_line.raw ->> 'contracted' as typed_contracted,
    letter.price || demand_line.row_number as price_cell,
    demand_line.raw ->> 'unit_price_rub' as typed_price,
    letter.need_kind || demand_line.row_number as need_kind_cell,
    demand_line.raw ->> 'need_kind' as typed_need_kind,
    demand_line.stock * demand_line.pieces_per_unit as stock_quantity,
    demand_line.contracted * demand_line.pieces_per_unit as contracted_quantity,
    demand_line.unit_price_rub,
    round(demand.quantity * demand_line.unit_price_rub, 2) * 100 as amount_kopecks,
    coalesce(demand_line.need_kind, 'not_stated') as need_kind
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
-- One look at the form for all four, and none if nobody asks for them.
left join lateral (
    select
        max(other.column_letter) filter (where other.field = 'stock') as stock,
        max(other.column_letter) filter (where other.field = 'contracted') as contracted,
        max(other.column_letter) filter (where other.field = 'unit_price_rub') as price,
        max(other.column_letter) filter (where other.field = 'need_kind') as need_kind
    from staging.form_column as other
    where
        other.receipt_no = demand_line.receipt_no and other.member = demand_line.member
        and other.sheet = demand_line.sheet
) as letter on true
where
    demand.quantity > 0 and demand_line.pieces_per_unit is not null
    and not exists (
        select 1 from city_order.exclusion
        where
            exclusion.release_id = release_input.release_id
            and exclusion.submission_id = demand_line.submission_id
            and exclusion.line_position = demand_line.line_position
            and exclusion.year = demand.year
    );
comment on view city_order.order_line_source is
'From an order line to the demand lines, receipts, sheets and cells behind it: what is typed there in typed_unit, each
of pieces_per_unit pieces, is gross_quantity. The cells of stock, contracts, price and kind of need are of the line, the
same for each of its years: add stock_quantity and contracted_quantity up over lines, never over years. A cell is empty
if the form lacks its column. amount_kopecks is what is typed × unit_price_rub, VAT included; empty without a price.
What an agency has of a product without asking for it in the same line is in in_hand_source only.
Grain: release_id, submission_id, line_position, year.';

create view city_order.in_hand_source as
select
    release_input.release_id,
    demand_line.product_id,
    case when demand_line.pieces_per_unit is null then demand_line.unit else '796' end as unit,
    release_input.agency_code,
    demand_line.submission_id,
    demand_line.line_position,
    receipt.receipt_no,
    receipt.original_path,
    receipt.sha256,
    demand_line.member,
    demand_line.sheet,
    letter.stock || demand_line.row_number as stock_cell,
    demand_line.raw ->> 'stock' as typed_stock,
    letter.contracted || demand_line.row_number as contracted_cell,
    demand_line.raw ->> 'contracted' as typed_contracted,
    demand_line.raw ->> 'unit' as typed_unit,
    demand_line.pieces_per_unit,
    demand_line.stock * coalesce(demand_line.pieces_per_unit, 1) as stock_quantity,
    demand_line.contracted * coalesce(demand_line.pieces_per_unit, 1) as contracted_quantity
from city_order.release_input
inner join core.demand_line using (submission_id)
inner join landing.receipt using (receipt_no)
left join lateral (
    select
        max(form_column.column_letter) filter (where form_column.field = 'stock') as stock,
        max(form_column.column_letter) filter (where form_column.field = 'contracted') as contracted
    from staging.form_column
    where
        form_column.receipt_no = demand_line.receipt_no and form_column.member = demand_line.member
        and form_column.sheet = demand_line.sheet
) as letter on true
where
    (demand_line.stock > 0 or demand_line.contracted > 0)
    -- What an agency has that asks for what a subordinate asks for is left to the subordinate, as its demand is.
    and (
        demand_line.pieces_per_unit is null
        or not exists (
            select 1 from city_order.double_counting
            where
                double_counting.release_id = release_input.release_id
                and double_counting.agency_code = release_input.agency_code
                and double_counting.product_id = demand_line.product_id
                and double_counting.handled = 'child_counts'
        )
    );
comment on view city_order.in_hand_source is
'From what an agency has in hand of a product to the demand lines, receipts, sheets and cells behind it: stock_quantity
and contracted_quantity are what is typed there in typed_unit, each of pieces_per_unit pieces; without a way to pieces
they stay in their own unit. Of each agency by itself they cover its earliest years first, which leaves net_quantity;
what is left after the last year is its surplus. Grain: release_id, submission_id, line_position.';

create or replace view city_order.criticality as
with

-- A product that two surveys order is shown as the one for the later years shows it.
product as (
    select
        programme,
        product_id,
        (array_agg(product_name order by year desc))[1] as product_name,
        (array_agg(part_number order by year desc))[1] as part_number,
        (array_agg(manufacturer order by year desc))[1] as manufacturer,
        (array_agg(okpd2_code order by year desc))[1] as okpd2_code,
        sum(gross_quantity) as gross_quantity,
        sum(net_quantity) as net_quantity,
        sum(gross_quantity * price_median_kopecks) as value_kopecks
    from city_order.current_order
    where unit = '796'
    group by programme, product_id
),

-- For each survey the years of which it speaks: so its lines are read once.
spoken as (
    select
        programme,
        release_id,
        array_agg(year) as years
    from city_order.order_year
    where is_current
    group by programme, release_id
),

twice as (
    select
        input.submission_id,
        double_counting.product_id
    from spoken
    inner join city_order.double_counting using (release_id)
    inner join city_order.release_input as input using (release_id, agency_code)
    where double_counting.handled = 'child_counts'
),

-- An agency that asks in two years, or in two surveys, is one. Years are not taken apart: that costs several times more.
asking as (
    select
        spoken.programme,
        line.product_id,
        count(distinct input.agency_code)::integer as agencies
    from spoken
    cross join lateral city_order.inputs_of(spoken.release_id) as input
    inner join core.demand_line as line on input.submission_id = line.submission_id
    where
        line.pieces_per_unit is not null
        and (
            line.demand_2026 > 0 and 2026 = any(spoken.years)
            or line.demand_2027 > 0 and 2027 = any(spoken.years)
            or line.demand_2028 > 0 and 2028 = any(spoken.years)
            or line.demand_2029 > 0 and 2029 = any(spoken.years)
            or line.demand_2030 > 0 and 2030 = any(spoken.years)
            or line.demand_2031 > 0 and 2031 = any(spoken.years)
            or line.demand_2032 > 0 and 2032 = any(spoken.years)
            or line.demand_2033 > 0 and 2033 = any(spoken.years)
            or line.demand_2034 > 0 and 2034 = any(spoken.years)
            or line.demand_2035 > 0 and 2035 = any(spoken.years)
        )
        and (line.submission_id, line.product_id) not in (
            select
                twice.submission_id,
                twice.product_id
            from twice
        )
    group by spoken.programme, line.product_id
),

supply as (
    select
        product.*,
        asking.agencies,
        -- As figures are published by it: a code of fewer groups has no class.
        substring(product.okpd2_code from '^([^.]{2}[.][^.]{2}[.][^.]{2})(?:[.]|$)') as okpd2_class,
        supply.manufacturer_code,
        supply.manufacturer_key,
        supply.is_domestic,
        supply.gross_quantity as supplied_quantity,
        case
            when supply.manufacturer_code is not null or supply.manufacturer_key is not null
                then supply.gross_quantity * product.value_kopecks / product.gross_quantity
        end as supplied_kopecks
    from product
    inner join city_order.product_supply as supply using (product_id)
    inner join asking on product.programme = asking.programme and product.product_id = asking.product_id
),

maker as (
    select
        *,
        sum(supplied_kopecks) over (
            partition by programme, okpd2_class, manufacturer_code, manufacturer_key
        ) as maker_kopecks,
        sum(supplied_kopecks) over (partition by programme, okpd2_class) as class_kopecks
    from supply
),

-- The sum of squared shares, without a join: each row weighs its maker's share by its own.
market as (
    select
        *,
        case
            when okpd2_class is not null
                then round(
                    sum(supplied_kopecks * maker_kopecks) over (partition by programme, okpd2_class)
                    / nullif(class_kopecks * class_kopecks, 0), 4
                )
        end as hhi
    from maker
),

measured as (
    select
        programme,
        product_id,
        product_name,
        part_number,
        manufacturer,
        okpd2_code,
        gross_quantity,
        net_quantity,
        value_kopecks,
        agencies,
        round(
            coalesce(sum(supplied_quantity) filter (where not is_domestic), 0)
            / sum(supplied_quantity) filter (where is_domestic is not null), 4
        ) as import_share,
        round(
            coalesce(sum(supplied_quantity) filter (where is_domestic is not null), 0) / sum(supplied_quantity), 4
        ) as origin_known_share,
        okpd2_class,
        hhi
    from market
    group by
        programme, product_id, product_name, part_number, manufacturer, okpd2_code, gross_quantity, net_quantity,
        value_kopecks, agencies, okpd2_class, hhi
),

scored as (
    select
        *,
        round(value_kopecks / 100 * agencies * import_share * hhi, 2) as score
    from measured
),

-- Gathered once: looked up product by product, each would go through all products.
candidate as (
    select
        product_id,
        count(*) filter (where status = 'approved') as approved_analogs,
        count(*) filter (where status = 'proposed') as proposed_analogs
    from city_order.analog_candidate
    group by product_id
),

placed as (
    select
        *,
        case
            when score > 0
                then row_number() over (
                    partition by programme
                    order by score desc nulls last, product_id collate "C" asc
                )
        end as place
    from scored
)

select
    placed.programme,
    placed.place,
    placed.product_id,
    placed.product_name,
    placed.part_number,
    placed.manufacturer,
    placed.okpd2_code,
    placed.gross_quantity,
    placed.net_quantity,
    placed.value_kopecks,
    placed.agencies,
    placed.import_share,
    placed.origin_known_share,
    placed.okpd2_class,
    placed.hhi,
    placed.score,
    coalesce(candidate.approved_analogs, 0) as approved_analogs,
    coalesce(candidate.proposed_analogs, 0) as proposed_analogs
from placed
left join candidate using (product_id);
comment on view city_order.criticality is
'Which imported products of the current order most need a domestic replacement: place 1 first, programme by programme.
Grain: product_id.

score = value in roubles × agencies × import_share × hhi. It orders; it has no meaning by itself.
value_kopecks: gross pieces of all years × the median price of a piece; years without any price add nothing.
agencies: how many ask for it in any year of the current order, each counted once.
import_share: of the pieces whose manufacturer we know, the share made by manufacturers of a foreign country (see
product_supply; a manufacturer''s country decides, not the country that a line states); origin_known_share: of how many
pieces we know it.
hhi: the Herfindahl-Hirschman index of the product''s OKPD2 class (okpd2_class: its first three levels, as 26.11.30) in
the current order of the programme: the sum of squares of manufacturers'' shares of the class''s value, from near 0 (many)
to 1 (one). Pieces of which nobody said whose they are take no part; a manufacturer that we do not know counts as one.
score is empty if there is no price, if no manufacturer is known, or if the OKPD2 code is too short to have a class; place
is empty unless the score is above 0.';

-- What units and kinds of need were called, as for parts and manufacturers.

create table reference.unit_as_loaded (
    okei_code text not null,
    name text not null,
    from_load_no bigint not null,
    until_load_no bigint check (until_load_no > from_load_no),
    primary key (okei_code, from_load_no)
);
comment on table reference.unit_as_loaded is
'How a unit of measure was called, load by load. Grain: okei_code, from_load_no.';
comment on column reference.unit_as_loaded.okei_code is 'OKEI code.';
comment on column reference.unit_as_loaded.name is 'The name that the files of a release show.';
comment on column reference.unit_as_loaded.from_load_no is 'The first load that said so.';
comment on column reference.unit_as_loaded.until_load_no is 'The first that did not; empty while it is so.';

insert into reference.unit_as_loaded (okei_code, name, from_load_no)
select
    okei_code,
    name,
    0 as from_load_no
from reference.unit;

create function reference.keep_unit_as_loaded() returns trigger
language plpgsql as $$
declare
    load_no_now constant bigint := reference.current_load_no();
begin
    if tg_op <> 'INSERT' then
        delete from reference.unit_as_loaded
        where okei_code = old.okei_code and from_load_no = load_no_now;
        update reference.unit_as_loaded set until_load_no = load_no_now
        where okei_code = old.okei_code and until_load_no is null;
    end if;
    if tg_op <> 'DELETE' then
        insert into reference.unit_as_loaded
        (okei_code, name, from_load_no)
        values (new.okei_code, new.name, load_no_now);
    end if;
    return null;
end $$;
comment on function reference.keep_unit_as_loaded() is 'Keeps how a unit was called when a load changes it.';

create trigger kept_as_loaded after insert or delete on reference.unit
for each row execute function reference.keep_unit_as_loaded();
create trigger changed_as_loaded after update on reference.unit
for each row when (
    old.okei_code is distinct from new.okei_code
    or old.name is distinct from new.name
)
execute function reference.keep_unit_as_loaded();

create table reference.need_kind (
    need_kind text primary key,
    name text not null,
    source text not null,
    source_date date not null
);
comment on table reference.need_kind is 'What products are needed for. Grain: need_kind.';
comment on column reference.need_kind.need_kind is 'Our code.';
comment on column reference.need_kind.name is 'Its name, in Russian.';
comment on column reference.need_kind.source is 'Where the row comes from.';
comment on column reference.need_kind.source_date is 'Date of the source.';

create table reference.need_kind_as_loaded (
    need_kind text not null,
    name text not null,
    from_load_no bigint not null,
    until_load_no bigint check (until_load_no > from_load_no),
    primary key (need_kind, from_load_no)
);
comment on table reference.need_kind_as_loaded is
'How a kind of need was called, load by load. Grain: need_kind, from_load_no.';
comment on column reference.need_kind_as_loaded.need_kind is 'Our code.';
comment on column reference.need_kind_as_loaded.name is 'The name that the files of a release show.';
comment on column reference.need_kind_as_loaded.from_load_no is 'The first load that said so, since there is this table.';
comment on column reference.need_kind_as_loaded.until_load_no is 'The first that did not; empty while it is so.';

create function reference.keep_need_kind_as_loaded() returns trigger
language plpgsql as $$
declare
    load_no_now constant bigint := reference.current_load_no();
begin
    if tg_op <> 'INSERT' then
        delete from reference.need_kind_as_loaded
        where need_kind = old.need_kind and from_load_no = load_no_now;
        update reference.need_kind_as_loaded set until_load_no = load_no_now
        where need_kind = old.need_kind and until_load_no is null;
    end if;
    if tg_op <> 'DELETE' then
        insert into reference.need_kind_as_loaded (need_kind, name, from_load_no)
        values (new.need_kind, new.name, load_no_now);
    end if;
    return null;
end $$;
comment on function reference.keep_need_kind_as_loaded() is 'Keeps how a kind of need was called when a load changes it.';

create trigger kept_as_loaded after insert or delete on reference.need_kind
for each row execute function reference.keep_need_kind_as_loaded();
create trigger changed_as_loaded after update on reference.need_kind
for each row when (
    old.need_kind is distinct from new.need_kind
    or old.name is distinct from new.name
)
execute function reference.keep_need_kind_as_loaded();

grant select, insert, update, delete on
reference.unit_as_loaded, reference.need_kind, reference.need_kind_as_loaded to city_order_ingest;
grant select on reference.unit_as_loaded, reference.need_kind, reference.need_kind_as_loaded
to city_order_builder, city_order_analyst;
grant select on city_order.in_hand_source to city_order_ingest, city_order_builder, city_order_analyst;
