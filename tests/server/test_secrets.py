"""From docker/make-secrets to a service's environment, on a copy of the checkout's few files."""

from __future__ import annotations

import shutil
import stat
import subprocess
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from cryptography.fernet import Fernet
from sqlalchemy import make_url

from include.local_platform import postgres

ROOT = Path(__file__).resolve().parents[2]
NAMES = set(yaml.safe_load((ROOT / "docker-compose.yaml").read_text())["secrets"])


@pytest.fixture
def server(tmp_path: Path) -> Path:
    """A checkout as far as make-secrets sees it, and an inbox beside."""
    (tmp_path / "checkout/docker").mkdir(parents=True)
    (tmp_path / "inbox").mkdir()
    shutil.copy(ROOT / "docker/make-secrets", tmp_path / "checkout/docker")
    return tmp_path


def _make_secrets(server: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # The inbox is named relative to where one stands, which is not the checkout.
    command = ["checkout/docker/make-secrets", *arguments]
    return subprocess.run(command, cwd=server, capture_output=True, text=True)


def _secrets(server: Path) -> dict[str, str]:
    return {path.name: path.read_text().strip() for path in (server / "checkout/docker/secrets").iterdir()}


def test_every_secret_of_the_compose_file_is_made_and_no_two_are_alike(server: Path) -> None:
    assert _make_secrets(server, "inbox").returncode == 0
    secrets = _secrets(server)
    assert set(secrets) == NAMES
    assert len(set(secrets.values())) == len(NAMES)
    assert all(len(value) >= 32 for value in secrets.values())
    assert Fernet(secrets["fernet_key"])


def test_nobody_else_enters_the_folder_but_the_containers_users_can_read_what_is_mounted(server: Path) -> None:
    _make_secrets(server, "inbox")
    folder = server / "checkout/docker/secrets"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o444}


def test_a_second_run_makes_only_what_is_missing(server: Path) -> None:
    _make_secrets(server, "inbox")
    before = _secrets(server)
    (server / "checkout/docker/secrets/jwt_secret").unlink()
    done = _make_secrets(server, "inbox")
    after = _secrets(server)
    assert "Made 1 secrets" in done.stdout
    assert {name for name in NAMES if before[name] != after[name]} == {"jwt_secret"}


def test_it_says_where_the_inbox_is_and_shows_no_secret(server: Path) -> None:
    done = _make_secrets(server, "inbox")
    settings = (server / "checkout/.env").read_text()
    assert f"CITY_ORDER_INBOX={server / 'inbox'}\n" in settings
    assert "CITY_ORDER_SECRETS=./docker/secrets\n" in settings
    assert not [value for value in _secrets(server).values() if value in done.stdout + done.stderr + settings]


@pytest.mark.parametrize(("arguments", "advice"), [((), "make-secrets INBOX"), (("nowhere",), "mkdir -p nowhere")])
def test_without_an_inbox_it_makes_nothing_and_says_what_to_do(
    server: Path, arguments: tuple[str, ...], advice: str
) -> None:
    done = _make_secrets(server, *arguments)
    assert done.returncode == 1
    assert advice in done.stderr
    assert not (server / "checkout/docker/secrets").exists()


def test_a_service_gets_the_environment_of_its_own_secrets_only(entry: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "airflow").write_text("word\n")
    (tmp_path / "fernet_key").write_text("key=\n")
    assert entry.environment(tmp_path) == {
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql+psycopg2://airflow:word@postgres:5432/airflow",
        "AIRFLOW__CORE__FERNET_KEY": "key=",
    }


def test_the_connections_are_those_of_the_provisioned_roles(entry: ModuleType, tmp_path: Path) -> None:
    odd = "p@ss/w:rd%"
    roles = set(postgres.ROLES) - {postgres.READER_ROLE}  # No service connects as a manufacturer.
    for role in roles:
        (tmp_path / role).write_text(odd)
    urls = [make_url(value) for value in entry.environment(tmp_path).values()]
    assert {url.username: url.database for url in urls} == {
        role: postgres.AIRFLOW_DATABASE if role == postgres.AIRFLOW_ROLE else postgres.WAREHOUSE_DATABASE
        for role in roles
    }
    assert {(url.password, url.host) for url in urls} == {(odd, "postgres")}


def test_the_broker_is_asked_with_the_password_of_redis(entry: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "redis").write_text("p@ss/w:rd%")
    url = make_url(entry.environment(tmp_path)["AIRFLOW__CELERY__BROKER_URL"])
    assert (url.password, url.host, url.port) == ("p@ss/w:rd%", "redis", 6379)


def test_every_secret_has_a_use(entry: ModuleType) -> None:
    # A manufacturer connects by itself, with a password that it is told.
    assert {*entry.VARIABLES, "ui_admin", "postgres", postgres.READER_ROLE} == NAMES


def test_an_empty_or_missing_secret_is_named(entry: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "airflow").write_text("\n")
    with pytest.raises(SystemExit, match=r"airflow is empty.*make-secrets"):
        entry.environment(tmp_path)
    with pytest.raises(SystemExit, match=r"postgres cannot be read.*make-secrets"):
        entry.read("postgres", tmp_path)


def test_behind_a_proxy_cookies_are_for_https_and_the_proxy_is_believed(entry: ModuleType) -> None:
    assert entry.proxied("") == {}
    assert entry.proxied("https://order.example.org") == {
        "AIRFLOW__API__BASE_URL": "https://order.example.org",
        "AIRFLOW__FAB__COOKIE_SECURE": "True",
        "FORWARDED_ALLOW_IPS": "*",
    }
    assert entry.proxied("http://intranet:81")["AIRFLOW__FAB__COOKIE_SECURE"] == "False"
    for odd in ("order.example.org", "https://example.org/order"):
        with pytest.raises(SystemExit, match=r"CITY_ORDER_UI_URL in \.env"):
            entry.proxied(odd)


def test_a_component_is_healthy_when_airflow_says_so(healthy: ModuleType) -> None:
    report = {"metadatabase": {"status": "healthy"}, "scheduler": {"status": "unhealthy"}, "dag_processor": {}}
    assert healthy.healthy("api-server", report)
    assert not healthy.healthy("scheduler", report)
    assert not healthy.healthy("dag-processor", report)
    assert healthy.healthy("dag-processor", {"dag_processor": {"status": "healthy"}})
