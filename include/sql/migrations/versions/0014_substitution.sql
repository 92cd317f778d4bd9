-- What of the order is imported, what could replace it, and what to replace first; and the order across surveys.

-- Judgements of engineers, and which countries are not import.

create table reference.domestic_country (
    country text primary key,
    source text not null,
    source_date date not null
);
comment on table reference.domestic_country is
'Countries whose manufacturers are domestic; those of every other country are import. Grain: country.';
comment on column reference.domestic_country.country is 'The country, as reference.manufacturer writes it.';
comment on column reference.domestic_country.source is 'Where the row comes from.';
comment on column reference.domestic_country.source_date is 'Date of the source.';

create table reference.domestic_analog (
    matching_key text not null,
    manufacturer_code text not null,
    analog_matching_key text not null,
    analog_manufacturer_code text not null,
    grade text not null check (grade in ('pin_compatible', 'functional', 'redesign')),
    reason text not null,
    proposed_by text not null,
    approved_by text,
    approved_date date,
    register_entry text,
    register_expiry_date date,
    source text not null,
    source_date date not null,
    primary key (matching_key, manufacturer_code, analog_matching_key, analog_manufacturer_code),
    foreign key (matching_key, manufacturer_code) references reference.part,
    foreign key (analog_matching_key, analog_manufacturer_code)
    references reference.part (matching_key, manufacturer_code),
    check ((approved_by is null) = (approved_date is null)),
    check (register_entry is not null or register_expiry_date is null)
);
comment on table reference.domestic_analog is
'Domestic parts that an engineer proposes in place of foreign ones: a judgement, and nobody''s duty until it is approved.
Grain: matching_key, manufacturer_code, analog_matching_key, analog_manufacturer_code.';
comment on column reference.domestic_analog.matching_key is 'The foreign part, as it is compared.';
comment on column reference.domestic_analog.manufacturer_code is 'Who makes it.';
comment on column reference.domestic_analog.analog_matching_key is 'The domestic part, as it is compared.';
comment on column reference.domestic_analog.analog_manufacturer_code is 'Who makes that.';
comment on column reference.domestic_analog.grade is
'pin_compatible: it goes into the same place on the board; functional: it does the same, in another package or
pinout; redesign: board or firmware must be made anew.';
comment on column reference.domestic_analog.reason is 'What the grade rests on, in Russian.';
comment on column reference.domestic_analog.proposed_by is 'Which body proposes it; never a person''s name.';
comment on column reference.domestic_analog.approved_by is 'Which body approved it; empty while it is a proposal.';
comment on column reference.domestic_analog.approved_date is 'When it did.';
comment on column reference.domestic_analog.register_entry is
'Its entry in the register of industrial products; proves where it is made, not that it fits or that there is enough.';
comment on column reference.domestic_analog.register_expiry_date is
'Last day on which the entry holds; empty if it does not expire.';
comment on column reference.domestic_analog.source is 'Where the row comes from.';
comment on column reference.domestic_analog.source_date is 'Date of the source.';

-- A battery's product has no manufacturer: only its lines say whose it is.

alter table core.demand_line add column stated_manufacturer_key text;
comment on column core.demand_line.stated_manufacturer_key is
'The stated manufacturer as it is compared; empty if none was.';
update core.demand_line
set stated_manufacturer_key = line.manufacturer_key
from staging.line
where
    line.receipt_no = demand_line.receipt_no and line.line_position = demand_line.line_position
    and line.manufacturer = demand_line.manufacturer and line.manufacturer_key is not null;
create index demand_line_that_names_an_analog on core.demand_line (submission_id) where domestic_analog is not null;

-- Across surveys.

create view city_order.published_survey as
select
    survey.programme,
    survey.survey_code,
    published_release.release_id,
    release.roster_agencies,
    release.answered_agencies,
    survey.closes_date,
    survey.closes_date < (now() at time zone 'Europe/Moscow')::date as is_closed,
    lag(survey.survey_code) over (
        partition by survey.programme
        order by survey.closes_date asc, survey.survey_code collate "C" asc
    ) as last_survey_code
