-- What arrived: each drop once, as a receipt.
create schema landing;
comment on schema landing is 'What arrived: each drop is archived once and registered as a receipt.';

create table landing.scan (
    scan_id bigint generated always as identity primary key,
    started_at timestamptz not null,
    finished_at timestamptz not null,
    drops_received integer not null check (drops_received >= 0)
);
comment on table landing.scan is
'Finished looks into the inbox: an arrival lies between the last one and now. Grain: scan_id.';
comment on column landing.scan.scan_id is 'Number of the look.';
comment on column landing.scan.started_at is 'When it began to look.';
comment on column landing.scan.finished_at is 'When all that it saw was archived and registered.';
comment on column landing.scan.drops_received is 'How many new receipts it made.';

create table landing.receipt (
    receipt_no bigint generated always as identity primary key,
    drop_key text not null unique,
    survey_code text,
    agency_code text,
    drop_date date not null,
    original_path text not null,
    sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
    size_bytes bigint not null check (size_bytes >= 0),
    modified_ns numeric(20, 0) not null,
    arrived_at timestamptz not null,
    received_at timestamptz not null default now(),
    verdict text check (verdict in (
        'quarantined', 'rejected', 'duplicate', 'partly_accepted', 'accepted_with_warnings', 'accepted'
    )),
    reason text not null default '',
    repeats_submission_id bigint,
    lines_delivered integer not null default 0 check (lines_delivered >= 0),
    lines_accepted integer not null default 0 check (lines_accepted >= 0),
    lines_rejected integer not null default 0 check (lines_rejected >= 0),
    lines_superseded integer not null default 0 check (lines_superseded >= 0),
    lines_duplicate integer not null default 0 check (lines_duplicate >= 0),
    judged_at timestamptz,
    answered_at timestamptz,
    answer_path text,
    answer_sha256 text,
    check (lines_delivered = lines_accepted + lines_rejected + lines_superseded + lines_duplicate),
    check ((verdict = 'duplicate') = (repeats_submission_id is not null) or verdict is null)
);
create index receipt_by_date on landing.receipt (drop_date);
create index receipt_without_verdict on landing.receipt (receipt_no) where verdict is null;
create index receipt_without_answer on landing.receipt (receipt_no) where answered_at is null;
-- The path, which comes next in the receipts' order, is left out: an index row has a limit, a path from outside has none.
create index receipt_in_order on landing.receipt (survey_code, agency_code, drop_date, modified_ns);
comment on table landing.receipt is
'A drop, archived and registered. Each ends in one verdict, and its agency gets an answer. Grain: receipt_no.';
comment on column landing.receipt.receipt_no is 'Number of the receipt, which the agency is told.';
comment on column landing.receipt.drop_key is
'SHA-256 of path, size and modification time in ns: the same triple is received once.';
comment on column landing.receipt.survey_code is 'Survey folder that the drop lay in; it may name no survey. Empty if misplaced.';
comment on column landing.receipt.agency_code is 'Agency folder that the drop lay in; it may name no agency. Empty if misplaced.';
comment on column landing.receipt.drop_date is 'Moscow date of the arrival less one hour: the night begins at 01:00.';
comment on column landing.receipt.original_path is 'Path below the inbox, personal data masked.';
comment on column landing.receipt.sha256 is 'SHA-256 of the bytes, which names them in the archive.';
comment on column landing.receipt.size_bytes is 'Size of the drop, in bytes.';
comment on column landing.receipt.modified_ns is 'Modification time of the drop, in nanoseconds of the Unix epoch.';
comment on column landing.receipt.arrived_at is
'The modification time if it lies between the last scan and this one, otherwise when it was seen.';
comment on column landing.receipt.received_at is 'When it was registered.';
comment on column landing.receipt.verdict is 'How it ended; empty until it is judged and loaded.';
comment on column landing.receipt.reason is 'Why, in a word: a reason code, or the rules that refused the file.';
comment on column landing.receipt.repeats_submission_id is 'For a duplicate: the submission whose content it repeats.';
comment on column landing.receipt.lines_delivered is 'Lines that could be read; the four below add up to it.';
comment on column landing.receipt.lines_accepted is 'Lines that count in the order.';
comment on column landing.receipt.lines_rejected is 'Lines that broke a rule, or whose file did.';
comment on column landing.receipt.lines_superseded is 'Lines that counted until a later receipt replaced them.';
comment on column landing.receipt.lines_duplicate is 'Lines that repeat another line, or whose file repeats another.';
comment on column landing.receipt.judged_at is 'When the verdict was last given or confirmed.';
comment on column landing.receipt.answered_at is 'When the protocol was last written.';
comment on column landing.receipt.answer_path is 'Where it lies, below the outbox.';
comment on column landing.receipt.answer_sha256 is 'SHA-256 of the protocol: it is written again only if it changed.';
