-- A question about a release ends in one of four ways, and is asked in one run at a time; a release is held against rules.
alter table city_order.approval
drop constraint approval_decision_check,
drop constraint approval_check,
add column asked_in_run text,
add column expires_at timestamptz,
add constraint approval_decision_check check (decision in ('approved', 'declined', 'expired', 'overtaken')),
add constraint approval_decided_by_check
check ((decided_by is not null) = coalesce(decision in ('approved', 'declined'), false)),
add constraint approval_expires_at_check check ((asked_in_run is null) = (expires_at is null));
comment on table city_order.approval is
'Audited releases that change so much that a person decides whether they are published. Grain: release_id.';
comment on column city_order.approval.asked_in_run is
'The run of approve_release that asks; empty until one does.';
comment on column city_order.approval.expires_at is 'Until when that run waits for an answer.';
comment on column city_order.approval.decision is
'approved or declined by a person; expired: nobody answered in time; overtaken: a later release of the survey passed its
audit first. Empty while nobody has decided.';
comment on column city_order.approval.decided_by is 'Who approved or declined.';

drop trigger decided_once on city_order.approval;
create trigger decided_once before update on city_order.approval
for each row execute function city_order.refuse_second_thoughts(
    'decision', 'decided_by', 'decided_at', 'comment', 'asked_in_run', 'expires_at'
);

create view city_order.line_to_check as
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
    survey_year.year is not null or release.rolled_back_to_release_id is not null as is_asked_year
from city_order.release
inner join city_order.order_line_version as version using (release_id)
left join core.product
    on version.product_id = product.product_id
left join reference.survey_year
    on release.survey_code = survey_year.survey_code and version.year = survey_year.year
where release.release_id = nullif(current_setting('city_order.release', true), '')::bigint;
comment on view city_order.line_to_check is
'The order lines that a release sets anew, as its rules see them: of the release that the session names in
city_order.release. Grain: product_id, unit, year.';

create view city_order.total_to_check as
select
    unit,
    year,
    accepted_quantity,
    ordered_quantity,
    excluded_quantity
from city_order.release_total
where release_id = nullif(current_setting('city_order.release', true), '')::bigint;
comment on view city_order.total_to_check is
'What that release adds up to, as its rules see it. Grain: unit, year.';

grant select on city_order.line_to_check, city_order.total_to_check to city_order_builder, city_order_analyst;