from city_order.published_release
inner join city_order.release using (release_id)
inner join reference.survey on release.survey_code = survey.survey_code;
comment on view city_order.published_survey is
'Surveys that have a published order, how complete it is, and the survey of the same programme that closed last before.
Grain: survey_code.';

create view city_order.order_year as
with

-- A survey whose file is gone has no horizon any more, but its order has its years.
horizon as (
    select
        survey_code,
        year
    from reference.survey_year
    union
    select
        published_release.survey_code,
        release_total.year
    from city_order.published_release
    inner join city_order.release_total using (release_id)
    where release_total.ordered_quantity > 0
)

select
    published_survey.programme,
    horizon.survey_code,
    published_survey.release_id,
    horizon.year,
    survey_year.certainty,
    row_number() over (
        partition by published_survey.programme, horizon.year
        order by
            published_survey.is_closed desc, published_survey.closes_date desc,
            horizon.survey_code collate "C" desc
    ) = 1 as is_current
from horizon
inner join city_order.published_survey using (survey_code)
left join reference.survey_year using (survey_code, year);
comment on view city_order.order_year is
'Which years a survey''s published order speaks of, and for which of them it is the current order: that of the survey that
closed last and asked for the year. An open survey is not complete yet: it is current only for years of which no closed
one speaks. Grain: survey_code, year.';

create view city_order.current_order as
select
    spoken.programme,
    line.product_id,
    line.unit,
    line.year,
    line.survey_code,
    line.release_id,
    line.certainty,
    line.product_name,
    line.part_number,
    line.manufacturer,
    line.okpd2_code,
    line.gross_quantity,
    line.net_quantity,
    line.gross_energy_kwh,
    line.net_energy_kwh,
    line.amount_kopecks,
    line.priced_share,
    line.price_median_kopecks,
    line.agencies,
    line.lines
-- By survey, not by year: the lines of a survey are read once.
from (
    select
        programme,
        survey_code,
        array_agg(year) as years
    from city_order.order_year
    where is_current
    group by programme, survey_code
) as spoken
inner join city_order.current_order_line as line
    on spoken.survey_code = line.survey_code and line.year = any(spoken.years);
comment on view city_order.current_order is
'The order of the city over all programmes: for each year that of one survey, which survey_code names (see order_year).
Pieces and kWh stand side by side: never add one to the other. Grain: product_id, unit, year.';

create view city_order.common_year as
select
    survey.survey_code,
    survey.last_survey_code,
    array_agg(this_year.year) as years
from city_order.published_survey as survey
inner join city_order.order_year as this_year on survey.survey_code = this_year.survey_code
inner join city_order.order_year as last_year
    on survey.last_survey_code = last_year.survey_code and this_year.year = last_year.year
group by survey.survey_code, survey.last_survey_code;
comment on view city_order.common_year is
'The years of which a survey''s published order and that of the last survey of its programme both speak.
Grain: survey_code.';

create view city_order.survey_comparison as
with

figure as (
    select
        common_year.survey_code,
        common_year.last_survey_code,
        line.product_id,
        line.unit,
        line.year,
        0 as gross_before,
        line.gross_quantity as gross_after,
        0 as net_before,
        line.net_quantity as net_after,
        0 as agencies_before,
        line.agencies as agencies_after,
        null::numeric as price_median_before_kopecks,
        line.price_median_kopecks as price_median_after_kopecks
    from city_order.common_year
    inner join city_order.current_order_line as line
        on common_year.survey_code = line.survey_code and line.year = any(common_year.years)
    union all
    select
        common_year.survey_code,
        common_year.last_survey_code,
        line.product_id,
        line.unit,
        line.year,
        line.gross_quantity as gross_before,
        0 as gross_after,
        line.net_quantity as net_before,
        0 as net_after,
        line.agencies as agencies_before,
        0 as agencies_after,
        line.price_median_kopecks as price_median_before_kopecks,
        null::numeric as price_median_after_kopecks
    from city_order.common_year
    inner join city_order.current_order_line as line
        on common_year.last_survey_code = line.survey_code and line.year = any(common_year.years)
)

