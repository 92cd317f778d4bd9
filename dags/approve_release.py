"""Ask a person whether a release that changes much is to be published, and do as they say.

**One run is one question**: its partition key names survey and release, like `ecb-2027:12`. `build_city_order` wakes a
run for every audited release that changes more than `approval` in its survey's YAML lets pass by itself. Open questions
stand under *Required Actions* in the navigation, for three days. Whoever may trigger a DAG may answer; viewers may not.

| task | does | then |
|---|---|---|
| `describe` | writes the question: what changes most, by which cause and of whom | `city_order.approval` |
| `ask` | waits for *Approve* or *Reject*, without a worker; nothing else waits for it | |
| `decide` | records the answer, its comment and who gave it; no answer in time is `expired` | `city_order.approval` |
| `publish` | after *Approve*, if no brake is set, moves the pointer, once | `city_order.published_release` |
| `disclose` | shows manufacturers what hides every single agency | `published.release`, its tables |
| `export` | writes both tiers as files, once a release | the outbox: `_orders/`, `_published/` |

**Skipped is well.** `describe` skips if all is decided, or if another run asks about the same release; `decide` if a
later release of the survey was audited meanwhile, or if what this one is built from was taken back: then the question
was outdated, and its answer does nothing. `publish` skips after *Reject*, after three days without an answer, if a
brake is set on the survey, and if what was approved has been taken back meanwhile; the log says which. The release
then stays audited. What was declined stays so until the input or the models change; what nobody decided is built anew
the night after, and asked again.

**What red means.** The database cannot be reached, or the run was started by hand with a key that names no release. In
`disclose` or `export`: the order is published, and manufacturers or readers of files still have the release before.

**What to do.** Read the last lines of the red task's log; after an outage, clear the red task: every task may run
again, and a decision is recorded once. If a question is gone (its run was deleted or marked), trigger this DAG by hand
with its key: a run started by hand asks at once.
"""

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param, PartitionedAssetTimetable, dag, task

from include.city_order import orchestration
from include.city_order.orchestration import APPROVAL, DEFAULTS, FIRST_NIGHT, dsn
from include.city_order.questions import release_of
from include.city_order.vocabulary import DECISION_PATIENCE

APPROVE, REJECT = "Approve", "Reject"

#: A waiting run is a running one: so many questions may be open, and one more would wait unseen.
OPEN_QUESTIONS = 1000


@dag(
    schedule=PartitionedAssetTimetable(assets=APPROVAL),
    start_date=FIRST_NIGHT,
    catchup=False,
    max_active_runs=OPEN_QUESTIONS,
    default_args=DEFAULTS,
    doc_md=__doc__,
    tags=["build"],
)
def approve_release():
    """Woken by `build_city_order`, once per release that waits for a person."""

    @task
    def describe(partition_key=None, dag_run=None) -> dict:
        """Write the question: release_id, subject, body. Skipped if there is nothing to ask here."""
        from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

        from include.city_order import gate

        by_hand = dag_run.run_type == "manual"
        try:
            return gate.ask(dsn("builder"), partition_key or "", dag_run.run_id, in_any_case=by_hand)
        except gate.NothingToAsk as reason:
            raise AirflowSkipException(str(reason)) from reason
        except LookupError as error:
            raise AirflowFailException(f"{error} Trigger this DAG with such a partition key.") from error

    question = describe()

    ask = HITLOperator(
        task_id="ask",
        subject="{{ ti.xcom_pull(task_ids='describe')['subject'] }}",
        body="{{ ti.xcom_pull(task_ids='describe')['body'] }}",
        options=[APPROVE, REJECT],
        # What is taken when nobody answers in time; then nobody is named as having answered.
        defaults=REJECT,
        response_timeout=DECISION_PATIENCE,
        params={"comment": Param("", type="string", title="Comment", description="Why: it is recorded with your name")},
    )

    @task
    def decide(question: dict, answer: dict, dag_run=None) -> int:
        """Record who decided what, and why; or that nobody did. Skipped if the question was outdated."""
        from airflow.sdk.exceptions import AirflowSkipException

        from include.city_order import gate

        release_id, person = question["release_id"], answer["responded_by_user"]
        try:
            if person:
                comment = (answer["params_input"] or {}).get("comment") or ""
                approved = answer["chosen_options"] == [APPROVE]
                gate.decide(dsn("builder"), release_id, approve=approved, who=person["name"], comment=comment)
            else:
                gate.expire(dsn("builder"), release_id, dag_run.run_id)
        except gate.Decided as reason:
            raise AirflowSkipException(str(reason)) from reason
        return release_id

    @task
    def publish(release_id: int) -> str:
        """Let readers see it, if it was approved and nothing else was published since it was built."""
        return orchestration.publish(release_id)

    @task
    def disclose(said: str, partition_key=None) -> int | None:
        """Bring the published tier up to the published release: figures that hide every agency, and no others."""
        survey_code, _ = release_of(partition_key)
        return orchestration.disclose(survey_code)

    @task
    def export(release_id: int | None, partition_key=None) -> int:
        """Write the release as files for both tiers; return how many folders are new."""
        survey_code, _ = release_of(partition_key)
        return orchestration.export(survey_code)

    question >> ask
    export(disclose(publish(decide(question, ask.output))))


approve_release()
