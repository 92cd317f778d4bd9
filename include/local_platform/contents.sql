-- What a warehouse holds, written by psql into contents.json of the current folder; with `-v dump=yes` also its dump,
-- warehouse.dump, of the same snapshot: what is written meanwhile is in neither. Connects as PGHOST, PGUSER … say.
-- Run so before a backup is kept, and again over what was restored from it: equal contents, equal warehouse.
\set ON_ERROR_STOP on
begin isolation level repeatable read read only;
-- Rows are compared as text, so their text must not depend on who asks.
set local timezone = 'UTC';
set local datestyle = 'ISO, YMD';
set local bytea_output = 'hex';
set local extra_float_digits = 1;

\if :{?dump}
select pg_export_snapshot() as snapshot \gset
\setenv CITY_ORDER_SNAPSHOT :snapshot
-- Not the rights to PostgreSQL's own functions, which only its superuser may give: provisioning does.
\! pg_dump --format=custom --exclude-schema=pg_catalog --snapshot="$CITY_ORDER_SNAPSHOT" --file=warehouse.dump
\if :SHELL_ERROR
do $$ begin raise exception 'pg_dump failed: see above'; end $$;
\endif
\endif

-- One SELECT a table, of whatever tables there are. Adding up digests makes the order of rows indifferent.
select
    string_agg(
        format(
            'select %L as name, count(*) as rows, '
            'coalesce(sum((''x'' || left(md5(whole_row::text), 16))::bit(64)::bigint::numeric), 0)::text as digest '
            'from %I.%I as whole_row',
            n.nspname || '.' || c.relname, n.nspname, c.relname
        ),
        ' union all '
        order by n.nspname collate "C", c.relname collate "C"
    ) as tables
from pg_class as c
inner join pg_namespace as n on n.oid = c.relnamespace
where c.relkind = 'r' and n.nspname <> 'information_schema' and n.nspname !~ '^pg_' \gset

\pset format unaligned
\pset tuples_only on
\o contents.json
select
    json_build_object(
        'taken_at', to_char(now(), 'YYYY-MM-DD"T"HH24MISS"Z"'),
        'schema_revision', (select version_num from public.alembic_version),
        'tables', (
            select json_object_agg(name, json_build_object('rows', rows, 'digest', digest) order by name) from (:tables) as t
        ),
        'published', (
            select coalesce(json_object_agg(release_id, release.figures_sha256 order by release_id), '{}')
            from city_order.published_release inner join city_order.release using (release_id)
        ),
        'archive', (
            select coalesce(json_agg(sha256 order by sha256), '[]') from (select distinct sha256 from landing.receipt) as t
        ),
        'answers', (
            -- Columns that an older schema has not are empty here.
            select coalesce(json_object_agg(file.path, file.sha256 order by file.path), '{}')
            from landing.receipt
            cross join lateral (
                values
                (answer_path, answer_sha256),
                (regexp_replace(answer_path, 'xlsx$', 'csv'), to_jsonb(receipt) ->> 'answer_csv_sha256'),
                (regexp_replace(answer_path, 'xlsx$', 'json'), to_jsonb(receipt) ->> 'answer_json_sha256')
            ) as file (path, sha256)
            where file.sha256 is not null
        )
    );
\o
commit;
