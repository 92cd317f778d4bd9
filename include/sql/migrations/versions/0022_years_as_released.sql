-- A release keeps the years that it was asked for, how firm each was, and what its survey was called: whoever changes the
-- survey's file later changes none of what was published.

create table city_order.release_year (
    release_id bigint not null references city_order.release,
    year integer not null,
    certainty text not null check (certainty in ('funded', 'planned', 'indicative')),
    primary key (release_id, year)
);
comment on table city_order.release_year is
'The years of its survey when a release was built. Grain: release_id, year.';
comment on column city_order.release_year.release_id is 'The release.';
comment on column city_order.release_year.year is 'A calendar year of the survey''s horizon.';
comment on column city_order.release_year.certainty is 'How firm the year was: funded, planned or indicative.';

-- What was built before is taken to be of the years that its survey has now.
insert into city_order.release_year (release_id, year, certainty)
select
    release.release_id,
    survey_year.year,
    survey_year.certainty
from city_order.release
inner join reference.survey_year using (survey_code);

alter table city_order.release add column survey_title text;
comment on column city_order.release.survey_title is 'What its survey was called when it was built.';
alter table city_order.release disable trigger user;
update city_order.release set survey_title = survey.title
from reference.survey
where survey.survey_code = release.survey_code;
alter table city_order.release enable trigger user;

create or replace view city_order.current_order_line as
select
    release.survey_code,
    release.release_id,
    version.product_id,
    version.unit,
    version.year,
    version.gross_quantity,
    version.net_quantity,
    version.gross_energy_kwh,
    version.net_energy_kwh,
    version.amount_kopecks,
    version.priced_share,
    version.agencies,
    version.lines,
    product.product_name,
    product.part_number,
    product.manufacturer,
    product.okpd2_code,
    release_year.certainty,
    product.prices,
    product.price_lower_kopecks,
    product.price_median_kopecks,
    product.price_upper_kopecks,
    product.price_spread
from city_order.published_release
inner join city_order.release using (release_id)
inner join city_order.release as earlier
    on
        earlier.survey_code = release.survey_code
        and earlier.release_id between coalesce(release.whole_release_id, release.release_id) and release.release_id
        and earlier.status in ('published', 'superseded')
inner join city_order.order_line_version as version
    on earlier.release_id = version.release_id and version.until_release_id is null
-- A release that sets a product's order lines sets what it shows of the product, too.
inner join city_order.product_version as product
    on version.release_id = product.release_id and version.product_id = product.product_id
left join city_order.release_year
    on release.release_id = release_year.release_id and version.year = release_year.year;

create or replace view city_order.order_year as
with

-- A release of before years were kept may lack those of a survey whose file was gone, but its order has them.
horizon as (
    select
        published_release.survey_code,
        release_year.year
    from city_order.published_release
    inner join city_order.release_year using (release_id)
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
    release_year.certainty,
    row_number() over (
        partition by published_survey.programme, horizon.year
        order by
            published_survey.is_closed desc, published_survey.closes_date desc,
            horizon.survey_code collate "C" desc
    ) = 1 as is_current
from horizon
inner join city_order.published_survey using (survey_code)
left join city_order.release_year
    on published_survey.release_id = release_year.release_id and horizon.year = release_year.year;

create or replace view published.order_line as
select
    release.release_id,
    release.survey_code,
    version.product_id,
    version.unit,
    version.year,
    version.product_name,
    version.part_number,
    version.manufacturer,
    version.okpd2_code,
    version.okpd2_class,
    release_year.certainty,
    version.gross_quantity,
    version.gross_energy_kwh,
    version.agencies,
    version.release_id as since_release_id
from published.release
inner join published.order_line_version as version
    on
        release.survey_code = version.survey_code and release.release_id >= version.release_id
        and coalesce(release.release_id < version.until_release_id, true)
left join city_order.release_year
    on release.release_id = release_year.release_id and version.year = release_year.year;

create or replace view city_order.line_to_check as
select
    version.product_id,
    version.unit,
    version.year,
    version.gross_quantity,
    version.net_quantity,
    version.gross_energy_kwh,
    version.net_energy_kwh,
    version.amount_kopecks,
    version.priced_share,
    version.agencies,
    version.lines,
    product.voltage_v,
    product.capacity_ah,
    release_year.year is not null as is_asked_year
from city_order.release
inner join city_order.order_line_version as version using (release_id)
left join core.product
    on version.product_id = product.product_id
left join city_order.release_year
    on release.release_id = release_year.release_id and version.year = release_year.year
where release.release_id = nullif(current_setting('city_order.release', true), '')::bigint;

create trigger filled_as_draft after insert on city_order.release_year referencing new table as added
for each statement execute function city_order.refuse_rows_for_a_built_release();
create trigger drafts_only before update or delete on city_order.release_year
for each row execute function city_order.refuse_change_of_a_built_release();
create trigger of_the_same_rehearsal after insert on city_order.release_year referencing new table as added
for each statement when (session_user = 'city_order_ingest')
execute function city_order.refuse_rows_for_anothers_draft();

grant select on city_order.release_year to city_order_ingest, city_order_builder, city_order_analyst;
grant insert on city_order.release_year to city_order_ingest, city_order_builder;
