-- Who decided that names mean one part, what makes the orderable part, and names that a person should look at.
alter table reference.part_alias add column decided_by text, add column decided_date date;
comment on column reference.part_alias.decided_by is 'The body that decided it.';
comment on column reference.part_alias.decided_date is 'When it decided.';

alter table reference.manufacturer_alias add column decided_by text, add column decided_date date;
comment on column reference.manufacturer_alias.decided_by is 'The body that decided it.';
comment on column reference.manufacturer_alias.decided_date is 'When it decided.';

alter table reference.part
add column base_key text,
add column base_part text,
add column package text,
add column temperature_min_c integer,
add column temperature_max_c integer,
add column acceptance text,
add constraint part_base_check check ((base_key is null) = (base_part is null)),
add constraint part_temperature_check check (temperature_min_c < temperature_max_c);
comment on column reference.part.part_number is
'The part number as its maker writes it: of the orderable part, which is what a product is.';
comment on column reference.part.base_key is 'The base part as it is compared.';
comment on column reference.part.base_part is
'The part without what only an order needs: package, temperature range, acceptance. Empty if nobody has said it.';
comment on column reference.part.package is 'The package that the orderable part comes in; empty if nobody has said it.';
comment on column reference.part.temperature_min_c is 'Lowest operating temperature, in degrees Celsius; empty if not said.';
comment on column reference.part.temperature_max_c is 'Highest operating temperature, in degrees Celsius; empty if not said.';
comment on column reference.part.acceptance is 'How the orderable part is accepted (приёмка); empty if nobody has said it.';

create table reference.rejected_alias (
    alias_key text not null,
    matching_key text not null,
    manufacturer_code text not null,
    alias text not null,
    part_number text,
    reason text not null,
    decided_by text not null,
    decided_date date not null,
    source text not null,
    source_date date not null,
    primary key (alias_key, matching_key, manufacturer_code)
);
comment on table reference.rejected_alias is
'Names that look like a part''s or a manufacturer''s and are none of its: not proposed again. No answer is judged by it.
Grain: alias_key, matching_key, manufacturer_code.';
comment on column reference.rejected_alias.alias_key is 'The name as it is compared.';
comment on column reference.rejected_alias.matching_key is
'The part that it is not, as it is compared; blank if it is about the manufacturer.';
comment on column reference.rejected_alias.manufacturer_code is
'The maker of that part, or the manufacturer that it is not; blank if nobody said whose the part is.';
comment on column reference.rejected_alias.alias is 'The name as it is written.';
comment on column reference.rejected_alias.part_number is 'The part as it is written; empty if it is about the manufacturer.';
comment on column reference.rejected_alias.reason is 'Why it is none.';
comment on column reference.rejected_alias.decided_by is 'The body that decided it.';
comment on column reference.rejected_alias.decided_date is 'When it decided.';
comment on column reference.rejected_alias.source is 'Where the row comes from.';
comment on column reference.rejected_alias.source_date is 'Date of the source.';

create table core.compared_name (
    kind text not null check (kind in ('part', 'manufacturer')),
    typed_key text not null,
    typed_manufacturer_code text not null,
    typed_name text not null,
    known_version text not null,
    compared_at timestamptz not null default now(),
    primary key (kind, typed_key, typed_manufacturer_code)
);
comment on table core.compared_name is
'Names that the reference does not know and that were compared with those that it knows: none is compared twice with the
same. Grain: kind, typed_key, typed_manufacturer_code.';
comment on column core.compared_name.kind is 'part: a part number; manufacturer: a manufacturer''s name.';
comment on column core.compared_name.typed_key is 'The name as it is compared.';
comment on column core.compared_name.typed_manufacturer_code is
'Of a part number, the manufacturer stated beside it; blank if none was stated.';
comment on column core.compared_name.typed_name is 'The spelling that most lines used when it was compared.';
comment on column core.compared_name.known_version is 'Digest of the known names, and of how they are compared.';
comment on column core.compared_name.compared_at is 'When.';