select
    survey_code,
    last_survey_code,
    product_id,
    unit,
    year,
    sum(gross_before) as gross_before,
    sum(gross_after) as gross_after,
    sum(net_before) as net_before,
    sum(net_after) as net_after,
    sum(agencies_before) as agencies_before,
    sum(agencies_after) as agencies_after,
    max(price_median_before_kopecks) as price_median_before_kopecks,
    max(price_median_after_kopecks) as price_median_after_kopecks
from figure
group by survey_code, last_survey_code, product_id, unit, year;
comment on view city_order.survey_comparison is
'A survey''s published order against that of the last survey of its programme, in the years of which both speak; 0 where
one of them has no order line. Grain: survey_code, product_id, unit, year.';

create view city_order.agency_order as
with

-- Only what has a way to pieces; grouped before the years are taken apart, which is several times cheaper.
asked as (
    select
        survey.programme,
        survey.survey_code,
        survey.release_id,
        input.agency_code,
        line.product_id,
        line.stated_manufacturer_key,
        sum(line.demand_2026 * line.pieces_per_unit) as gross_2026,
        sum(line.demand_2027 * line.pieces_per_unit) as gross_2027,
        sum(line.demand_2028 * line.pieces_per_unit) as gross_2028,
        sum(line.demand_2029 * line.pieces_per_unit) as gross_2029,
        sum(line.demand_2030 * line.pieces_per_unit) as gross_2030,
        sum(line.demand_2031 * line.pieces_per_unit) as gross_2031,
        sum(line.demand_2032 * line.pieces_per_unit) as gross_2032,
        sum(line.demand_2033 * line.pieces_per_unit) as gross_2033,
        sum(line.demand_2034 * line.pieces_per_unit) as gross_2034,
        sum(line.demand_2035 * line.pieces_per_unit) as gross_2035
    from city_order.published_survey as survey
    cross join lateral city_order.inputs_of(survey.release_id) as input
    inner join core.demand_line as line on input.submission_id = line.submission_id
    where line.pieces_per_unit is not null
    group by
        survey.programme, survey.survey_code, survey.release_id, input.agency_code, line.product_id,
        line.stated_manufacturer_key
)

select
    asked.programme,
    asked.survey_code,
    asked.release_id,
    asked.agency_code,
    asked.product_id,
    asked.stated_manufacturer_key,
    '796' as unit,
    need.year,
    need.gross_quantity
from asked
cross join lateral (
    values
    (2026, asked.gross_2026), (2027, asked.gross_2027), (2028, asked.gross_2028),
    (2029, asked.gross_2029), (2030, asked.gross_2030), (2031, asked.gross_2031),
    (2032, asked.gross_2032), (2033, asked.gross_2033), (2034, asked.gross_2034),
    (2035, asked.gross_2035)
) as need (year, gross_quantity)
where need.gross_quantity > 0;
comment on view city_order.agency_order is
'What each agency asks for in the published orders, in pieces; also what its subordinate asks for, too, and what is
therefore left out of the order. Grain: survey_code, agency_code, product_id, stated_manufacturer_key, year.';

create view city_order.survey_comparison_by_agency as
with

figure as (
    select
        common_year.survey_code,
        common_year.last_survey_code,
        asked.agency_code,
        asked.product_id,
        asked.unit,
        asked.year,
        0 as gross_before,
        asked.gross_quantity as gross_after
    from city_order.common_year
    inner join city_order.agency_order as asked
        on common_year.survey_code = asked.survey_code and asked.year = any(common_year.years)
    union all
    select
        common_year.survey_code,
        common_year.last_survey_code,
        asked.agency_code,
        asked.product_id,
        asked.unit,
        asked.year,
        asked.gross_quantity as gross_before,
        0 as gross_after
    from city_order.common_year
    inner join city_order.agency_order as asked
        on common_year.last_survey_code = asked.survey_code and asked.year = any(common_year.years)
),

