"""The README's commands on the real thing: real scheduler, real PostgreSQL, real files, from an empty home.

One home lives through the whole module, in the order in which the tests stand; a second one is fed otherwise.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import psutil
import psycopg2
import pytest

from include.sample_drops.catalogue import CATALOGUE
from include.sample_drops.writing import write

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.warehouse]

#: What readers see of the order, without ids and times.
ORDER = """
select survey_code, product_name, part_number, manufacturer, unit, year, gross_quantity::text, net_quantity::text,
    gross_energy_kwh::text, net_energy_kwh::text, amount_kopecks::text, priced_share::text, agencies, lines
from city_order.current_order_line where survey_code in ('ecb-2026', 'battery-2026')
order by survey_code, product_id, unit, year
"""

#: How much there is of everything: a quiet night adds to none of it.
ROWS = """
select (select count(*) from landing.receipt), (select count(*) from quality.finding),
    (select count(*) from core.submission), (select count(*) from core.demand_line),
    (select count(*) from city_order.release), (select max(answered_at) from landing.receipt)
"""


RELEASES_2027 = "select release_id, status from city_order.release where survey_code = 'ecb-2027' order by release_id"


@dataclass(frozen=True)
class Platform:
    """A home of its own, and the README's commands in it."""

    home: Path
    environ: dict[str, str]
    ui: str

    def make(self, *words: str) -> str:
        """Run `make <words>`; its standard output. Fails the test with all that it said if it fails."""
        done = subprocess.run(["make", *words], cwd=ROOT, env=self.environ, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, f"make {' '.join(words)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def select(self, query: str) -> list[tuple[Any, ...]]:
        """Rows, under the role that `make dsn` prints."""
        connection = psycopg2.connect(self.make("dsn").strip())
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(query)
                return cursor.fetchall()
        finally:
            connection.close()

    def get(self, path: str) -> dict[str, Any]:
        """An answer of Airflow's REST API, with the login that `make up` prints."""
        return self.send("GET", path).json()

    def send(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        """Any request to Airflow, with that login."""
        login = re.search(r"login (\S+) / (\S+)", self.make("up"))
        assert login
        with httpx.Client(base_url=self.ui, trust_env=False, timeout=30) as client:
            token = client.post("/auth/token", json={"username": login[1], "password": login[2]}).json()["access_token"]
            answer = client.request(method, path, json=body, headers={"Authorization": f"Bearer {token}"})
        assert answer.is_success, answer.text
        return answer

    def task_states(self, dag_id: str) -> set[str]:
        """The states of all task instances that the DAG ever had."""
        found = self.get(f"/api/v2/dags/{dag_id}/dagRuns/~/taskInstances?limit=1000")["task_instances"]
        assert found
        return {task["state"] for task in found}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _platform(folder: Path) -> Platform:
    home = folder / "дом заказа"
    surveys = folder / "surveys"
    shutil.copytree(ROOT / "include" / "surveys", surveys)
    ports = {"CITY_ORDER_UI_PORT": str(_free_port()), "CITY_ORDER_DB_PORT": str(_free_port())}
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "CITY_ORDER"))}
    environ |= {"CITY_ORDER_HOME": str(home), "CITY_ORDER_SURVEYS": str(surveys), **ports}
    return Platform(home, environ, f"http://127.0.0.1:{ports['CITY_ORDER_UI_PORT']}")


def _clean_up(platform: Platform) -> None:
    """Stop it, and take away the cluster that root keeps elsewhere."""
    platform.make("down")
    place = platform.home / "postgres" / "place"
    if place.exists():
        shutil.rmtree(place.read_text().strip())


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    here = _platform(tmp_path_factory.mktemp("first"))
    try:
        yield here
    finally:
        _clean_up(here)


@pytest.fixture(scope="module")
def demo(platform: Platform) -> tuple[str, list[tuple[Any, ...]]]:
    """What `make demo` printed, and the order that it left."""
    said = platform.make("demo")
    return said, platform.select(ORDER)


