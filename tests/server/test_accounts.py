"""Who may do what: Airflow's roles on its real api-server, with the settings of docker-compose.yaml."""

from __future__ import annotations

import os
import re
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg2
import pytest
from psycopg2.extensions import parse_dsn

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.warehouse]

RUNS = "/api/v2/dags/collect_submissions/dagRuns"
QUESTIONS = "/api/v2/dags/approve_release/dagRuns"

#: What changes something, or shows who is there: method, path, body. A run `seen` is there, and a question `asked`.
DEEDS: dict[str, tuple[str, str, dict[str, Any] | None]] = {
    "trigger": ("POST", RUNS, {"logical_date": None}),
    "clear": (
        "POST",
        "/api/v2/dags/collect_submissions/clearTaskInstances",
        {"dag_run_id": "seen", "dry_run": False, "only_failed": False},
    ),
    "mark": ("PATCH", f"{RUNS}/seen", {"state": "failed"}),
    "delete": ("DELETE", f"{RUNS}/seen", None),
    "pause": ("PATCH", "/api/v2/dags/build_city_order?update_mask=is_paused", {"is_paused": True}),
    "backfill": (
        "POST",
        "/api/v2/backfills",
        {
            "dag_id": "collect_submissions",
            "from_date": "2026-11-10T00:00:00+03:00",
            "to_date": "2026-11-10T23:00:00+03:00",
        },
    ),
    "answer": (
        "PATCH",
        f"{QUESTIONS}/asked/taskInstances/ask/-1/hitlDetails",
        {"chosen_options": ["Approve"], "params_input": {"comment": "seen"}},
    ),
    "connection": ("POST", "/api/v2/connections", {"connection_id": "theirs", "conn_type": "postgres"}),
    "accounts": ("GET", "/auth/fab/v1/users", None),
}

#: docs/server.md says the same in words.
MAY = {
    "Viewer": set(),
    "User": {"trigger", "clear", "mark", "delete", "pause", "backfill", "answer"},
    "Op": {"trigger", "clear", "mark", "delete", "pause", "backfill", "answer", "connection"},
    "Admin": set(DEEDS),
}


#: What `init` does with Airflow's database, and the command of docs/server.md: in one process, as each start of
#: Airflow takes seconds. The administrator's password is new the second time, and the same the third time.
PREPARATION = """
import sys
sys.path.insert(0, "docker")
from airflow.__main__ import main

def airflow(*words):
    sys.argv = ["airflow", *words]
    main()

password = sys.argv[1]
airflow("db", "migrate")
airflow("dags", "reserialize")
import admin
for word in ("first", password, password):
    print(admin.ensure(word))
airflow("users", "create", "--role", "Viewer", "--username", "viewer", "--email", "viewer@example.org",
        "--firstname", "Vera", "--lastname", "Viewer", "--password", password)
"""


