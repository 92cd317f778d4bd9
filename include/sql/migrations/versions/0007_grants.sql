-- Who may do what: the owner migrates, ingest writes what arrived, the builder writes releases, the analyst reads.
revoke all on schema public from public;
grant usage on schema reference, landing, staging, quality, core to city_order_ingest;
grant select, insert, update, delete on all tables in schema reference, staging to city_order_ingest;
grant select, insert, update on all tables in schema landing, quality, core to city_order_ingest;
grant delete on quality.finding to city_order_ingest;
revoke update on core.demand_line, core.product from city_order_ingest;
grant usage on schema city_order to city_order_ingest;
grant select on city_order.release, city_order.published_release to city_order_ingest;

grant usage on schema reference, landing, quality, core, city_order to city_order_builder;
grant select on all tables in schema reference, quality, core, city_order to city_order_builder;
grant select on landing.receipt to city_order_builder;
grant insert, update, delete on all tables in schema city_order to city_order_builder;
revoke update, delete on
city_order.release_input, city_order.product, city_order.order_line, city_order.exclusion,
city_order.surplus, city_order.release_change from city_order_builder;
revoke delete on city_order.release, city_order.published_release from city_order_builder;

grant usage on schema reference, landing, quality, core, city_order to city_order_analyst;
grant select on all tables in schema reference, quality, core, city_order to city_order_analyst;
grant select on landing.receipt to city_order_analyst;