create table core.alias_candidate (
    kind text not null check (kind in ('part', 'manufacturer')),
    typed_key text not null,
    typed_manufacturer_code text not null,
    known_key text not null,
    known_manufacturer_code text not null,
    in_reference boolean not null,
    known_name text not null,
    score integer not null check (score between 0 and 100),
    reason text not null,
    first_seen_at timestamptz not null default now(),
    primary key (kind, typed_key, typed_manufacturer_code, known_key, known_manufacturer_code)
);
create index alias_candidate_by_known on core.alias_candidate (known_key);
comment on table core.alias_candidate is
'What each compared name looks like, whether anybody asks for it now or not: see alias_proposal.
Grain: kind, typed_key, typed_manufacturer_code, known_key, known_manufacturer_code.';
comment on column core.alias_candidate.kind is 'part: a part number; manufacturer: a manufacturer''s name.';
comment on column core.alias_candidate.typed_key is 'The name that nobody knows, as it is compared.';
comment on column core.alias_candidate.typed_manufacturer_code is
'Of a part number, the manufacturer stated beside it; blank if none was stated.';
comment on column core.alias_candidate.known_key is 'The name that it looks like, as it is compared.';
comment on column core.alias_candidate.known_manufacturer_code is
'Who makes the part that it looks like, or the manufacturer it looks like; blank if nobody said who makes it.';
comment on column core.alias_candidate.in_reference is
'Whether the reference has it; if not, it is another part number that only answers name.';
comment on column core.alias_candidate.known_name is 'The name that it looks like, as the reference or an answer writes it.';
comment on column core.alias_candidate.score is 'How much they look alike, 0 to 100: it orders, and decides nothing.';
comment on column core.alias_candidate.reason is 'In what they differ, in words.';
comment on column core.alias_candidate.first_seen_at is 'When it was first seen.';

create view core.unknown_name as
select
    'part' as kind,
    product.matching_key as typed_key,
    coalesce(product.manufacturer_code, '') as typed_manufacturer_code
from core.product
where
    product.matching_key is not null and product.manufacturer_key is null
    and not exists (
        select 1 from reference.part
        where
            part.matching_key = product.matching_key
            and part.manufacturer_code = coalesce(product.manufacturer_code, part.manufacturer_code)
    )
    and not exists (
        select 1 from reference.part_alias
        where
            part_alias.alias_key = product.matching_key
            and part_alias.manufacturer_code = coalesce(product.manufacturer_code, part_alias.manufacturer_code)
    )
union
select
    'manufacturer' as kind,
    product.manufacturer_key as typed_key,
    '' as typed_manufacturer_code
from core.product
where
    product.manufacturer_key is not null
    and not exists (
        select 1 from reference.manufacturer_alias
        where manufacturer_alias.manufacturer_key = product.manufacturer_key
    );
comment on view core.unknown_name is
'Names in products that neither the reference nor an alias knows. A part number counts once its manufacturer is known, or
not stated. Grain: kind, typed_key, typed_manufacturer_code.';

create view core.alias_proposal as
with

open_candidate as (
    select
        candidate.*,
        compared_name.typed_name
    from core.alias_candidate as candidate
    inner join core.compared_name using (kind, typed_key, typed_manufacturer_code)
    inner join core.unknown_name using (kind, typed_key, typed_manufacturer_code)
    where
        not exists (
            select 1 from reference.rejected_alias as rejected
            where
                rejected.alias_key = candidate.typed_key
                and rejected.matching_key = case when candidate.kind = 'part' then candidate.known_key else '' end
                and rejected.manufacturer_code = candidate.known_manufacturer_code
        )
),

-- The products that a name is in.
named as (
    select
        open_candidate.kind,
        open_candidate.typed_key,
        open_candidate.typed_manufacturer_code,
        product.product_id
    from open_candidate
    inner join core.product
        on
            open_candidate.typed_key = product.matching_key
            and open_candidate.typed_manufacturer_code = coalesce(product.manufacturer_code, '')
            and product.manufacturer_key is null
    where open_candidate.kind = 'part'
    union
    select
        open_candidate.kind,
        open_candidate.typed_key,
        open_candidate.typed_manufacturer_code,
        product.product_id
    from open_candidate
    inner join core.product on open_candidate.typed_key = product.manufacturer_key
    where open_candidate.kind = 'manufacturer'
),

