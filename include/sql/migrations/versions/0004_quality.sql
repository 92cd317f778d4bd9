-- What the checks found, and how each receipt was judged.
create schema quality;
comment on schema quality is 'What the checks found, and how each receipt was judged.';

create table quality.judgement (
    receipt_no bigint not null references landing.receipt,
    rules_version text not null,
    reference_version text not null,
    judged_at timestamptz not null default now(),
    stands boolean not null,
    outcome text not null check (outcome in ('quarantined', 'rejected', 'loadable')),
    reason text not null,
    reading_sha256 text not null,
    content_sha256 text,
    lines_delivered integer not null,
    lines_accepted integer not null,
    lines_rejected integer not null,
    lines_duplicate integer not null,
    warnings integer not null,
    primary key (receipt_no, rules_version, reference_version),
    check (lines_delivered = lines_accepted + lines_rejected + lines_duplicate)
);
create unique index one_judgement_stands on quality.judgement (receipt_no) where stands;
comment on table quality.judgement is
'What one receipt is worth under one version of rules and references. Grain: receipt_no, rules_version, reference_version.';
comment on column quality.judgement.receipt_no is 'The receipt.';
comment on column quality.judgement.rules_version is 'Rules that it was judged by.';
comment on column quality.judgement.reference_version is 'References that it was judged by.';
comment on column quality.judgement.judged_at is 'When.';
comment on column quality.judgement.stands is 'Whether this is the judgement that counts: one for each receipt.';
comment on column quality.judgement.outcome is 'quarantined, rejected or loadable; the verdict also depends on other receipts.';
comment on column quality.judgement.reason is 'A reason code, or the file rules that refuse it.';
comment on column quality.judgement.reading_sha256 is 'Digest of the reading that was judged.';
comment on column quality.judgement.content_sha256 is 'Digest of the rows that were judged.';
comment on column quality.judgement.lines_delivered is 'Lines that could be read.';
comment on column quality.judgement.lines_accepted is 'Lines that may count.';
comment on column quality.judgement.lines_rejected is 'Lines that broke a rule, or whose file did.';
comment on column quality.judgement.lines_duplicate is 'Lines that repeat an earlier one of the file.';
comment on column quality.judgement.warnings is 'How many findings are warnings.';

create table quality.finding (
    finding_id bigint generated always as identity primary key,
    receipt_no bigint not null,
    rules_version text not null,
    reference_version text not null,
    rule_id text not null,
    severity text not null check (severity in ('E', 'W')),
    member text not null,
    sheet text not null,
    cell text not null,
    line_position integer,
    field text not null,
    value text not null,
    message text not null,
    foreign key (receipt_no, rules_version, reference_version) references quality.judgement
);
create index finding_by_receipt on quality.finding (receipt_no, rules_version, reference_version);
comment on table quality.finding is
'One rule broken by one line or file, under one judgement. Grain: receipt_no, versions, line_position, rule_id, field.';
comment on column quality.finding.finding_id is 'Number of the finding.';
comment on column quality.finding.receipt_no is 'The receipt.';
comment on column quality.finding.rules_version is 'Rules that found it.';
comment on column quality.finding.reference_version is 'References that found it.';
comment on column quality.finding.rule_id is 'The rule: docs/rules.md has it.';
comment on column quality.finding.severity is 'E refuses the line or file, W is told and passes.';
comment on column quality.finding.member is 'File inside a ZIP; empty otherwise.';
comment on column quality.finding.sheet is 'Sheet; empty for text files, or if the whole file is meant.';
comment on column quality.finding.cell is 'Cell, as a spreadsheet names it; empty if the whole file is meant.';
comment on column quality.finding.line_position is 'The line; empty if the whole file is meant.';
comment on column quality.finding.field is 'Field of the form.';
comment on column quality.finding.value is 'What was typed there, personal data masked.';
comment on column quality.finding.message is 'The sentence that the agency reads, in Russian.';

create view quality.standing_finding as
select
    finding.*,
    receipt.survey_code,
    receipt.agency_code,
    receipt.verdict
from quality.finding
inner join quality.judgement using (receipt_no, rules_version, reference_version)
inner join landing.receipt using (receipt_no)
where judgement.stands;
comment on view quality.standing_finding is 'Findings of the judgements that count. Grain: finding_id.';

create view staging.accepted_line as
select line.*
from staging.identified_line as line
inner join quality.judgement on judgement.receipt_no = line.receipt_no and judgement.stands
where
    judgement.outcome = 'loadable'
    and not exists (
        select 1 from quality.finding
        where
            finding.receipt_no = judgement.receipt_no
            and finding.rules_version = judgement.rules_version
            and finding.reference_version = judgement.reference_version
            and finding.line_position = line.line_position
            and finding.severity = 'E'
    );
comment on view staging.accepted_line is
'Lines without an error, of receipts whose judgement lets them load. Grain: receipt_no, line_position.';
