-- Replays: answers of a survey that a person had judged again, why, and how each receipt ended before and after.

create table core.replay (
    replay_id bigint generated always as identity primary key,
    run_key text not null unique,
    survey_code text not null,
    agencies text[] not null,
    with_history boolean not null,
    requested_by text not null check (trim(requested_by) <> ''),
    reason text not null check (trim(reason) <> ''),
    began_at timestamptz not null default now(),
    ended_at timestamptz,
    rules_version text,
    reference_version text,
    check ((ended_at is null) = (rules_version is null) and (ended_at is null) = (reference_version is null))
);
comment on table core.replay is
'Replays: a person had archived answers of a survey judged again by the rules and references of that day.
Grain: replay_id.';
comment on column core.replay.replay_id is 'Number of the replay.';
comment on column core.replay.run_key is 'The run of replay_survey that did it.';
comment on column core.replay.survey_code is 'The survey. No key: a replay may be what makes the survey known.';
comment on column core.replay.agencies is 'The agencies that were asked for; empty: all.';
comment on column core.replay.with_history is 'Whether revisions that were superseded before were judged again, too.';
comment on column core.replay.requested_by is 'Who started it.';
comment on column core.replay.reason is 'Why.';
comment on column core.replay.began_at is 'When it was started.';
comment on column core.replay.ended_at is 'When its receipts had their verdicts, the last time; empty until then.';
comment on column core.replay.rules_version is 'The rules that it judged by.';
comment on column core.replay.reference_version is 'The references that it judged by.';

create table core.replayed_receipt (
    replay_id bigint not null references core.replay,
    receipt_no bigint not null references landing.receipt,
    is_read_again boolean not null,
    verdict_before text,
    verdict_after text,
    lines_accepted_before integer not null,
    lines_accepted_after integer,
    submission_before bigint references core.submission,
    submission_after bigint references core.submission,
    findings_before jsonb not null,
    findings_after jsonb,
    primary key (replay_id, receipt_no)
);
comment on table core.replayed_receipt is
'How each receipt of the agencies of a replay ended before and after it; those that were not read again may have begun
or ceased to stand. Grain: replay_id, receipt_no.';
comment on column core.replayed_receipt.replay_id is 'The replay.';
comment on column core.replayed_receipt.receipt_no is 'The receipt.';
comment on column core.replayed_receipt.is_read_again is
'Whether it was read and judged again: it stood, or came after the one that stood, or all history was asked for.';
comment on column core.replayed_receipt.verdict_before is 'Its verdict when the replay began.';
comment on column core.replayed_receipt.verdict_after is 'Its verdict when the replay ended.';
comment on column core.replayed_receipt.lines_accepted_before is 'Lines accepted and counted, when the replay began.';
comment on column core.replayed_receipt.lines_accepted_after is 'Lines accepted and counted, when the replay ended.';
comment on column core.replayed_receipt.submission_before is 'Its submission, if it stood when the replay began.';
comment on column core.replayed_receipt.submission_after is 'Its submission, if it stood when the replay ended.';
comment on column core.replayed_receipt.findings_before is 'Its findings by rule, counted, when the replay began.';
comment on column core.replayed_receipt.findings_after is 'Its findings by rule, counted, when the replay ended.';

grant select, insert, update on core.replay, core.replayed_receipt to city_order_ingest;
grant select on core.replay, core.replayed_receipt to city_order_builder, city_order_analyst;

-- A dry run shows the draft that would come of it: so ingest, who judges and loads, may draft a release in a transaction
-- that it rolls back. It cannot commit one, nor add to a draft of the builder.

create function city_order.refuse_to_keep_a_rehearsal() returns trigger
language plpgsql as $$
begin
    raise exception '% only rehearses releases: nothing of this is kept', session_user
        using hint = 'The builder builds releases.';
end $$;
comment on function city_order.refuse_to_keep_a_rehearsal() is
'Fails a transaction of ingest that would commit a release, or a change of one.';

create function city_order.refuse_rows_for_anothers_draft() returns trigger
language plpgsql as $$
begin
    -- A release of this transaction was built when the transaction began.
    if exists (
        select 1
        from added
        inner join city_order.release using (release_id)
        where release.built_at <> now()
    ) then
        raise exception '% adds rows to a release that it did not begin', session_user
            using hint = 'The builder builds releases.';
    end if;
    return null;
end $$;
comment on function city_order.refuse_rows_for_anothers_draft() is
'Keeps ingest, which rehearses releases, from adding to those of the builder.';

create constraint trigger never_kept after insert or update on city_order.release
deferrable initially deferred for each row
when (session_user = 'city_order_ingest') execute function city_order.refuse_to_keep_a_rehearsal();
create constraint trigger never_kept after insert on city_order.submission_total
deferrable initially deferred for each row
when (session_user = 'city_order_ingest') execute function city_order.refuse_to_keep_a_rehearsal();

do $$
declare
    relation text;
begin
    foreach relation in array array[
        'input_change', 'touched_product', 'release_total', 'release_change',
        'release_input_version', 'product_version', 'order_line_version', 'order_line_by_need_kind_version',
        'exclusion_version', 'surplus_version', 'double_counting_version'
    ] loop
        execute format(
            'create trigger of_the_same_rehearsal after insert on city_order.%I referencing new table as added'
            ' for each statement when (session_user = ''city_order_ingest'')'
            ' execute function city_order.refuse_rows_for_anothers_draft()', relation
        );
        execute format('grant insert on city_order.%I to city_order_ingest', relation);
    end loop;
end $$;
grant select on all tables in schema city_order to city_order_ingest;
grant insert, update on city_order.release to city_order_ingest;
grant insert on city_order.submission_total to city_order_ingest;