stake as (
    select
        submission.survey_code,
        named.kind,
        named.typed_key,
        named.typed_manufacturer_code,
        array_agg(distinct submission.agency_code order by submission.agency_code) as agencies,
        array_agg(distinct line.receipt_no order by line.receipt_no) as receipts,
        count(*) as lines,
        sum(line.pieces_per_unit * (
            coalesce(line.demand_2026, 0) + coalesce(line.demand_2027, 0) + coalesce(line.demand_2028, 0)
            + coalesce(line.demand_2029, 0) + coalesce(line.demand_2030, 0) + coalesce(line.demand_2031, 0)
            + coalesce(line.demand_2032, 0) + coalesce(line.demand_2033, 0) + coalesce(line.demand_2034, 0)
            + coalesce(line.demand_2035, 0)
        )) as pieces
    from named
    inner join core.demand_line as line using (product_id)
    inner join core.submission using (submission_id)
    where submission.superseded_by is null and submission.withdrawn_at is null
    group by submission.survey_code, named.kind, named.typed_key, named.typed_manufacturer_code
)

select
    stake.survey_code,
    open_candidate.kind,
    open_candidate.typed_name,
    open_candidate.typed_key,
    open_candidate.typed_manufacturer_code,
    open_candidate.known_name,
    open_candidate.known_key,
    open_candidate.known_manufacturer_code,
    open_candidate.in_reference,
    open_candidate.score,
    open_candidate.reason,
    stake.agencies,
    stake.receipts,
    stake.lines,
    coalesce(stake.pieces, 0) as pieces,
    open_candidate.first_seen_at
from open_candidate
inner join stake using (kind, typed_key, typed_manufacturer_code)
where
    open_candidate.in_reference
    -- The other of two names that only answers know is still asked for, and still unknown.
    or exists (
        select 1
        from core.unknown_name as other
        inner join core.product
            on
                other.typed_key = product.matching_key
                and other.typed_manufacturer_code = coalesce(product.manufacturer_code, '')
                and product.manufacturer_key is null
        inner join core.demand_line using (product_id)
        inner join core.submission using (submission_id)
        where
            other.kind = 'part' and other.typed_key = open_candidate.known_key
            and other.typed_manufacturer_code = open_candidate.known_manufacturer_code
            and submission.survey_code = stake.survey_code
            and submission.superseded_by is null and submission.withdrawn_at is null
    );
comment on view core.alias_proposal is
'Names in standing demand lines that nobody knows, beside one that they look like: a person decides, nothing is merged.
agencies, receipts, lines and pieces (all years) are what stands under the name now in the survey; a proposal that was
accepted or rejected in the reference files is here no more.
Grain: survey_code, kind, typed_key, typed_manufacturer_code, known_key, known_manufacturer_code.';

create view city_order.order_by_base_part as
with

base_of_part as (
    select
        matching_key,
        manufacturer_code,
        base_key
    from reference.part
    where base_key is not null
    union
    -- Who states the base part alone asks for it, too.
    select
        base_key as matching_key,
        manufacturer_code,
        base_key
    from reference.part
    where base_key is not null
),

base as (
    select
        base_key,
        manufacturer_code,
        min(base_part) as base_part
    from reference.part
    where base_key is not null
    group by base_key, manufacturer_code
)

select
    ordered.survey_code,
    ordered.release_id,
    base.base_part,
    manufacturer.name as manufacturer,
    ordered.unit,
    ordered.year,
    ordered.certainty,
    sum(ordered.gross_quantity) as gross_quantity,
    sum(ordered.net_quantity) as net_quantity,
    array_agg(ordered.part_number order by ordered.part_number collate "C") as part_numbers
from city_order.current_order_line as ordered
inner join core.product using (product_id)
inner join base_of_part
    on product.matching_key = base_of_part.matching_key and product.manufacturer_code = base_of_part.manufacturer_code
inner join base on base_of_part.base_key = base.base_key and base_of_part.manufacturer_code = base.manufacturer_code
inner join reference.manufacturer on base.manufacturer_code = manufacturer.manufacturer_code
group by
    ordered.survey_code, ordered.release_id, base.base_part, manufacturer.name, ordered.unit, ordered.year,
    ordered.certainty;
comment on view city_order.order_by_base_part is
'The published order by base part: what is ordered in several packages, temperature ranges and acceptances, added up, with
the orderable parts that it is ordered as. Only parts of which the reference says the base part; what a product is, and a
release, does not depend on it. Grain: survey_code, base_part, manufacturer, unit, year.';

grant select, insert, update, delete on
reference.rejected_alias, core.compared_name, core.alias_candidate to city_order_ingest;
grant select on core.unknown_name, core.alias_proposal to city_order_ingest;
grant select on
reference.rejected_alias, core.compared_name, core.alias_candidate, core.unknown_name, core.alias_proposal,
city_order.order_by_base_part
to city_order_builder, city_order_analyst;