def test_the_demo_shows_verdicts_the_equation_and_the_order(platform: Platform, demo: tuple[str, list]) -> None:
    said, order = demo
    assert len(re.findall(r"^Lines: [\d,]+ delivered = ", said, re.M)) == 3
    assert "IS NOT" not in said
    assert len(re.findall(r"^Release \d+ is published", said, re.M)) == 2
    expected: dict[str, int] = {}
    for drop in CATALOGUE:
        if drop.verdict is not None:
            expected[drop.verdict.value] = expected.get(drop.verdict.value, 0) + 1
    found = dict(platform.select("select verdict, count(*) from landing.receipt group by verdict"))
    assert found == expected
    assert {row[0] for row in order} == {"ecb-2026", "battery-2026"}


def test_the_ui_answers_with_green_dags(platform: Platform, demo: tuple[str, list]) -> None:
    dags = {dag["dag_id"]: dag["is_paused"] for dag in platform.get("/api/v2/dags")["dags"]}
    assert dags == {path.stem: False for path in (ROOT / "dags").glob("*.py")}
    assert platform.task_states("collect_submissions") == {"success"}
    # Nobody need be asked about the first release of a survey.
    assert platform.task_states("build_city_order") == {"success", "skipped"}
    labels = platform.get("/api/v2/dags/collect_submissions/dagRuns/~/taskInstances?limit=1000")["task_instances"]
    assert all(re.match(r"\d+ receipts", task["rendered_map_index"]) for task in labels if task["task_id"] == "read")
    events = platform.get("/api/v2/assets/events")["asset_events"]
    assert {event["partition_key"] for event in events} == {"ecb-2026", "battery-2026"}


def test_names_that_look_alike_are_told_and_listed(platform: Platform, demo: tuple[str, list]) -> None:
    assert re.findall(r"^Names that look .*: make proposals (.+)$", demo[0], re.M) == ["SURVEY=ecb-2026"]
    said = platform.make("proposals", "SURVEY=ecb-2026")
    assert re.search(r"^ 90  STM32F1O3C8T6 \(st\) → STM32F103C8T6 \(st\)$", said, re.M), said
    assert re.search(r"^ 75  LM2596SS-5\.0 \(ti\) → LM2596S-5\.0 \(ti\)$", said, re.M), said
    assert re.search(r"^ 50  ATmega328P \(microchip\) → ATMEGA328P-AU \(microchip\)$", said, re.M), said


def test_what_is_counted_twice_is_told_and_left_out(platform: Platform, demo: tuple[str, list]) -> None:
    assert re.search(r"^ *counted_by_subordinate +шт +[\d,]+ +[\d,]+$", demo[0], re.M), demo[0]
    told = platform.select("select distinct agency_code, subordinate_code, handled from city_order.double_counting")
    assert told == [("gkb-71", "gkb-71-branch", "child_counts")]


def test_the_page_is_for_those_who_are_logged_in(platform: Platform, demo: tuple[str, list]) -> None:
    with httpx.Client(base_url=platform.ui, trust_env=False) as anonymous:
        assert anonymous.get("/city-order/").status_code == 401


def test_every_receipt_has_its_answer(platform: Platform, demo: tuple[str, list]) -> None:
    answers = platform.select("select receipt_no, answer_path from landing.receipt")
    assert answers
    for receipt_no, path in answers:
        assert (platform.home / "outbox" / path).name == f"{receipt_no}-protocol.xlsx"
        assert (platform.home / "outbox" / path).stat().st_size > 1000


