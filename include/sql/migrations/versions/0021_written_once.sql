-- The largest tables of a release are written at less cost.

-- Order lines are looked up by product, and written release after release: so one tree of keys serves both, where each
-- row was written into two. Rows of one release lie together, and a range of pages is enough to find them.
alter table city_order.order_line_version
drop constraint order_line_pkey,
add constraint order_line_pkey primary key (product_id, unit, year, release_id);
drop index city_order.order_line_version_by_product;
create index order_line_version_by_release on city_order.order_line_version
using brin (release_id) with (autosummarize = on);

alter table city_order.order_line_by_need_kind_version
drop constraint order_line_by_need_kind_version_pkey,
add constraint order_line_by_need_kind_version_pkey primary key (product_id, unit, year, need_kind, release_id);
drop index city_order.order_line_by_need_kind_version_by_product;
create index order_line_by_need_kind_version_by_release on city_order.order_line_by_need_kind_version
using brin (release_id) with (autosummarize = on);

-- A foreign key marks the row that it names: exclusions, spread over all agencies, wrote the demand lines almost whole
-- once more. A trigger looks up the release once a statement, and the audit of keys looks up the lines.
alter table city_order.exclusion_version
drop constraint exclusion_release_id_fkey,
drop constraint exclusion_submission_id_line_position_fkey,
drop constraint exclusion_version_until_release_id_fkey;
