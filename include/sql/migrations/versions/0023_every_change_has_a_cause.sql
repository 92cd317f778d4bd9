-- Each figure that a release changes has its cause: net quantities, amounts and kinds of need, too, and what follows from
-- a change of the models alone.

alter table city_order.release_change
drop constraint release_change_pkey,
drop constraint release_change_check,
drop constraint release_change_cause_check,
alter column agency_code drop not null,
add column net_before numeric,
add column net_after numeric,
add column amount_before_kopecks numeric,
add column amount_after_kopecks numeric,
add column other_kind_quantity numeric check (other_kind_quantity >= 0),
add constraint release_change_key unique nulls not distinct (release_id, product_id, unit, year, agency_code),
add constraint release_change_changes_something check (
    gross_before <> gross_after or net_before <> net_after
    or amount_before_kopecks is distinct from amount_after_kopecks or other_kind_quantity > 0
),
add constraint release_change_cause_check check (cause in (
    'new_submission', 'correction', 'withdrawal', 'changed_rule', 'changed_reference', 'changed_mapping', 'changed_unit',
    'double_counting', 'roll_back', 'changed_model'
)),
add constraint release_change_of_whom check ((agency_code is null) = (cause = 'changed_model'));
comment on table city_order.release_change is
'What a release changes against the one it replaces, agency by agency, and why: what of an agency''s answer counts. What
follows from changed models alone has no agency: it is of all those without a row of their own.
Grain: release_id, product_id, unit, year, agency_code.';
comment on column city_order.release_change.agency_code is
'The agency of whom something changed; empty where only the models did.';
comment on column city_order.release_change.cause is
'new_submission, correction or withdrawal (a nil return in place of an answer); of an answer that was judged anew,
changed_mapping (a line asks for another product) or changed_unit (its unit has other pieces); changed_rule or
changed_reference: nothing was sent, and it was judged anew, or is counted otherwise since the survey''s rule of double
counting or the city''s organisation changed; double_counting: of an answer that did not change, more or less is counted
since others changed theirs; changed_model; or roll_back.';
comment on column city_order.release_change.gross_before is
'Pieces of its answer in the release replaced, as these models count them; without an agency, of all others.';
comment on column city_order.release_change.gross_after is
'Pieces of its answer in this one; without an agency, of all others.';
comment on column city_order.release_change.net_before is
'The same less what it had in hand; empty in releases that are older than this column.';
comment on column city_order.release_change.net_after is
'The same in this one; empty in releases that are older than this column.';
comment on column city_order.release_change.amount_before_kopecks is
'What its lines with a price came to, VAT included; empty if there was none, and in older releases.';
comment on column city_order.release_change.amount_after_kopecks is
'What they come to; empty if there is none, and in older releases.';
comment on column city_order.release_change.other_kind_quantity is
'Pieces that it asked for with one kind of need, and asks for with another; empty in older releases.';

alter table city_order.release add column tells_every_change boolean not null default false;
alter table city_order.release alter column tells_every_change set default true;
comment on column city_order.release.tells_every_change is
'Whether its release_change adds up to all that order lines differ by; older releases tell gross quantities only.';

comment on column city_order.input_change.cause is
'new_submission; correction; withdrawal: a nil return in place of an answer; changed_rule or changed_reference: nothing was
sent, and what counts was judged anew, or what counted is refused; or roll_back.';

create or replace view city_order.release_change_named as
select
    change.release_id,
    release.survey_code,
    change.product_id,
    coalesce(product.product_name, before.product_name) as product_name,
    coalesce(product.part_number, before.part_number) as part_number,
    coalesce(product.manufacturer, before.manufacturer) as manufacturer,
    change.unit,
    change.year,
    change.agency_code,
    change.cause,
    change.gross_before,
    change.gross_after,
    change.net_before,
    change.net_after,
    change.amount_before_kopecks,
    change.amount_after_kopecks,
    change.other_kind_quantity
from city_order.release_change as change
inner join city_order.release using (release_id)
left join city_order.product
    on change.release_id = product.release_id and change.product_id = product.product_id
left join city_order.product as before
    on
        release.replaces_release_id = before.release_id and change.product_id = before.product_id
        and product.product_id is null;

-- Double counting is looked for further down, and in sums.
comment on column reference.survey.double_counting is
'What counts if an agency asks for the same as one below it, or as its direct subordinates in sum: child_counts or
both_count.';
comment on table city_order.double_counting_version is
'Products that an agency asks for in the same pieces, every year, as one below it does, or as all of its direct
subordinates do in sum; a row for each of those below.
Grain: release_id, product_id, agency_code, subordinate_code, year.';
comment on column city_order.double_counting_version.agency_code is 'The agency that repeats others.';
comment on column city_order.double_counting_version.subordinate_code is
'One below it, however far, that asks for the same; or a direct subordinate that asks for a part of it.';
comment on column city_order.double_counting_version.gross_quantity is
'Pieces that the one below asks for: all that the agency asks for, or its part of the sum.';
comment on column city_order.double_counting_version.handled is
'child_counts: the agency''s lines of the product are exclusions; both_count: they are listed here, and count.';
comment on view city_order.double_counting is
'Products that an agency asks for in the same pieces, every year, as one below it does, or as all of its direct
subordinates do in sum, and how the survey handles it; a row for each of those below.
Grain: release_id, product_id, agency_code, subordinate_code, year.';

create function reference.agencies_below(as_of_date date, load_no bigint)
returns table (agency_code text, subordinate_code text, is_direct boolean)
language plpgsql stable rows 1000 as $$
begin
    return query
    with recursive

    -- A version may be open still though another has followed it.
    kinship as (
        select distinct on (version.agency_code)
            version.agency_code as code,
            version.parent_code
        from reference.agency_version_as_loaded as version
        where
            version.from_load_no <= agencies_below.load_no
            and coalesce(version.until_load_no > agencies_below.load_no, true)
            and version.valid_from <= agencies_below.as_of_date
            and coalesce(version.valid_to >= agencies_below.as_of_date, true)
        order by version.agency_code asc, version.valid_from desc
    ),

    -- Each pair is found once, so a circle ends.
    descent as (
        select
            kinship.parent_code as above,
            kinship.code as below
        from kinship
        where kinship.parent_code is not null
        union
        select
            kinship.parent_code as above,
            descent.below
        from descent
        inner join kinship on descent.above = kinship.code
        where kinship.parent_code is not null
    )

    -- Of two in a circle neither is below the other. Joined: that goes in one go, however many rows are expected.
    select
        descent.above,
        descent.below,
        descent.above = kinship.parent_code
    from descent
    inner join kinship on descent.below = kinship.code
    left join descent as opposite on descent.below = opposite.above and descent.above = opposite.below
    where opposite.above is null;
end $$;
comment on function reference.agencies_below(date, bigint) is
'Who is below an agency, however far, as the city was organised on that day and as that load of the references said; and
whether directly. The planner takes it for the thousand rows that it may well be: the rows of a recursive query it
guesses to be a hundred times as many, and then goes through all lines.';
