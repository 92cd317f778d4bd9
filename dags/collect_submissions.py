"""Collect each night's drops, judge them, load what is right, and answer every agency.

**One run is one drop date**: the 24 hours before 01:00 Moscow time. The nightly run, and a run that you trigger without
a date, look into the inbox and process every receipt that has no verdict, or that waited for its survey or agency to
become known. A backfill over past dates receives nothing: it re-processes the receipts of those drop dates from the
archive, and changes nothing if nothing changed.

| task | does | then |
|---|---|---|
| `receive` | archives new drops, registers a receipt for each, deals them out in chunks | `landing.receipt` |
| `read` | parses each file in a sandbox, a chunk per worker slot | `staging.line` |
| `judge` | checks the whole batch with Great Expectations | `quality.judgement`, `quality.finding` |
| `load` | lands each submission whole, gives every receipt its verdict | `core.submission`, `core.demand_line` |
| `propose_aliases` | lists names that nobody knows beside what they look like; merges nothing | `core.alias_proposal` |
| `answer` | writes each agency's protocol | the outbox |
| `publish_forms` | lays the form of every open survey beside the answers, if it is new or changed | the outbox |
| `announce` | wakes one `build_city_order` run per survey whose order is out of date | asset `city_order_demand` |

**What red means.** A bad file is a verdict, never a red task. Red means that *we* are broken: the database or a folder
cannot be reached, a survey or reference file is wrong (the message gives file and line), or there is a bug.

**What to do.** Read the error in the red task's log, mend what it names, and *clear* the task: every task may
run again, even twice at once, and finds what is already done. Nothing is lost meanwhile: drops wait in the inbox,
receipts without a verdict are taken by the next run, and `announce` names every survey that is behind.

**After a new survey**: put its YAML into `include/surveys/`, new agencies into `include/reference/agencies.csv`, and
backfill the drop dates on which answers to it have already arrived (`make backfill FROM=2026-11-10 TO=2026-11-13`).
"""

from airflow.sdk import dag, task

from include.city_order.orchestration import (
    CHUNK_LABEL,
    DEFAULTS,
    DEMAND,
    FIRST_NIGHT,
    announce_demand,
    night,
    nightly,
    site,
    slots,
    today,
)


@dag(
    schedule=nightly("01:00"),
    start_date=FIRST_NIGHT,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    doc_md=__doc__,
    tags=["collect"],
)
def collect_submissions():
    """Nightly, Europe/Moscow; one data interval is one drop date."""

    @task
    def receive(**context) -> list[list[int]]:
        """Archive the new drops; return receipt numbers in chunks, at least one, if an empty one."""
        from airflow.sdk.exceptions import AirflowFailException

        from include.city_order import intake
        from include.city_order.references import ReferenceError
        from include.city_order.surveys import SurveyError

        try:
            return intake.receive(site("ingest"), night(context), slots=slots())
        except (SurveyError, ReferenceError) as error:
            # A mistake in a file does not heal by trying again.
            raise AirflowFailException(str(error)) from error

    @task(map_index_template=CHUNK_LABEL)
    def read(chunk: list[int]) -> int:
        """Parse a chunk of drops, each in its sandbox, into staging; return the number of lines."""
        from include.city_order import intake

        return intake.read(site("ingest"), chunk)

    @task
    def judge(chunks: list[list[int]]) -> list[int]:
        """Check the whole batch. A rejected file is a verdict, not a failed task."""
        from include.city_order import intake

        return intake.judge(site("ingest"), [receipt for chunk in chunks for receipt in chunk])

    @task
    def load(receipts: list[int]) -> list[int]:
        """Land each accepted submission whole, and give every receipt its verdict."""
        from include.city_order import intake

        return intake.load(site("ingest"), receipts)

    @task
    def answer(receipts: list[int]) -> int:
        """Put every agency's protocol into the outbox; return how many were new or changed."""
        from include.city_order import answers

        return len(answers.write(site("ingest"), receipts))

    @task
    def publish_forms() -> list[str]:
        """Put the form of every open survey into the outbox; return the surveys whose form was new or changed."""
        from include.city_order import forms

        return forms.publish(site("ingest"), today())

    @task
    def propose_aliases() -> int:
        """Compare names that nobody knows with known ones, for a person's review; return how many were new."""
        from include.city_order import proposals

        return proposals.find(site("ingest").warehouse)

    @task(outlets=[DEMAND])
    def announce(*, outlet_events) -> list[str]:
        """Wake one build per survey whose standing input differs from its release."""
        return announce_demand(outlet_events)

    chunks = receive()
    chunks >> publish_forms()
    judged = judge(chunks)
    read.expand(chunk=chunks) >> judged
    loaded = load(judged)
    answer(loaded)
    loaded >> announce()
    loaded >> propose_aliases()


collect_submissions()
