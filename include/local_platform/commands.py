"""What the commands do: bring the platform up and down, and run its jobs."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.local_platform import airflow, postgres, rotation
from include.local_platform.home import UI_PORT_VARIABLE, Home, PlatformError, check_port, check_space, tail
from include.local_platform.rest import Airflow

if TYPE_CHECKING:
    from include.city_order.replay import Asked

#: A cold start on a busy machine takes about a minute.
START_PATIENCE_S = 240


def up(home: Home, before_airflow: Callable[[], None] = lambda: None) -> Airflow:
    """Start whatever does not run, wait until all of it is healthy, and return a client.

    `before_airflow` is called when the databases are ready, before the scheduler can start a run.
    """
    home.create()
    with _alone(home):
        airflow.expect_same_folders(home, os.environ)
        _start_databases(home)
        stopped = [component for component in airflow.COMPONENTS if not airflow.running(home, component)]
        _migrate(home, airflow.environment(home, os.environ), with_airflow=bool(stopped))
        before_airflow()
        env = airflow.environment(home, os.environ)
        password = airflow.write_password(home)
        began = datetime.now(UTC)
        if stopped:
            print(f"Starting Airflow: {', '.join(stopped)}", flush=True)
        for component in stopped:
            airflow.start(home, component, env)
        client = Airflow(home.ui, airflow.ADMIN, password)
        _wait_until_healthy(home, client, began, stopped)
    print(f"UI {home.ui}  login {airflow.ADMIN} / {password}", flush=True)
    return client


def up_and_explain(home: Home) -> None:
    """`up`, and what can be done then."""
    up(home)
    print(
        f"Drops go into {airflow.inbox(home, os.environ)}/<survey>/<agency>/\n"
        "Next: `make nightly` collects them now, `make dsn` prints a read-only connection to the warehouse, "
        "`make down` stops everything"
    )


def down(home: Home) -> None:
    """Stop every process of this home."""
    if not home.existed:
        print(f"Nothing to stop: the platform was never started in {home.root}")
        return
    with _alone(home):
        stopped = airflow.stop(home)
        cluster = _cluster(home)
        if cluster.running():
            stopped.append("PostgreSQL")
        cluster.stop()
        places = [home.root] if cluster.place == cluster.folder else [home.root, cluster.place]
    print(f"Stopped: {', '.join(stopped)}" if stopped else "Nothing was running")
    print(f"All data stays in {' and '.join(map(str, places))}; `make up` goes on from there")


def dsn(home: Home, tier: str = "internal") -> None:
    """Print the read-only connection to a tier of the warehouse, and nothing else, on stdout."""
    if not home.existed:
        raise PlatformError(f"There is no warehouse yet in {home.root}. Start the platform first: make up")
    roles = {"internal": postgres.ANALYST_ROLE, "published": postgres.READER_ROLE}
    if not (role := roles.get(tier)):
        raise PlatformError(f"There is no tier {tier} of the warehouse: say TIER=published, or none for all of it")
    print(postgres.dsn(home, postgres.WAREHOUSE_DATABASE, role))
    if not _cluster(home).running():
        print("PostgreSQL is not running. Start it: make up", file=sys.stderr)


def nightly(home: Home) -> None:
    """Run the nightly job now, on a platform that is brought up if need be."""
    from include.local_platform import runs  # Here and below: `up` and `down` need nothing of the warehouse.

    runs.nightly(home, up(home))


def backfill(home: Home, first: date, last: date) -> None:
    """Process past drop dates again, on a platform that is brought up if need be."""
    from include.local_platform import runs

    runs.check_dates(first, last, now=datetime.now(UTC))
    runs.backfill(home, up(home), first, last)


def replay(home: Home, asked: Asked, *, is_dry_run: bool) -> None:
    """Judge a survey's archived answers again, or print what that would change.

    A dry run needs only PostgreSQL, and stores nothing. Otherwise the platform is brought up if need be.
    """
    from include.local_platform import replaying, runs

    if is_dry_run:
        _expect_warehouse(home)
        airflow.expect_same_folders(home, os.environ)
        print(replaying.rehearse(home, asked))
    else:
        replaying.expect_known(asked)
        runs.replay(home, up(home), asked)


def form(home: Home, survey_code: str, agency_code: str, to: Path) -> None:
    """Write the form of a survey to fill in. Nothing needs to run for it."""
    from include.local_platform import before_dropping

    airflow.expect_same_folders(home, os.environ)
    file = before_dropping.form(os.environ, survey_code, agency_code, to)
    print(f"The form: {file}")
    print(f"Next, when it is filled in: make check FILE=… SURVEY={survey_code} AGENCY={agency_code or '…'}")


def check(home: Home, file: Path, survey_code: str, agency_code: str, to: Path) -> None:
    """Print what the night would answer to a file, write its protocol into a folder, and touch nothing else."""
    from include.local_platform import before_dropping

    _expect_warehouse(home)
    airflow.expect_same_folders(home, os.environ)
    print(before_dropping.check(home, file, survey_code, agency_code, to))


def brake(home: Home, survey_code: str, why: str, who: str) -> None:
    """Stop publishing a survey until the brake is lifted."""
    from include.local_platform import steering

    _expect_warehouse(home)
    print(steering.brake(home, survey_code, why, who))


def lift_brake(home: Home, survey_code: str, who: str) -> None:
    """Let releases of a survey be published again."""
    from include.local_platform import steering

    _expect_warehouse(home)
    print(steering.lift_brake(home, survey_code, who))


def roll_back(home: Home, survey_code: str, release_id: int, why: str, who: str) -> None:
    """Let readers see again what an earlier release said."""
    from include.local_platform import steering

    _expect_warehouse(home)
    airflow.expect_same_folders(home, os.environ)
    print(steering.roll_back(home, survey_code, release_id, why, who))


def reconcile(home: Home, survey_code: str) -> None:
    """Recount what is published of a survey, or of all, from all accepted lines; nothing is changed."""
    from include.local_platform import reconciling

    _expect_warehouse(home)
    for told in reconciling.reconcile(home, survey_code):
        print(told, flush=True)


def proposals(home: Home, survey_code: str, to: Path | None) -> None:
    """Print names that nobody knows beside those they look like, and how to decide; nothing is changed."""
    from include.local_platform import review

    _expect_warehouse(home)
    airflow.expect_same_folders(home, os.environ)
    print(review.listed(home, survey_code, to))


def backup(home: Home, folder: Path) -> None:
    """Keep the warehouse, the archive and the answers as they are now, in a folder of backups."""
    from include.local_platform import backup as backups

    if not home.existed:
        raise PlatformError(f"There is nothing to back up yet in {home.root}. Start the platform first: make up")
    began = time.monotonic()
    with _alone(home), _postgres_running(home):
        partial = backups.begin(folder)
        try:
            print(
                "Dumping the warehouse, then copying what the folder lacks of the archive and the answers", flush=True
            )
            owner = postgres.dsn(home, postgres.WAREHOUSE_DATABASE, postgres.OWNER_ROLE)
            backups.write_contents(partial, owner, dump=True)
            kept = backups.keep(partial, home.folder("archive"), home.folder("outbox"))
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    print(f"{backups.describe(kept)}\nThe backup took {time.monotonic() - began:.0f} s: {kept}")
    print(f"It holds personal data: only you can read it. Next: make restore FROM={folder}, into a fresh home")


def restore(home: Home, source: Path) -> None:
    """Fill a fresh home from a backup, and show that it holds the same."""
    from include.local_platform import backup as backups

    chosen = backups.find(source)
    backups.check_whole(chosen)
    began = time.monotonic()
    home.create()
    with _alone(home):
        check_space(home)
        _cluster(home).initialise()
        with _postgres_running(home) as cluster:
            print(f"Restoring {chosen} into {home.root}", flush=True)
            postgres.begin_restore(cluster.dsn("postgres"), _passwords(home))
            owner = postgres.dsn(home, postgres.RESTORED_DATABASE, postgres.OWNER_ROLE)
            backups.put_back(chosen, home.folder("archive"), home.folder("outbox"))
            backups.load(chosen, owner)
            with tempfile.TemporaryDirectory() as restored:
                backups.write_contents(Path(restored), owner, dump=False)
                print(backups.check(chosen, Path(restored), owner), flush=True)
            postgres.finish_restore(cluster.dsn("postgres"))
        home.remember_ports()
    print(f"Restored in {time.monotonic() - began:.0f} s. Airflow's own history was in no backup: it begins anew")
    print(
        "Next: put the inbox back with its times kept (cp -a), or leave it empty: "
        f"{airflow.inbox(home, os.environ)}\nThen: make up"
    )


def rotate(home: Home) -> None:
    """Make every generated secret anew, and start the platform with them."""
    if not home.existed:
        raise PlatformError(f"There are no secrets yet in {home.root}: `make up` makes them")
    with _alone(home):
        print("Stopping everything, to make every secret anew", flush=True)
        airflow.stop(home)
        rotation.forget(home)
        _cluster(home).reset_password()
    up(home, before_airflow=lambda: _encrypt_anew(home))
    print("Every secret is new. Whoever kept a connection to the warehouse asks for it again: make dsn")


def demo(home: Home) -> None:
    """Sample drops, the platform, one night: from nothing to a city order that can be looked at."""
    from include.local_platform import runs

    airflow.expect_same_folders(home, os.environ)
    began = time.monotonic()
    home.create()
    inbox = airflow.inbox(home, os.environ)
    log = home.logs / "sample-drops.log"
    print(f"Writing sample drops into {inbox}", flush=True)
    samples = airflow.run_module(["include.sample_drops", "--to", str(inbox)], os.environ, log)
    written = datetime.now(UTC)

    def drops_are_written() -> None:
        nonlocal written
        airflow.finish(samples, "Writing the sample drops", log)
        written = datetime.now(UTC)

    try:
        client = up(home, before_airflow=drops_are_written)
    finally:
        samples.kill()
    runs.nightly(home, client, since=written)
    print(f"The demo took {time.monotonic() - began:.0f} s. The UI stays up: {home.ui}")
    print(f"The agencies' protocols are in {home.folder('outbox')}")
    print(
        'Next: `psql "$(make dsn)" -c "select * from city_order.current_order_line"` shows the whole order, '
        "`make nightly` collects new drops, `make down` stops everything"
    )


def _expect_warehouse(home: Home) -> None:
    """Raise PlatformError if PostgreSQL does not run."""
    if not home.existed:
        raise PlatformError(f"There is no warehouse yet in {home.root}. Start the platform first: make up")
    if not _cluster(home).running():
        raise PlatformError("PostgreSQL is not running. Start it: make up")


def _start_databases(home: Home) -> None:
    cluster = _cluster(home)
    _refuse_other_ports(home, cluster)
    check_space(home)
    if not cluster.running():
        # Components that lost their database end sooner or later: begin with all of them anew.
        airflow.stop(home)
    if not airflow.running(home, "api-server"):
        check_port(home.ui_port, UI_PORT_VARIABLE)
    if not cluster.running():
        print("Starting PostgreSQL", flush=True)
    cluster.initialise()
    cluster.start()
    home.remember_ports()
    postgres.provision(cluster.dsn("postgres"), _passwords(home))


@contextlib.contextmanager
def _postgres_running(home: Home) -> Iterator[postgres.Cluster]:
    """PostgreSQL alone; afterwards it runs if it ran before."""
    cluster = _cluster(home)
    ran = cluster.running()
    try:
        cluster.start()
        yield cluster
    finally:
        if not ran:
            cluster.stop()


def _encrypt_anew(home: Home) -> None:
    """Let Airflow encrypt with the new Fernet key what it has encrypted with an old one."""
    print("Encrypting anew what Airflow has encrypted", flush=True)
    log = home.logs / "rotate-fernet-key.log"
    env = airflow.environment(home, os.environ)
    airflow.finish(airflow.run_module(["airflow", "rotate-fernet-key"], env, log), "Rotating the Fernet key", log)
    rotation.finish(home)


def _passwords(home: Home) -> dict[str, str]:
    return {role: home.secret(role) for role in postgres.ROLES}


def _refuse_other_ports(home: Home, cluster: postgres.Cluster) -> None:
    """A home that runs cannot change its ports."""
    kept = Home.find({"CITY_ORDER_HOME": str(home.root)})
    if kept == home or not home.existed:
        return
    if cluster.running() or any(airflow.running(home, component) for component in airflow.COMPONENTS):
        raise PlatformError(
            f"This home runs on the ports {kept.ui_port} (UI) and {kept.db_port} (PostgreSQL), "
            f"not {home.ui_port} and {home.db_port}.\nTo change them, stop it first: make down"
        )


def _migrate(home: Home, env: dict[str, str], with_airflow: bool) -> None:
    """Bring both databases to the schema of this checkout, side by side."""
    owner_dsn = postgres.dsn(home, postgres.WAREHOUSE_DATABASE, postgres.OWNER_ROLE)
    migrations = [
        (
            "warehouse",
            ["alembic", "-c", "include/sql/alembic.ini", "upgrade", "head"],
            {"CITY_ORDER_OWNER_DSN": owner_dsn},
        )
    ]
    if with_airflow:
        print("Migrating the warehouse and Airflow's database", flush=True)
        migrations.append(("Airflow", ["airflow", "db", "migrate"], {}))
    begun = []
    for what, command, extra in migrations:
        log = home.logs / f"migrate-{what.lower()}.log"
        begun.append((airflow.run_module(command, env | extra, log), f"Migrating the database of {what}", log))
    for process, what, log in begun:
        airflow.finish(process, what, log)


def _wait_until_healthy(home: Home, client: Airflow, began: datetime, started: list[str]) -> None:
    """Wait for all components, saying which has come up. Raises PlatformError if one ends or none comes."""
    waiting = dict.fromkeys(airflow.COMPONENTS)
    first_look = time.monotonic()
    while waiting:
        health = client.health()
        airflow.expect_running(home)
        for component in list(waiting):
            if health and _healthy(component, health, began if component in started else None):
                del waiting[component]
                if component in started:
                    print(f"  {component} is up ({time.monotonic() - first_look:.0f} s)", flush=True)
        if waiting and time.monotonic() - first_look > START_PATIENCE_S:
            log = airflow.log_file(home, next(iter(waiting)))
            raise PlatformError(f"Airflow's {', '.join(waiting)} does not become healthy.\n{tail(log)}")
        if waiting:
            time.sleep(0.5)


def _healthy(component: str, health: dict[str, Any], began: datetime | None) -> bool:
    """Whether a component is well; one started at `began` must have shown itself since.

    For half a minute after a kill, Airflow still believes the dead one's last heartbeat.
    """
    if component == "api-server":
        return bool(health["metadatabase"]["status"] == "healthy")
    name = component.replace("-", "_")
    report = health.get(name) or {}
    alive = report.get("status") == "healthy"
    return alive and (began is None or datetime.fromisoformat(report[f"latest_{name}_heartbeat"]) >= began)


def _cluster(home: Home) -> postgres.Cluster:
    return postgres.Cluster(
        home.folder("postgres"), home.db_port, home.secret("postgres"), log=home.logs / "postgres.log"
    )


@contextlib.contextmanager
def _alone(home: Home) -> Iterator[None]:
    """One `up` or `down` at a time per home."""
    with (home.run / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another command is starting or stopping this home; waiting for it", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
