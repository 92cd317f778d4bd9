-- A release also asks a person if its amounts change much; and a question ends when its release can be published no more.

alter table city_order.release
add column amount_kopecks numeric check (amount_kopecks >= 0 and amount_kopecks < 'Infinity'),
add column changed_amount_share numeric;
comment on column city_order.release.amount_kopecks is
'What its order lines with a price come to, VAT included, carried on from the one it replaces; empty in releases that are
older than this column.';
comment on column city_order.release.changed_amount_share is
'How far the amounts of order lines differ from those of the release it replaces, as a share of what that one came to;
empty if that one had no price.';

comment on column city_order.release.changed_gross_share is
'Pieces that differ from the release it replaces, over all years, asked for or left to be bought, whichever is more, as a
share of that one''s gross pieces.';
comment on column city_order.release.changed_lines_share is
'Order lines whose gross or net quantity differs from the release it replaces, as a share of that one''s.';

comment on column city_order.approval.decision is
'approved or declined by a person; expired: nobody answered in time; overtaken: what the release was built from, or would
have replaced, became another first. Empty while nobody has decided.';
comment on column reference.survey.approval_share is
'A release that changes more than this share of the last one, by pieces, order lines or amount, waits for a person; empty:
none does.';
