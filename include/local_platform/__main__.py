"""The command line: `python -m include.local_platform <command>`; the Makefile is its usual caller."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from include.local_platform import commands
from include.local_platform.home import Home, PlatformError

if TYPE_CHECKING:
    from include.city_order.replay import Asked


def main(arguments: list[str] | None = None) -> int:
    """Run one command. 0: done; 1: it could not be done, and the reason is on stderr."""
    parser = argparse.ArgumentParser(prog="python -m include.local_platform", description=commands.__doc__)
    names = parser.add_subparsers(dest="command", required=True, metavar="command")
    names.add_parser("demo", help="sample drops, the platform, one night")
    names.add_parser("up", help="start PostgreSQL and Airflow, or what of them does not run")
    names.add_parser("down", help="stop everything; the data stays")
    names.add_parser("nightly", help="run the nightly job now and follow it to the end")
    backfill = names.add_parser("backfill", help="process past drop dates again")
    backfill.add_argument("--from", dest="first", required=True, metavar="YYYY-MM-DD")
    backfill.add_argument("--to", dest="last", required=True, metavar="YYYY-MM-DD")
    replay = names.add_parser("replay", help="judge a survey's archived answers again, or show what that would change")
    replay.add_argument("--survey", required=True)
    replay.add_argument("--agencies", default="", metavar="A,B", help="all, if none is named")
    replay.add_argument("--history", action="store_true", help="superseded revisions, too")
    replay.add_argument("--reason", default="", help="recorded; needed unless it is a dry run")
    replay.add_argument("--who", default="", help="who wants it; otherwise the user of this machine")
    replay.add_argument("--dry-run", action="store_true", help="only show what would change")
    dsn = names.add_parser("dsn", help="print the read-only connection to the warehouse")
    dsn.add_argument("--tier", default="internal", metavar="internal|published")
    form = names.add_parser("form", help="write the form of a survey to fill in")
    check = names.add_parser("check", help="say what the night would answer to a file, and touch nothing")
    check.add_argument("--file", required=True)
    for command in (form, check):
        command.add_argument("--survey", required=True)
        command.add_argument("--agency", required=command is check, default="")
        command.add_argument("--to", dest="folder", default="", metavar="FOLDER")
    brake = names.add_parser("brake", help="stop publishing a survey")
    lift_brake = names.add_parser("lift-brake", help="let releases of a survey be published again")
    roll_back = names.add_parser("roll-back", help="let readers see again what an earlier release said")
    roll_back.add_argument("--release", required=True, metavar="NUMBER")
    for command in (brake, lift_brake, roll_back):
        command.add_argument("--survey", required=True)
        command.add_argument("--who", default="", help="who decides; otherwise the user of this machine")
        if command is not lift_brake:
            command.add_argument("--reason", required=True)
    reconcile = names.add_parser("reconcile", help="recount what is published from all accepted lines")
    reconcile.add_argument("--survey", default="", help="all that have a published release, if none is named")
    proposals = names.add_parser("proposals", help="list names that nobody knows beside those they look like")
    proposals.add_argument("--survey", required=True)
    proposals.add_argument("--to", dest="file", default="", metavar="FILE")
    backup = names.add_parser("backup", help="keep warehouse, archive and answers in a folder of backups")
    backup.add_argument("--to", dest="folder", required=True, metavar="FOLDER")
    restore = names.add_parser("restore", help="fill a fresh home from a backup")
    restore.add_argument("--from", dest="source", required=True, metavar="FOLDER")
    names.add_parser("rotate", help="make every secret anew, and start the platform with them")
    given = parser.parse_args(arguments)
    try:
        home = Home.find(os.environ)
        if given.command == "backfill":
            commands.backfill(home, _drop_date("FROM", given.first), _drop_date("TO", given.last))
        elif given.command == "replay":
            commands.replay(home, _replay(given), is_dry_run=given.dry_run)
        elif given.command == "dsn":
            commands.dsn(home, given.tier)
        elif given.command == "form":
            commands.form(home, given.survey, given.agency, _path(given.folder or "."))
        elif given.command == "check":
            file = _path(given.file)
            commands.check(home, file, given.survey, given.agency, _path(given.folder) if given.folder else file.parent)
        elif given.command == "brake":
            commands.brake(home, given.survey, given.reason, given.who or getpass.getuser())
        elif given.command == "lift-brake":
            commands.lift_brake(home, given.survey, given.who or getpass.getuser())
        elif given.command == "roll-back":
            release_id = _number("RELEASE", given.release)
            commands.roll_back(home, given.survey, release_id, given.reason, given.who or getpass.getuser())
        elif given.command == "reconcile":
            commands.reconcile(home, given.survey)
        elif given.command == "proposals":
            commands.proposals(home, given.survey, _path(given.file) if given.file else None)
        elif given.command == "backup":
            commands.backup(home, _path(given.folder))
        elif given.command == "restore":
            commands.restore(home, _path(given.source))
        else:
            {
                "demo": commands.demo,
                "up": commands.up_and_explain,
                "down": commands.down,
                "nightly": commands.nightly,
                "rotate": commands.rotate,
            }[given.command](home)
        sys.stdout.flush()
    except PlatformError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. What was started goes on running; `make down` stops it.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever reads has read enough (`make … | head`). Python would complain once more when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return 0


def _replay(given: argparse.Namespace) -> Asked:
    """What is to be judged again. Raises PlatformError if it is to count, and nobody says why."""
    from include.city_order.replay import Asked  # Which needs the domain's packages; `up` and `down` do not.

    if not given.dry_run and not given.reason.strip():
        raise PlatformError('Say why, it is recorded: REASON="why". Or see first what would change: DRY_RUN=1')
    agencies = tuple(code.strip() for code in given.agencies.split(",") if code.strip())
    return Asked(given.survey, agencies, given.history, given.who or getpass.getuser(), given.reason)


def _path(text: str) -> Path:
    return Path(text).expanduser().resolve()


def _number(variable: str, text: str) -> int:
    """The number that the Makefile's variable gives. Raises PlatformError."""
    if not (text.isascii() and text.isdecimal()):
        raise PlatformError(f"{variable}={text} is not a number: write it like {variable}=12")
    return int(text)


def _drop_date(variable: str, text: str) -> date:
    """The date that the Makefile's variable gives. Raises PlatformError with the right way to write it."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise PlatformError(f"{variable}={text} is not a date: {_advice(text)}") from None


def _advice(text: str) -> str:
    """How to write a date that is written as 12.11.2026, or is none at all."""
    try:
        return f"write it as {datetime.strptime(text, '%d.%m.%Y').date()}"
    except ValueError:
        return "write it as year-month-day, like 2026-11-10"


if __name__ == "__main__":
    sys.exit(main())