def test_secrets_are_private_and_nothing_listens_beyond_loopback(platform: Platform, demo: tuple[str, list]) -> None:
    secrets = platform.home / "secrets"
    assert secrets.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in secrets.iterdir()} == {0o600}
    assert _processes(platform)
    listening = [
        connection.laddr.ip
        for process in _processes(platform)
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening and set(listening) == {"127.0.0.1"}


def test_a_quiet_night_changes_nothing(platform: Platform, demo: tuple[str, list]) -> None:
    before = platform.select(ROWS)
    platform.make("nightly")
    assert platform.select(ROWS) == before
    assert platform.select(ORDER) == demo[1]
    assert platform.task_states("collect_submissions") == {"success"}


def test_a_backfill_over_the_drop_dates_reproduces_the_order(platform: Platform, demo: tuple[str, list]) -> None:
    before = platform.select(ROWS)
    said = platform.make("backfill", "FROM=2026-11-10", "TO=2026-11-12")
    for day in ("2026-11-10", "2026-11-11", "2026-11-12"):
        assert f"Drop date {day}" in said
    assert platform.select(ROWS) == before
    assert platform.select(ORDER) == demo[1]
    read = platform.select("select count(*) from landing.receipt where drop_date between '2026-11-10' and '2026-11-12'")
    logs = "".join(
        log.read_text()
        for log in (platform.home / "airflow" / "logs").glob("dag_id=collect_submissions/*backfill*/task_id=receive/*")
    )
    assert sum(map(int, re.findall(r"(\d+) receipts to process: receipts of drop date", logs))) == read[0][0]


def test_after_a_new_survey_its_drops_are_collected(platform: Platform, demo: tuple[str, list]) -> None:
    of_2027 = "select distinct verdict, reason from landing.receipt where survey_code = 'ecb-2027'"
    assert platform.select(of_2027) == [("quarantined", "unknown_survey")]
    dates = platform.select("select min(drop_date), max(drop_date) from landing.receipt where survey_code = 'ecb-2027'")
    shutil.copy(
        ROOT / "include" / "sample_drops" / "after_a_new_survey" / "ecb-2027.yaml",
        platform.environ["CITY_ORDER_SURVEYS"],
    )
    said = platform.make("backfill", f"FROM={dates[0][0]}", f"TO={dates[0][1]}")
    # Each later night changes more than a fifth of the first one's order, so a person is asked.
    assert re.search(r"^Held: ecb-2027\. Release \d+ waits for approval\. It changes ", said, re.M)
    expected = sorted(drop.later_lines for drop in CATALOGUE if drop.survey_code == "ecb-2027" and drop.later_lines)
    found = platform.select("select lines_accepted from landing.receipt where survey_code = 'ecb-2027' order by 1")
    assert [lines for (lines,) in found] == expected
    assert platform.select("select count(*) > 0 from city_order.current_order_line where survey_code = 'ecb-2027'") == [
        (True,)
    ]
    assert platform.select(ORDER) == demo[1]
    _approve(platform, said)
    _steer(platform)


def _approve(platform: Platform, said: str) -> None:
    """Answer the question to which `make backfill` gave the link, as a person does in the UI; and those before it."""
    found = re.search(
        rf"^  Decide: ({platform.ui}/dags/approve_release/runs/(\S+)/tasks/ask/required_actions)$", said, re.M
    )
    assert found, said
    runs = "/api/v2/dags/approve_release/dagRuns"
    # The task is about to ask, or does.
    question = _until(lambda: platform.get(f"{runs}/{found[2]}/hitlDetails")["hitl_details"])[0]
    (first, *overtaken, last) = (row[0] for row in platform.select(RELEASES_2027))
    assert question["subject"] == f"ecb-2027: publish release {last}?"
    assert f"| | release {first}, published | release {last} |" in question["body"]
    assert "**new submission**: " in question["body"]
    assert (question["options"], list(question["params"])) == (["Approve", "Reject"], ["comment"])
    answer = {"chosen_options": ["Approve"], "params_input": {"comment": "seen"}}
    page = platform.send("GET", "/city-order/").text
    assert f"Waiting for a person:</strong> release {last} of ecb-2027. <a href" in page
    for open_question in platform.get(f"{runs}/~/hitlDetails?response_received=false")["hitl_details"]:
        run_id = quote(open_question["task_instance"]["dag_run_id"], safe="")
        platform.send("PATCH", f"{runs}/{run_id}/taskInstances/ask/-1/hitlDetails", answer)
    _until(lambda: {run["state"] for run in platform.get(runs)["dag_runs"]} == {"success"})
    states = platform.get(f"{runs}/{found[2]}/taskInstances")["task_instances"]
    assert {task["task_id"]: task["state"] for task in states} == dict.fromkeys(
        ("describe", "ask", "decide", "publish", "disclose", "export"), "success"
    )
    # An answer to a question that a later release has overtaken does nothing.
    assert platform.task_states("approve_release") <= {"success", "skipped"}
    assert platform.select(RELEASES_2027) == [
        (first, "superseded"), *((release_id, "audited") for release_id in overtaken), (last, "published"),
    ]  # fmt: skip
    decisions = "select release_id, decision, decided_by, comment from city_order.approval order by release_id"
    assert platform.select(decisions) == [
        *((release_id, "overtaken", None, None) for release_id in overtaken), (last, "approved", "admin", "seen"),
    ]  # fmt: skip
    for folder in ("_orders", "_published"):
        assert (platform.home / "outbox" / folder / "ecb-2027" / str(last)).is_dir()


def _steer(platform: Platform) -> None:
    """The brake, a roll-back to the survey's first release, and the way on."""
    first = platform.select(RELEASES_2027)[0][0]
    survey = "SURVEY=ecb-2027"
    assert "by Иванова: prices look wrong" in platform.make("brake", survey, "REASON=prices look wrong", "WHO=Иванова")
    said = platform.make("roll-back", survey, f"RELEASE={first}", "REASON=prices are wrong", "WHO=Иванова")
    (again, status) = platform.select(RELEASES_2027)[-1]
    assert status == "published"
    assert f"Release {again} of ecb-2027 is published. It says what release {first} said" in said
    for folder in ("_orders", "_published"):
        assert (platform.home / "outbox" / folder / "ecb-2027" / str(again)).is_dir()
    assert "Something new waits for it. Next: make nightly" in platform.make("lift-brake", survey)


def _until(answer: Callable[[], Any], patience_s: float = 120) -> Any:
    """Ask until the answer is something."""
    deadline = time.monotonic() + patience_s
    while not (found := answer()):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    return found


def test_a_correction_changes_only_its_agency(platform: Platform, demo: tuple[str, list]) -> None:
    folder = platform.home / "inbox" / "ecb-2026" / "video-watch"
    old = platform.select(
        "select submission_id, revision from core.submission where survey_code = 'ecb-2026'"
        " and agency_code = 'video-watch' and superseded_by is null and withdrawn_at is null"
    )
    lines_of = "select count(*) from core.demand_line where submission_id = %d"
    lines = platform.select(lines_of % old[0][0])
    (part, quantity) = platform.select(
        "select part_number, demand_2026::text from core.demand_line"
        f" where submission_id = {old[0][0]} and demand_2026 > 0 and unit = '796' order by line_position limit 1"
    )[0]
    assert part
    heading = (
        "Наименование изделия;Вид изделия;Обозначение;Код ОКПД2;Единица измерения;Потребность на 2026 год\n"
        f"Микросхема;микросхема;{part};26.11.30;шт;{int(quantity) + 7}\n"
    )
    (folder / "исправление.csv").write_bytes(heading.encode("utf-8-sig"))
    said = platform.make("nightly")
    assert "1 receipts from" not in said  # the label belongs to the UI
    changes = platform.select(
        "select distinct agency_code, cause from city_order.release_change"
        " where release_id = (select release_id from city_order.published_release where survey_code = 'ecb-2026')"
    )
    assert changes == [("video-watch", "correction")]
    assert platform.select(
        f"select superseded_by is not null from core.submission where submission_id = {old[0][0]}"
    ) == [(True,)]
    assert platform.select(lines_of % old[0][0]) == lines
    assert platform.select(
        "select status from city_order.release where survey_code = 'ecb-2026' order by release_id"
    ) == [
        ("superseded",),
        ("published",),
    ]
    battery = [row for row in demo[1] if row[0] == "battery-2026"]
    assert [row for row in platform.select(ORDER) if row[0] == "battery-2026"] == battery


def test_a_form_is_filled_in_and_checked_before_it_is_dropped(
    platform: Platform, demo: tuple[str, list], tmp_path: Path
) -> None:
    before = platform.select(ROWS), _files(platform)
    assert "make check FILE=" in platform.make("form", "SURVEY=ecb-2026", "AGENCY=gorsvet", f"TO={tmp_path}")
    form = tmp_path / "ecb-2026-gorsvet-form.xlsx"
    assert form.is_file()
    whose = ("SURVEY=ecb-2026", "AGENCY=gorsvet")
    said = platform.make("check", f"FILE={form}", *whose)
    assert "Verdict: rejected" in said and "Nothing was stored" in said
    assert (tmp_path / "ecb-2026-gorsvet-form-protocol.xlsx").is_file()
    # An answer that stands already, checked again.
    (standing,) = platform.select(
        "select original_path from core.submission inner join landing.receipt using (receipt_no)"
        " where submission.survey_code = 'ecb-2026' and submission.agency_code = 'gorsvet'"
        " and superseded_by is null and withdrawn_at is null"
    )
    again = platform.home / "inbox" / standing[0]
    assert "Verdict: duplicate" in platform.make("check", f"FILE={again}", *whose, f"TO={tmp_path / 'again'}")
    assert (platform.select(ROWS), _files(platform)) == before


def test_a_replay_is_shown_and_then_counts(platform: Platform, demo: tuple[str, list]) -> None:
    """An agency that answered without being asked is put on the roster."""
    survey = Path(platform.environ["CITY_ORDER_SURVEYS"]) / "battery-2026.yaml"
    survey.write_text(survey.read_text("utf-8").replace("roster:\n", "roster:\n  - zoo-fict\n", 1), "utf-8")
    words = ("replay", "SURVEY=battery-2026", "AGENCIES=zoo-fict")
    before = platform.select(ROWS), _files(platform)
    shown = platform.make(*words, "DRY_RUN=1")
    assert (platform.select(ROWS), _files(platform)) == before
    done = platform.make(*words, "REASON=asked after all", "WHO=Иванова")
    for said in (shown, done):
        assert re.search(r"zoo-fict +rejected → accepted +0 → \d+ +F07 -1 +stands now", said), said
        assert re.search(r"^  new_submission +(\d+ +){3}0 → [\d,]+ +0 → [\d,]+ +0 → [\d,]+$", said, re.M), said
    assert platform.select("select survey_code, agencies, requested_by, reason from core.replay") == [
        ("battery-2026", ["zoo-fict"], "Иванова", "asked after all")
    ]
    assert platform.task_states("replay_survey") == {"success", "skipped"}


def _files(platform: Platform) -> dict[str, int]:
    """Every file of inbox, archive and outbox, and since when it is as it is."""
    return {
        str(path): path.stat().st_mtime_ns
        for name in ("inbox", "archive", "outbox")
        for path in (platform.home / name).rglob("*")
    }


def test_down_leaves_no_process_and_up_goes_on(platform: Platform, demo: tuple[str, list]) -> None:
    before = platform.select(ROWS)
    platform.make("down")
    assert _processes(platform) == []
    assert "login admin" in platform.make("up")
    assert platform.select(ROWS) == before


def test_another_order_of_arrival_gives_the_same_order(
    tmp_path_factory: pytest.TempPathFactory, platform: Platform, demo: tuple[str, list]
) -> None:
    """A second home beside the first, fed agency by agency from the end of the alphabet, in two nights."""
    other = _platform(tmp_path_factory.mktemp("second"))
    samples = tmp_path_factory.mktemp("samples")
    write(samples)
    agencies = sorted({file.parent for file in samples.rglob("*") if file.is_file()}, reverse=True)
    try:
        for portion in (agencies[: len(agencies) // 2], agencies[len(agencies) // 2 :]):
            for folder in portion:
                target = other.home / "inbox" / folder.relative_to(samples)
                target.mkdir(parents=True, exist_ok=True)
                for file in folder.iterdir():
                    if file.is_file():
                        shutil.copy2(file, target)
            other.make("nightly")
        assert other.select(ORDER) == demo[1]
        assert platform.select(ROWS)  # the first home is not disturbed
    finally:
        _clean_up(other)


def _processes(platform: Platform) -> list[psutil.Process]:
    """Every living process of a home: Airflow's by its environment, PostgreSQL's by its folder."""
    place = platform.home / "postgres" / "place"
    data = Path(place.read_text().strip() if place.exists() else platform.home / "postgres") / "data"
    found = []
    for process in psutil.process_iter():
        try:
            mine = process.environ().get("AIRFLOW_HOME") == str(platform.home / "airflow")
            if mine or process.cwd() == str(data):
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_readme_names_only_commands_that_exist() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\bmake ([a-z][a-z-]*)", readme))
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    assert named and named <= targets, named - targets
