"""What a person decides about a survey's publication: a brake, its end, and the way back to an earlier release."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from include.city_order import exports, gate, orders, publication
from include.local_platform import postgres
from include.local_platform.home import Home, PlatformError


def brake(home: Home, survey_code: str, why: str, who: str) -> str:
    """Stop publishing a survey; returns what happened, and what comes next. PostgreSQL must run, Airflow need not."""
    with _mistakes_named():
        told = gate.set_brake(_builder(home), survey_code, who, why)
    return (
        f"{told}\nReaders go on seeing what is published; to let them see an earlier release again: "
        f'make roll-back SURVEY={survey_code} RELEASE=number REASON="why"\n'
        f"Next, when all is well: make lift-brake SURVEY={survey_code}"
    )


def lift_brake(home: Home, survey_code: str, who: str) -> str:
    """Let releases of a survey be published again; as `brake`."""
    with _mistakes_named():
        told = gate.lift_brake(_builder(home), survey_code, who)
    if survey_code in orders.surveys_to_build(_builder(home)):
        return f"{told}\nSomething new waits for it. Next: make nightly, or wait for the night"
    return f"{told}\nNothing new waits for it."


def roll_back(home: Home, survey_code: str, release_id: int, why: str, who: str) -> str:
    """Let readers see again what an earlier release said, in both tiers and in files; as `brake`."""
    builder = _builder(home)
    with _mistakes_named():
        try:
            again = orders.roll_back(builder, survey_code, release_id, who, why)
        except (LookupError, ValueError) as error:
            choices = ", ".join(map(str, orders.roll_back_choices(builder, survey_code)))
            raise PlatformError(
                f"{error}\nReleases of {survey_code} that can be rolled back to: {choices or 'none'}"
            ) from error
    told = (
        f"Release {again} of {survey_code} is published. It says what release {release_id} said, "
        "and the brake is set: the next builds are not published."
    )
    # Not left to the next build: what manufacturers see, and the files, must not stay behind by a night.
    try:
        publication.disclose(builder, survey_code)
        folders = exports.write(builder, home.folder("outbox"), survey_code)
    except OSError as error:
        raise PlatformError(
            f"{told}\nBut its files could not be written: {error}\nMend it, then: make nightly. Or trigger "
            f"build_city_order with the partition key {survey_code}."
        ) from error
    written = "\n".join(f"  {folder}" for folder in folders) or "  all are there"
    return (
        f"{told}\nManufacturers see it too, as far as it can be shown to them. Its files:\n{written}\n"
        "Next: mend what was wrong (make nightly builds and audits what stands); then: "
        f"make lift-brake SURVEY={survey_code}"
    )


def _builder(home: Home) -> str:
    return postgres.dsn(home, postgres.WAREHOUSE_DATABASE, postgres.BUILDER_ROLE)


@contextmanager
def _mistakes_named() -> Iterator[None]:
    """What is wrong with a request is told to whoever made it, and no more."""
    try:
        yield
    except (LookupError, ValueError, orders.Overtaken, orders.AuditFailed) as error:
        raise PlatformError(str(error)) from error
