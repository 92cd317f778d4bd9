"""Judge a survey's archived answers again, by today's rules and references; as a dry run, show what that would change.

**One run is one replay**, started by hand: *Trigger*, and fill in the form. A changed rule, threshold, waiver, roster,
alias or other reference row counts for new answers from the next night on; for answers that stand already it counts
after a replay. Start with a dry run, which the form proposes: its log shows which verdicts would change, which products
would be merged or split, and what that does to the order. Then run it again without *dry run*, and with a reason.

**What is replayed**: of each agency the receipt that stands, and those after it, which could stand; superseded
revisions only with *history*. The archive is read, the inbox is not. A receipt gets a new judgement only if its
reading, the rules or the references changed; the old judgement stays readable, and no superseded revision is made to
stand. So a replay that is run twice has its effect once, and one may run beside the nightly run.

| task | does | then |
|---|---|---|
| `rehearse` | dry run only: all of it, and the order to come, in one transaction that is rolled back | its log |
| `begin` | brings references up to date, records how the receipts stand, deals them out in chunks | `core.replay` |
| `read` | parses each file in a sandbox, a chunk per worker slot | `staging.line` |
| `judge` | checks the whole batch with Great Expectations | `quality.judgement`, `quality.finding` |
| `load` | lands each submission whole, gives every receipt its verdict; tells what changed | `core.replayed_receipt` |
| `answer` | writes the protocols that changed | the outbox |
| `announce` | wakes one `build_city_order` run per survey whose order is out of date | asset `city_order_demand` |

**Skipped is well.** A dry run skips all but `rehearse`; a real one skips `rehearse`.

**What red means.** Red in `rehearse` or `begin`: the form names an unknown survey or agency, gives no reason, or a
survey or reference file is wrong; the message says what to mend, and nothing was changed. `rehearse` also gives up
while a run loads the same agencies, and tries again. Red further on is what it is in `collect_submissions`.

**What to do.** Mend what the message names, and *clear* the task, or start again. `make replay` does the same from the
command line. To take a change back, take its line out of the file, and replay again.
"""

from airflow.sdk import Param, dag, task

from include.city_order.orchestration import (
    CHUNK_LABEL,
    DEFAULTS,
    DEMAND,
    FIRST_NIGHT,
    announce_demand,
    asked_replay,
    site,
    slots,
)

FORM = {
    "survey": Param(type="string", minLength=1, title="Survey", description="Its code, like ecb-2026."),
    "agencies": Param(
        [], type="array", items={"type": "string"}, title="Agencies", description="Codes, one a line. Blank: all."
    ),
    "reason": Param("", type="string", title="Reason", description="Recorded. Needed unless it is a dry run."),
    "who": Param("", type="string", title="Who", description="Recorded. Blank: who triggers this run."),
    "history": Param(False, type="boolean", title="History", description="Superseded revisions, too."),
    "dry_run": Param(True, type="boolean", title="Dry run", description="Only show what would change."),
}


@dag(
    schedule=None,
    start_date=FIRST_NIGHT,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    params=FORM,
    doc_md=__doc__,
    tags=["collect"],
)
def replay_survey():
    """By hand; one run replays one survey, or shows what that would change."""

    @task
    def rehearse(**context) -> dict[str, int]:
        """Show what the replay would change, in the log; return how much. Only in a dry run."""
        from airflow.sdk.exceptions import AirflowSkipException

        from include.city_order import replay

        if not context["params"]["dry_run"]:
            raise AirflowSkipException("This is no dry run: the log of `load` says what changed.")
        with asked_replay(context) as asked:
            return replay.rehearse_and_tell(site("ingest"), asked)

    @task
    def begin(**context) -> list[list[int]]:
        """Record the replay; return receipt numbers in chunks."""
        from airflow.sdk.exceptions import AirflowSkipException

        from include.city_order import replay

        if context["params"]["dry_run"]:
            raise AirflowSkipException("A dry run: the log of `rehearse` says what would change.")
        with asked_replay(context) as asked:
            return replay.begin(site("ingest"), asked, context["run_id"], slots=slots())

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
    def load(receipts: list[int], run_id=None) -> list[int]:
        """Land what is accepted, give every receipt its verdict, and tell what changed."""
        from include.city_order import replay

        return replay.load(site("ingest"), run_id, receipts)

    @task
    def answer(receipts: list[int]) -> int:
        """Put the protocols that changed into the outbox; return how many."""
        from include.city_order import answers

        return len(answers.write(site("ingest"), receipts))

    @task(outlets=[DEMAND])
    def announce(*, outlet_events) -> list[str]:
        """Wake one build per survey whose standing input differs from its release."""
        return announce_demand(outlet_events)

    rehearse()
    chunks = begin()
    judged = judge(chunks)
    read.expand(chunk=chunks) >> judged
    loaded = load(judged)
    answer(loaded)
    loaded >> announce()


replay_survey()