@dataclass(frozen=True)
class Ui:
    """An api-server with an account for each role, named as the role in lower case."""

    url: str
    password: str
    said: str
    tokens: dict[str, str] = field(default_factory=dict)

    def client(self) -> httpx.Client:
        # trust_env: no proxy between us and 127.0.0.1.
        return httpx.Client(base_url=self.url, trust_env=False, timeout=30)

    def ask(self, role: str | None, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        """An answer of the API to an account of the role, or to nobody."""
        with self.client() as client:
            if role and role not in self.tokens:
                login = {"username": role.lower(), "password": self.password}
                self.tokens[role] = client.post("/auth/token", json=login).json()["access_token"]
            headers = {"Authorization": f"Bearer {self.tokens[role]}"} if role else {}
            return client.request(method, path, json=body, headers=headers)


def _environment(services: dict[str, dict[str, Any]], folder: Path, port: int, connections: dict[str, str]) -> dict:
    """The api-server's of the compose file, but for places."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "CITY_ORDER"))}
    settings = {name: value.replace("/opt/airflow", str(ROOT)) for name, value in _of_api_server(services).items()}
    mounted = next(mount for mount in services["api-server"]["volumes"] if isinstance(mount, dict))
    assert settings["AIRFLOW__FAB__CONFIG_FILE"] == mounted["target"].replace("/opt/airflow", str(ROOT))
    here = {
        "AIRFLOW_HOME": str(folder),
        "PYTHONPATH": str(ROOT),
        "AIRFLOW__FAB__CONFIG_FILE": str(ROOT / mounted["source"]),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(24),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(64),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": connections["airflow"].replace("postgresql", "postgresql+psycopg2", 1),
        "AIRFLOW_CONN_WAREHOUSE_ANALYST": connections["analyst"],
    }
    return inherited | settings | here


def _of_api_server(services: dict[str, dict[str, Any]]) -> dict[str, str]:
    return services["api-server"]["environment"]


@pytest.fixture(scope="module")
def connections(admin_dsn: str, template: tuple[str, dict[str, str]]) -> Iterator[dict[str, str]]:
    """An empty database for Airflow and a migrated warehouse, each under the role that the server has for it."""
    source, passwords = template
    names = {"airflow": f"airflow_{secrets.token_hex(4)}", "analyst": f"warehouse_{secrets.token_hex(4)}"}
    roles = {"airflow": "airflow", "analyst": "city_order_analyst"}
    parts = parse_dsn(admin_dsn)
    with closing(psycopg2.connect(admin_dsn)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"create database {names['airflow']} owner airflow")
            cursor.execute(f"create database {names['analyst']} template {source} owner city_order_owner")
            cursor.execute(f"grant connect on database {names['analyst']} to city_order_analyst")
            yield {
                key: f"postgresql://{roles[key]}:{passwords[roles[key]]}@{parts['host']}:{parts['port']}/{name}"
                for key, name in names.items()
            }
            for name in names.values():
                cursor.execute(f"drop database {name} with (force)")


@pytest.fixture(scope="module")
def ui(
    services: dict[str, dict[str, Any]], connections: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ui]:
    folder = tmp_path_factory.mktemp("airflow")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = _environment(services, folder, port, connections)

    password = secrets.token_urlsafe(12)
    done = subprocess.run(
        [sys.executable, "-c", PREPARATION, password], cwd=ROOT, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"

    log = folder / "api-server.log"
    with log.open("wb") as out:
        command = [sys.executable, "-m", *services["api-server"]["command"]]
        server = subprocess.Popen(command, cwd=ROOT, env=env, stdout=out, stderr=out, start_new_session=True)
    try:
        here = Ui(f"http://127.0.0.1:{port}", password, done.stdout)
        _wait(here, server, log)
        for role in ("User", "Op"):
            account = {"username": role.lower(), "password": password, "roles": [{"name": role}]}
            account |= {"first_name": role, "last_name": role, "email": f"{role}@example.org"}
            made = here.ask("Admin", "POST", "/auth/fab/v1/users", account)
            assert made.is_success, made.text
        _ask_a_question(here, connections["airflow"])
        yield here
    finally:
        server.kill()
        server.wait()


def _ask_a_question(ui: Ui, airflow_dsn: str) -> None:
    """A run `asked` whose task waits for an answer, as a scheduler would leave it."""
    made = ui.ask("Admin", "POST", QUESTIONS, {"logical_date": None, "dag_run_id": "asked"})
    assert made.is_success, made.text
    with closing(psycopg2.connect(airflow_dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(
            """
            insert into hitl_detail (ti_id, options, subject, multiple, params, params_input, created_at)
            select id, '["Approve", "Reject"]', 'Publish it?', false, '{}', '{}', now() from task_instance
            where dag_id = 'approve_release' and run_id = 'asked' and task_id = 'ask'
            """
        )
        assert cursor.rowcount == 1


def _wait(ui: Ui, server: subprocess.Popen[bytes], log: Path) -> None:
    with ui.client() as client:
        for _ in range(240):
            assert server.poll() is None, log.read_text()[-3000:]
            try:
                if client.get("/api/v2/monitor/health").is_success:
                    return
            except httpx.TransportError:
                time.sleep(0.25)
    raise AssertionError(log.read_text()[-3000:])


def test_init_makes_the_administrator_once_and_its_password_is_the_secrets(ui: Ui) -> None:
    told = ["Made the account admin", "Set the password of admin anew", "The account admin is there"]
    assert [line for line in ui.said.splitlines() if line in told] == told
    with ui.client() as client:
        assert client.post("/auth/token", json={"username": "admin", "password": "first"}).status_code == 401
    users = ui.ask("Admin", *DEEDS["accounts"]).json()["users"]
    roles = {user["username"]: [role["name"] for role in user["roles"]] for user in users}
    assert roles == {"admin": ["Admin"], "viewer": ["Viewer"], "user": ["User"], "op": ["Op"]}


@pytest.mark.parametrize("role", MAY)
def test_everyone_with_an_account_sees_the_dags_the_runs_and_the_page(ui: Ui, role: str) -> None:
    dags = ui.ask(role, "GET", "/api/v2/dags").json()["dags"]
    assert {dag["dag_id"] for dag in dags} == {path.stem for path in (ROOT / "dags").glob("*.py")}
    ui.ask("Admin", "POST", RUNS, {"logical_date": None, "dag_run_id": "seen"})
    assert "seen" in {run["dag_run_id"] for run in ui.ask(role, "GET", RUNS).json()["dag_runs"]}
    page = ui.ask(role, "GET", "/city-order/")
    assert page.status_code == 200 and "<h1>City Order</h1>" in page.text


@pytest.mark.parametrize("role", MAY)
def test_a_role_may_do_what_is_its_and_is_refused_the_rest(ui: Ui, role: str) -> None:
    answers = {}
    for deed, (method, path, body) in DEEDS.items():
        seen = ui.ask("Admin", "POST", RUNS, {"logical_date": None, "dag_run_id": "seen"})
        assert seen.status_code in (200, 409), seen.text
        answers[deed] = ui.ask(role, method, path, body).status_code
    # 409: what another role had made before is there.
    assert {deed for deed, status in answers.items() if status in (200, 201, 204, 409)} == MAY[role], answers
    assert {deed for deed, status in answers.items() if status == 403} == set(DEEDS) - MAY[role], answers


def test_whoever_answered_is_named(ui: Ui) -> None:
    for role in MAY:
        ui.ask(role, *DEEDS["answer"])
    (question,) = ui.ask("Viewer", "GET", f"{QUESTIONS}/asked/hitlDetails").json()["hitl_details"]
    assert (question["chosen_options"], question["responded_by_user"]["name"]) == (["Approve"], "user")


def test_what_a_viewer_was_refused_left_nothing_behind(ui: Ui) -> None:
    before = ui.ask("Admin", "GET", RUNS).json()
    assert before["dag_runs"]
    for method, path, body in DEEDS.values():
        ui.ask("Viewer", method, path, body)
    assert ui.ask("Admin", "GET", RUNS).json() == before


def test_nobody_gets_nothing(ui: Ui) -> None:
    asked = [("GET", "/city-order/", None), ("GET", "/api/v2/dags", None), ("GET", RUNS, None), *DEEDS.values()]
    refused = {(method, path): ui.ask(None, method, path, body).status_code for method, path, body in asked}
    assert set(refused.values()) == {401}, refused


def test_the_login_form_gives_a_cookie_with_which_the_page_opens(ui: Ui) -> None:
    with ui.client() as browser:
        assert browser.get("/city-order/").status_code == 401
        _log_in(browser, "viewer", ui.password)
        assert browser.get("/city-order/").status_code == 200


def test_nobody_registers_by_oneself_and_passwords_cannot_be_guessed_at_the_form(ui: Ui) -> None:
    with ui.client() as browser:
        assert browser.get("/auth/register/form").status_code == 404
        answers = [_log_in(browser, "viewer", f"guess {turn}").status_code for turn in range(7)]
        assert answers[-1] == 429, answers
        assert browser.get("/city-order/").status_code == 401


def _log_in(browser: httpx.Client, name: str, password: str) -> httpx.Response:
    form = browser.get("/auth/login/").text
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', form)
    assert token
    return browser.post("/auth/login/", data={"csrf_token": token[1], "username": name, "password": password})
