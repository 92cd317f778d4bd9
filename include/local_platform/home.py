"""The platform's home: its folders, its ports and its secrets. Nothing here starts anything."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

CHECKOUT = Path(__file__).resolve().parents[2]

UI_PORT_VARIABLE = "CITY_ORDER_UI_PORT"
DB_PORT_VARIABLE = "CITY_ORDER_DB_PORT"
DEFAULT_PORTS = {UI_PORT_VARIABLE: 8080, DB_PORT_VARIABLE: 5439}

#: A first start writes about 150 MB; below this much a night's work is likely to stop half-way.
LEAST_FREE_BYTES = 1_000_000_000


class PlatformError(Exception):
    """Something that the user can put right: the message says what, where and how."""


@dataclass(frozen=True)
class Home:
    """One installation of the platform: everything that it knows lies under `root`.

    Two homes with different ports run side by side.
    """

    root: Path
    ui_port: int
    db_port: int

    @classmethod
    def find(cls, environ: Mapping[str, str]) -> Home:
        """The home that the environment names, with its ports: asked for, else remembered, else the default."""
        root = Path(environ.get("CITY_ORDER_HOME") or CHECKOUT / ".city-order").expanduser().resolve()
        remembered = _remembered_ports(root)
        return cls(
            root,
            ui_port=_port(environ, UI_PORT_VARIABLE, remembered),
            db_port=_port(environ, DB_PORT_VARIABLE, remembered),
        )

    def folder(self, name: str) -> Path:
        """One of the home's folders: `inbox`, `archive`, `outbox`, `postgres` or `airflow`."""
        return self.root / name

    @property
    def secrets(self) -> Path:
        """Generated secrets, one a file; its owner's only."""
        return self.root / "secrets"

    @property
    def logs(self) -> Path:
        """What the servers and the migrations say."""
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """Which processes run, and the lock of `up` and `down`."""
        return self.root / "run"

    @property
    def ui(self) -> str:
        """Airflow's address."""
        return f"http://127.0.0.1:{self.ui_port}"

    @property
    def existed(self) -> bool:
        """Whether the platform was ever started here."""
        return _ports_file(self.root).exists()

    def create(self) -> None:
        """Make the folders. Only the way through is open to others: PostgreSQL may run as another user."""
        self.root.mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o711)
        for name in ("inbox", "archive", "outbox", "airflow", "secrets", "logs", "run"):
            folder = self.folder(name)
            if not folder.exists():
                folder.mkdir(mode=0o700)
        self.secrets.chmod(0o700)

    def remember_ports(self) -> None:
        """Later commands use these ports when the environment names none."""
        ports = {UI_PORT_VARIABLE: self.ui_port, DB_PORT_VARIABLE: self.db_port}
        replace(_ports_file(self.root), json.dumps(ports) + "\n")

    def secret(self, name: str, make: Callable[[], str] = lambda: secrets.token_urlsafe(24)) -> str:
        """The secret of this name, generated at its first use into a file that only its owner reads."""
        path = self.secrets / name
        if not path.exists():
            replace(path, make() + "\n")
        return path.read_text().strip()


def replace(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    partial.rename(path)


def tail(log: Path, lines: int = 12) -> str:
    """The last lines of a log, for a message."""
    words = log.read_text(errors="replace").splitlines()[-lines:] if log.exists() else []
    return "\n".join([f"{log} ends with:", *(f"  {line}" for line in words)])


def check_space(home: Home) -> None:
    """Refuse to start on a full disk. Raises PlatformError."""
    free = shutil.disk_usage(home.root).free
    if free < LEAST_FREE_BYTES:
        raise PlatformError(
            f"Only {free / 1e6:.0f} MB are free on the disk of {home.root}; the platform needs "
            f"{LEAST_FREE_BYTES / 1e6:.0f} MB.\nMake room, or set CITY_ORDER_HOME to a folder on another disk."
        )


def check_port(port: int, variable: str) -> None:
    """Refuse a port that another program listens on. Raises PlatformError with a free one to try."""
    if port_is_free(port):
        return
    raise PlatformError(
        f"Port {port} of 127.0.0.1 is taken{_holder(port)}.\n"
        f"Stop that program, or choose another port, for example: {variable}={_free_port_after(port)} make up"
    )


def port_is_free(port: int) -> bool:
    """Whether nothing listens on this port of 127.0.0.1."""
    with socket.socket() as probe:
        # Without this, connections that are still closing would make a free port look taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _free_port_after(port: int) -> int:
    return next(other for other in range(port + 1, 65536) if port_is_free(other))


def _holder(port: int) -> str:
    """Who listens on the port, as far as this user may see it."""
    try:
        pids = {
            found.pid
            for found in psutil.net_connections("tcp")
            if found.status == psutil.CONN_LISTEN and found.laddr and found.laddr.port == port and found.pid
        }
        holders = [psutil.Process(pid) for pid in sorted(pids)]
        return "".join(f" by {holder.name()} (pid {holder.pid}, in {holder.cwd()})" for holder in holders[:1])
    except psutil.Error:
        return ""


def _ports_file(root: Path) -> Path:
    return root / "ports.json"


def _remembered_ports(root: Path) -> dict[str, int]:
    try:
        return dict(json.loads(_ports_file(root).read_text()))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise PlatformError(f"{_ports_file(root)} cannot be read ({error}). Delete it and try again.") from error


def _port(environ: Mapping[str, str], variable: str, remembered: Mapping[str, int]) -> int:
    asked = environ.get(variable)
    if not asked:
        return remembered.get(variable, DEFAULT_PORTS[variable])
    if not asked.isascii() or not asked.isdigit() or not 1024 <= int(asked) <= 65535:
        raise PlatformError(f"{variable}={asked} is not a port: give a number between 1024 and 65535.")
    return int(asked)
