"""Brings both databases to what this image needs: roles, databases, schemas, the UI's first account. Safe to repeat.

The only program that is given the superuser's and the owner's password; it runs before the others and ends.
"""

from __future__ import annotations

import os
import subprocess
import sys

import entry

from include.local_platform import postgres


def main() -> None:
    """Raises SystemExit if the inbox cannot be read, CalledProcessError if a migration fails."""
    inbox = os.environ["CITY_ORDER_INBOX"]
    if not os.access(inbox, os.R_OK | os.X_OK):
        raise SystemExit(
            f"The inbox cannot be read by the containers' user ({os.getuid()}). On the server, let that user in: "
            f"setfacl -R -m u:{os.getuid()}:rX,d:u:{os.getuid()}:rX INBOX"
        )
    print("Roles and databases", flush=True)
    admin = f"postgresql://postgres:{entry.quote(entry.read('postgres'), safe='')}@postgres:5432/postgres"
    postgres.provision(admin, {role: entry.read(role) for role in postgres.ROLES})
    print("The warehouse's schema", flush=True)
    _run("alembic", "-c", "include/sql/alembic.ini", "upgrade", "head")
    print("Airflow's schema", flush=True)
    _run("airflow", "db", "migrate")
    subprocess.run([sys.executable, "docker/admin.py"], input=entry.read("ui_admin"), text=True, check=True)
    print("Both databases are ready", flush=True)


def _run(*module: str) -> None:
    subprocess.run([sys.executable, "-m", *module], check=True)


if __name__ == "__main__":
    main()
