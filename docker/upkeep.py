"""What docker/backup and docker/restore do inside containers: each step in a service that is given what it needs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import entry

from include.local_platform import backup, postgres
from include.local_platform.home import PlatformError


def keep(partial: str) -> None:
    """In `scheduler`: add the archive and the answers to a dump, and make it a backup."""
    print(backup.describe(backup.keep(Path(partial), *_folders())))


def begin_restore(source: str) -> None:
    """In `init`: refuse what cannot be restored, and make the roles and an empty database."""
    backup.check_whole(Path(source))
    postgres.begin_restore(_dsn("postgres", "postgres"), {role: entry.read(role) for role in postgres.ROLES})


def put_back(source: str) -> None:
    """In `scheduler`: fill the archive and the outbox."""
    backup.put_back(Path(source), *_folders())


def finish_restore(source: str, restored: str) -> None:
    """In `init`: hold the restored database against its backup; if they are equal, it is the warehouse."""
    owner = _dsn(postgres.OWNER_ROLE, postgres.RESTORED_DATABASE)
    print(backup.check(Path(source), Path(restored), owner), flush=True)
    postgres.finish_restore(_dsn("postgres", "postgres"))


STEPS = {"keep": keep, "begin-restore": begin_restore, "put-back": put_back, "finish-restore": finish_restore}


def _folders() -> tuple[Path, Path]:
    return Path(os.environ["CITY_ORDER_ARCHIVE"]), Path(os.environ["CITY_ORDER_OUTBOX"])


def _dsn(user: str, database: str) -> str:
    return f"postgresql://{user}:{entry.quote(entry.read(user), safe='')}@postgres:5432/{database}"


if __name__ == "__main__":
    try:
        STEPS[sys.argv[1]](*sys.argv[2:])
    except PlatformError as error:
        sys.exit(str(error))
