"""`make reconcile`: what readers see, counted again from all accepted lines."""

from __future__ import annotations

from collections.abc import Iterator

from include.city_order import orders
from include.local_platform import postgres
from include.local_platform.home import Home, PlatformError


def reconcile(home: Home, survey_code: str) -> Iterator[str]:
    """Recount what is published of a survey, or of each; a sentence for each says what differs, and what was compared.

    Nothing is changed; it costs a whole build each. PostgreSQL must run, Airflow need not. Raises PlatformError in the
    end if something differs, or at once if nothing is published of the survey.
    """
    builder = postgres.dsn(home, postgres.WAREHOUSE_DATABASE, postgres.BUILDER_ROLE)
    published = orders.reconcilable(builder)
    if survey_code and survey_code not in published:
        raise PlatformError(f"Nothing is published of {survey_code}. Published are: {', '.join(published) or 'none'}")
    if not published:
        yield "Nothing is published yet: there is nothing to recount."
    differing = dict[str, dict[str, str]]()
    for survey in [survey_code] if survey_code else published:
        if found := orders.reconcile(builder, survey):
            differing[survey] = found
        release_id, has_these_models = published[survey]
        yield f"Release {release_id} of {survey}: {_told(found)}. Compared: {_compared(has_these_models)}."
    if differing:
        told = [f"{survey}, {difference}" for survey, found in differing.items() for difference in found.values()]
        raise PlatformError("\n\n".join([*told, _advice(differing)]))


def _told(found: dict[str, str]) -> str:
    return f"something differs: {', '.join(found)}" if found else "nothing differs"


def _compared(has_these_models: bool) -> str:
    audits = "every audit, over all of its rows"
    if has_these_models:
        return f"{audits}; its recorded figures with its rows, and with a rebuild from its recorded inputs"
    return f"{audits}; not its figures, which are by other models: from the survey's next release on they can be"


def _advice(differing: dict[str, dict[str, str]]) -> str:
    brakes = "\n".join(f'  make brake SURVEY={survey} REASON="it does not add up"' for survey in differing)
    return (
        f"What to do: readers see this. Let nothing else be published on top of it:\n{brakes}\n"
        "Each audit is a SELECT: run it with the release's number to see all of its rows. If a model, an audit or a "
        "load is wrong, mend it: after a change of the models, the next build makes the whole order anew. If rows were "
        "damaged in the database, restore the last backup of which `make reconcile` says that nothing differs "
        "(docs/upkeep.md)."
    )