summed as (
    select
        survey_code,
        last_survey_code,
        agency_code,
        product_id,
        unit,
        year,
        sum(gross_before) as gross_before,
        sum(gross_after) as gross_after
    from figure
    group by survey_code, last_survey_code, agency_code, product_id, unit, year
),

answer as (
    select
        published_survey.survey_code,
        input.agency_code
    from city_order.published_survey
    cross join lateral city_order.inputs_of(published_survey.release_id) as input
)

-- Who has not answered does not need nothing: nobody knows what they need.
select
    summed.survey_code,
    summed.last_survey_code,
    summed.agency_code,
    summed.product_id,
    summed.unit,
    summed.year,
    case when answer_before.agency_code is not null then summed.gross_before end as gross_before,
    case when answer_after.agency_code is not null then summed.gross_after end as gross_after
from summed
left join answer as answer_before
    on summed.last_survey_code = answer_before.survey_code and summed.agency_code = answer_before.agency_code
left join answer as answer_after
    on summed.survey_code = answer_after.survey_code and summed.agency_code = answer_after.agency_code;
comment on view city_order.survey_comparison_by_agency is
'What an agency asks for in a survey against what it asked for in the last one of its programme, in the years of which
both speak, counted or not: 0 if it answered and did not ask, empty if it did not answer.
Grain: survey_code, agency_code, product_id, unit, year.';

-- What is imported, and what could replace it.

create view city_order.product_supply as
with

-- A part is its manufacturer's; of a battery only the lines say whose it is.
asked as (
    select
        ordered.product_id,
        product.manufacturer_code,
        product.manufacturer_key,
        sum(ordered.gross_quantity) as gross_quantity
    from city_order.current_order as ordered
    inner join core.product using (product_id)
    where ordered.programme <> 'battery' and ordered.unit = '796'
    group by ordered.product_id, product.manufacturer_code, product.manufacturer_key
    union all
    select
        asked.product_id,
        stated.manufacturer_code,
        case when stated.manufacturer_code is null then asked.stated_manufacturer_key end as manufacturer_key,
        sum(asked.gross_quantity) as gross_quantity
    from city_order.agency_order as asked
    inner join city_order.order_year
        on asked.survey_code = order_year.survey_code and asked.year = order_year.year and order_year.is_current
    left join city_order.double_counting as twice
        on
            asked.release_id = twice.release_id and asked.product_id = twice.product_id
            and asked.agency_code = twice.agency_code and asked.year = twice.year and twice.handled = 'child_counts'
    left join reference.manufacturer_alias as stated
        on asked.stated_manufacturer_key = stated.manufacturer_key
    where asked.programme = 'battery' and twice.product_id is null
    group by
        asked.product_id, stated.manufacturer_code,
        case when stated.manufacturer_code is null then asked.stated_manufacturer_key end
)

select
    asked.product_id,
    asked.manufacturer_code,
    asked.manufacturer_key,
    manufacturer.country,
    case
        when manufacturer.country is not null
            then exists (
                select 1 from reference.domestic_country
                where domestic_country.country = manufacturer.country
            )
    end as is_domestic,
    asked.gross_quantity
from asked
left join reference.manufacturer using (manufacturer_code);
comment on view city_order.product_supply is
'Whose pieces the current order asks for: of a part its manufacturer, of a battery the manufacturers that its lines state.
Both of manufacturer_code and manufacturer_key are empty for pieces of which nobody said whose; is_domestic is empty
unless we know the manufacturer. Grain: product_id, manufacturer_code, manufacturer_key.';

create view city_order.analog_candidate as
select
    product.product_id,
    part.part_number,
    manufacturer.name as manufacturer,
    analog_product.product_id as analog_product_id,
    analog_part.part_number as analog_part_number,
    analog_manufacturer.name as analog_manufacturer,
    analog_manufacturer.country as analog_country,
    analog.grade,
    case when analog.approved_date is null then 'proposed' else 'approved' end as status,
    analog.reason,
    analog.proposed_by,
    analog.approved_by,
    analog.approved_date,
    analog.register_entry,
    analog.register_expiry_date,
    case
        when analog.register_entry is null then 'none'
        when analog.register_expiry_date < (now() at time zone 'Europe/Moscow')::date then 'expired'
        else 'valid'
    end as register_status,
    analog.source,
    analog.source_date
