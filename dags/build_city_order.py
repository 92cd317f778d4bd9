"""Build the city order of one survey, hold it against the laws, let readers see it, and hand it out.

**One run is one survey**: its partition key is the survey's code. `collect_submissions` wakes a run for every survey
whose standing answers, rules, references or models differ from those of its published release, or that still asks a
person about what was taken back: `build` ends such a question. By hand: trigger this DAG with the survey's code as
partition key (`ecb-2026`).

| task | does | then |
|---|---|---|
| `build` | makes a draft from the submissions that stand, in one snapshot | `city_order.release`, its tables |
| `audit` | runs every SELECT of `include/sql/audits/` and the rules of releases; a row stops it | status `audited` |
| `announce` | wakes `approve_release`, if it changes so much that a person must decide | a question in the UI |
| `publish` | moves the pointer, unless another release was published meanwhile | `city_order.published_release` |
| `disclose` | shows manufacturers what hides every single agency: docs/decisions/13 | `published.release`, its tables |
| `export` | writes both tiers as files, once a release | the outbox: `_orders/`, `_published/` |

**Skipped is well.** `build` skips if there is nothing new, or if new answers change no figure; `announce` skips if
nobody need decide; `publish` skips if a later build was faster, if a person has set the brake on the survey, or if the
release changes so much that a person must approve it first: *Required Actions* in the navigation shows the question. In
no case do readers miss anything, and the next night looks again. `disclose` and `export` run all the same, and do what
an earlier run has left undone.

**What red means.** Readers still see the release published before: red is never urgent for them. Red in `audit`: the
order does not add up to the accepted lines, or the like. The log names each audit that failed, its law and the first
rows. Red in `build` or `publish`: the database cannot be reached, a model is wrong, or the run was started without a
survey that the warehouse knows. Red in `disclose` or `export`: the order is published, and manufacturers or readers of
files still have the release before.

**What to do.** Read the last lines of the red task's log. After an outage, clear the red task: every task may run
again, even twice at once, and takes up the draft that is there. After a failed audit, run its SELECT with the release's
number, find which model, rule or load made the rows, mend that, and trigger the survey again; never mend the rows. Red
in `announce`: clear it, or let the next night ask. To stop a survey, or to go back to an earlier release: `make brake`,
`make roll-back` (docs/runbook.md).
"""

from airflow.sdk import PartitionedAssetTimetable, dag, task

from include.city_order import orchestration
from include.city_order.orchestration import APPROVAL, DEFAULTS, DEMAND, FIRST_NIGHT, dsn


@dag(
    schedule=PartitionedAssetTimetable(assets=DEMAND),
    start_date=FIRST_NIGHT,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    doc_md=__doc__,
    tags=["build"],
)
def build_city_order():
    """Woken by `collect_submissions`, once per survey whose order is out of date; one run is one survey."""

    @task
    def build(partition_key=None) -> int:
        """Make a draft of the survey's order; return its number. Nothing new: skipped, and so are audit and publish."""
        from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

        from include.city_order import orders

        if not partition_key:
            raise AirflowFailException("Which survey? Trigger this DAG with a partition key: a survey's code.")
        release_id = orders.build(dsn("builder"), partition_key)
        if release_id is None:
            raise AirflowSkipException(f"Nothing new in {partition_key}: what is published stays.")
        return release_id

    @task
    def audit(release_id: int) -> int:
        """Hold the draft against every audit and rule; a row that breaks one stops it here, unpublished."""
        from include.city_order import orders

        orders.audit(dsn("builder"), release_id)
        return release_id

    # A task of its own: an event without a partition of its own would carry that of this run, and only what is skipped
    # leaves none.
    @task(outlets=[APPROVAL])
    def announce(release_id: int, *, outlet_events) -> str:
        """Let `approve_release` ask a person, if the release waits for one."""
        from airflow.sdk.exceptions import AirflowSkipException

        from include.city_order import gate

        key = gate.key_if_waiting(dsn("builder"), release_id)
        if key is None:
            raise AirflowSkipException(f"Release {release_id} waits for nobody.")
        outlet_events[APPROVAL].add_partitions(key)
        return key

    @task
    def publish(release_id: int) -> str:
        """Let readers see it, unless another release was published since it was built."""
        return orchestration.publish(release_id)

    @task(trigger_rule="none_failed")
    def disclose(said: str | None, partition_key=None) -> int | None:
        """Bring the published tier up to the published release: figures that hide every agency, and no others."""
        return orchestration.disclose(partition_key)

    @task
    def export(release_id: int | None, partition_key=None) -> int:
        """Write the release as files for both tiers; return how many folders are new."""
        return orchestration.export(partition_key)

    audited = audit(build())
    announce(audited)
    export(disclose(publish(audited)))


build_city_order()
