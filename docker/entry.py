"""The image's entry: turns the secrets that a service was given into its environment, then becomes its command.

A service gets what it was given and no more: no secret of another service, none in the compose file, none in
the image. Standard library only.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from urllib.parse import quote

#: Where the compose file mounts a service's secrets, one a file.
SECRETS = Path("/run/secrets")

#: Airflow's file of UI passwords, which it must be able to write to.
PASSWORDS = Path("/opt/airflow/ui_passwords.json")

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


def environment(secrets: Path = SECRETS, passwords: Path = PASSWORDS) -> dict[str, str]:
    """What the secrets in a folder say, as environment variables. Writes `passwords` if the UI's is among them."""
    variables = {}
    for name, (variable, template) in VARIABLES.items():
        if (secrets / name).exists():
            value = read(name, secrets)
            variables[variable] = template.format(quote(value, safe="") if "@" in template else value)
    if (secrets / "ui_admin").exists():
        passwords.touch(mode=0o600)
        passwords.write_text(json.dumps({"admin": read("ui_admin", secrets)}) + "\n")
        variables["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"] = "admin:admin"  # user:role
        variables["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"] = str(passwords)
    return variables


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit("Which program? For example: airflow scheduler")
    os.execvpe(sys.argv[1], sys.argv[1:], {**os.environ, **environment()})  # noqa: S606