from core.product
inner join reference.domestic_analog as analog
    on
        product.matching_key = analog.matching_key
        and (
            product.manufacturer_code = analog.manufacturer_code
            -- Nobody said whose part it is: an analog of any of them is a candidate.
            or product.manufacturer_code is null and product.manufacturer_key is null
        )
inner join reference.part
    on analog.matching_key = part.matching_key and analog.manufacturer_code = part.manufacturer_code
inner join reference.manufacturer on analog.manufacturer_code = manufacturer.manufacturer_code
inner join reference.part as analog_part
    on
        analog.analog_matching_key = analog_part.matching_key
        and analog.analog_manufacturer_code = analog_part.manufacturer_code
inner join reference.manufacturer as analog_manufacturer
    on analog.analog_manufacturer_code = analog_manufacturer.manufacturer_code
left join core.product as analog_product
    on
        analog.analog_matching_key = analog_product.matching_key
        and analog.analog_manufacturer_code = analog_product.manufacturer_code;
comment on view city_order.analog_candidate is
'Domestic parts that could replace a product, in the judgement of engineers: proposed or approved, and whether the entry
in the register of industrial products holds today (none, valid, expired). part_number and manufacturer are the part that
was judged; analog_product_id is filled if somebody has asked for the analog, too.
Grain: product_id, manufacturer, analog_part_number, analog_manufacturer.';

create view city_order.named_analog as
select
    published_release.survey_code,
    demand_line.product_id,
    demand_line.domestic_analog,
    count(distinct release_input.agency_code) as agencies,
    count(*) as lines
from city_order.published_release
inner join city_order.release_input using (release_id)
inner join core.demand_line using (submission_id)
where demand_line.domestic_analog is not null
group by published_release.survey_code, demand_line.product_id, demand_line.domestic_analog;
comment on view city_order.named_analog is
'Domestic analogs that agencies name themselves, as typed: hints for whoever proposes, judged by nobody.
Grain: survey_code, product_id, domestic_analog.';

create view city_order.criticality as
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
        sum(gross_quantity * price_median_kopecks) as value_kopecks,
        max(agencies) as agencies
    from city_order.current_order
    where unit = '796'
    group by programme, product_id
),

supply as (
    select
        product.*,
        left(product.okpd2_code, 8) as okpd2_class,
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
        round(
            sum(supplied_kopecks * maker_kopecks) over (partition by programme, okpd2_class)
            / nullif(class_kopecks * class_kopecks, 0), 4
        ) as hhi
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
agencies: the most that ask in one year.
import_share: of the pieces whose manufacturer we know, the share made by manufacturers of a foreign country (see
product_supply; a manufacturer''s country decides, not the country that a line states); origin_known_share: of how many
pieces we know it.
hhi: the Herfindahl-Hirschman index of the product''s OKPD2 class (okpd2_class: its first three levels, as 26.11.30) in
the current order of the programme: the sum of squares of manufacturers'' shares of the class''s value, from near 0 (many)
to 1 (one). Pieces of which nobody said whose they are take no part; a manufacturer that we do not know counts as one.
score is empty if there is no price, or if no manufacturer is known; place is empty unless the score is above 0.';

grant select, insert, update, delete on reference.domestic_country, reference.domestic_analog to city_order_ingest;
grant select on reference.domestic_country, reference.domestic_analog to city_order_builder, city_order_analyst;
grant select on
city_order.published_survey, city_order.order_year, city_order.current_order, city_order.common_year,
city_order.survey_comparison, city_order.agency_order, city_order.survey_comparison_by_agency,
city_order.product_supply, city_order.analog_candidate, city_order.named_analog, city_order.criticality
to city_order_builder, city_order_analyst;
