-- An answer is a workbook, a CSV and a JSON, and is made again only when its facts change.
alter table landing.receipt add column answer_facts_sha256 text;
alter table landing.receipt add column answer_csv_sha256 text;
alter table landing.receipt add column answer_json_sha256 text;
comment on column landing.receipt.answer_path is
'Where its workbook lies, below the outbox; the CSV and the JSON lie beside it under the same name.';
comment on column landing.receipt.answer_sha256 is 'SHA-256 of the workbook.';
comment on column landing.receipt.answer_facts_sha256 is
'SHA-256 of what the protocol was made from, and of the code that made it: it is made again only if that changed.';
comment on column landing.receipt.answer_csv_sha256 is 'SHA-256 of the CSV.';
comment on column landing.receipt.answer_json_sha256 is 'SHA-256 of the JSON.';
