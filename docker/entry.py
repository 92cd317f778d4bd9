"""The image's entry: turns the secrets that a service was given into its environment, then becomes its command.

A service gets what it was given and no more: no secret of another service, none in the compose file, none in
the image. Standard library only.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from urllib.parse import quote, urlsplit

#: Where the compose file mounts a service's secrets, one a file.
SECRETS = Path("/run/secrets")

_AIRFLOW = "postgresql+psycopg2://airflow:{}@postgres:5432/airflow"
_WAREHOUSE = "postgresql://{role}:{{}}@postgres:5432/warehouse"

#: Secret → the variable that holds it, and its value around the (quoted) secret.
VARIABLES = {
    "airflow": ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", _AIRFLOW),
    "city_order_owner": ("CITY_ORDER_OWNER_DSN", _WAREHOUSE.format(role="city_order_owner")),
    "city_order_ingest": ("AIRFLOW_CONN_WAREHOUSE_INGEST", _WAREHOUSE.format(role="city_order_ingest")),
    "city_order_builder": ("AIRFLOW_CONN_WAREHOUSE_BUILDER", _WAREHOUSE.format(role="city_order_builder")),
    "city_order_analyst": ("AIRFLOW_CONN_WAREHOUSE_ANALYST", _WAREHOUSE.format(role="city_order_analyst")),
    "fernet_key": ("AIRFLOW__CORE__FERNET_KEY", "{}"),
    "api_secret_key": ("AIRFLOW__API__SECRET_KEY", "{}"),
    "jwt_secret": ("AIRFLOW__API_AUTH__JWT_SECRET", "{}"),
    "redis": ("AIRFLOW__CELERY__BROKER_URL", "redis://:{}@redis:6379/0"),
}


def read(name: str, secrets: Path = SECRETS) -> str:
    """A secret. Raises SystemExit, with what to do, if it is missing, unreadable or empty."""
    try:
        value = (secrets / name).read_text().strip()
    except OSError as error:
        raise SystemExit(f"The secret {name} cannot be read ({error.strerror}). {_REMEDY}") from error
    if not value:
        raise SystemExit(f"The secret {name} is empty. {_REMEDY}")
    return value


_REMEDY = "On the server: delete it in docker/secrets if it is there, and run docker/make-secrets (see docs/server.md)."


def environment(secrets: Path = SECRETS) -> dict[str, str]:
    """What the secrets in a folder say, as environment variables."""
    variables = {}
    for name, (variable, template) in VARIABLES.items():
        if (secrets / name).exists():
            value = read(name, secrets)
            variables[variable] = template.format(quote(value, safe="") if "@" in template else value)
    return variables


def proxied(url: str) -> dict[str, str]:
    """What the UI needs to know if people reach it at `url`, through a proxy; "" if they reach it as it is.

    Raises SystemExit if the address has a path: the other services ask for the API at its root.
    """
    if not url:
        return {}
    if urlsplit(url).scheme not in ("http", "https") or urlsplit(url).path not in ("", "/"):
        raise SystemExit(f"CITY_ORDER_UI_URL in .env must be an address without a path, https://HOST, not {url}")
    return {
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__FAB__COOKIE_SECURE": str(url.startswith("https:")),
        # Whoever reaches the port is the proxy, which says whom it speaks for and by which scheme.
        "FORWARDED_ALLOW_IPS": "*",
    }


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit("Which program? For example: airflow scheduler")
    variables = environment() | proxied(os.environ.get("CITY_ORDER_UI_URL", ""))
    os.execvpe(sys.argv[1], sys.argv[1:], {**os.environ, **variables})  # noqa: S606
