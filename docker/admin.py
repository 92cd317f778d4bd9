"""The UI's account `admin`, with the password from standard input: made, or given that password. Safe to repeat.

Only if accounts are Airflow's own (docker/login.py): with OIDC or LDAP, whoever has that name there would
come in as an administrator.
"""

from __future__ import annotations

import sys

from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder
from airflow.utils.providers_configuration_loader import providers_configuration_loaded
from flask_appbuilder.const import AUTH_DB
from werkzeug.security import check_password_hash

NAME = "admin"


@providers_configuration_loaded
def ensure(password: str) -> str:
    """Make the account, or set its password if it has another; what was done. Raises SystemExit if it could not."""
    with get_application_builder() as builder:
        accounts = builder.sm
        accounts.sync_roles()
        if accounts.auth_type != AUTH_DB:
            return f"Accounts are kept elsewhere: none is made for {NAME}"
        account = accounts.find_user(username=NAME)
        if account is None:
            role = accounts.find_role("Admin")
            if not accounts.add_user(NAME, "City Order", "Administrator", "admin@localhost", role, password):
                raise SystemExit(f"The account {NAME} could not be made; the log above says why")
            return f"Made the account {NAME}"
        if check_password_hash(account.password, password):
            return f"The account {NAME} is there"
        if not accounts.reset_password(account.id, password):
            raise SystemExit(f"The password of {NAME} could not be set; the log above says why")
        return f"Set the password of {NAME} anew"


if __name__ == "__main__":
    print(ensure(sys.stdin.read()), flush=True)
