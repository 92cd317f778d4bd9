"""Rotation: every generated secret of a home anew. A rotation that was interrupted is repeated from its beginning.

Nothing here needs an old secret but Fernet's: what Airflow has encrypted in its database is encrypted anew.
"""

from __future__ import annotations

from cryptography.fernet import Fernet

from include.local_platform.home import Home, replace

_FERNET = "fernet_key"


def forget(home: Home) -> None:
    """Delete every secret, so that its next use makes it anew. Fernet gets its new key before its old ones."""
    path = home.secrets / _FERNET
    if path.exists():
        # Airflow reads with any of several keys, and writes with the first.
        replace(path, f"{Fernet.generate_key().decode()},{path.read_text().strip()}\n")
    for other in home.secrets.iterdir():
        if other != path:
            other.unlink()


def finish(home: Home) -> None:
    """Leave Fernet its new key only: by now nothing is encrypted with an old one."""
    path = home.secrets / _FERNET
    replace(path, path.read_text().split(",")[0].strip() + "\n")
