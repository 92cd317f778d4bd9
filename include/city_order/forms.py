"""The fillable forms: made for whoever asks, and laid into the outbox while their survey is open."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from include.city_order import fillable_form, outbox, references, suites, surveys
from include.city_order.site import Site
from include.city_order.surveys import Survey

log = logging.getLogger(__name__)


class Unknown(LookupError):
    """A survey or an agency that there is not, or that is not asked: says which there are."""


def make(survey: Survey, reference: Path, agency_code: str = "") -> bytes:
    """The form of a survey; with an agency, the one with its name, INN and KPP. Raises Unknown, ReferenceError."""
    sender = None
    if agency_code:
        expect_asked(survey, agency_code)
        agency = references.agency_on(reference, agency_code, survey.reference_as_of)
        sender = fillable_form.Sender(agency["name"], agency["inn"], agency["kpp"])
    rules = suites.in_force(suites.load(), survey.programme, survey.rules_as_of, survey.thresholds)
    return fillable_form.render(survey, rules, references.choices(reference, survey), sender)


def publish(site: Site, today: date) -> list[str]:
    """Lay the form of every survey that is open today into the outbox; returns the surveys whose form was written.

    It is written if it is new or changed. It stays when its survey closes: a late answer is checked too.
    """
    written = []
    for code, survey in surveys.load(site.surveys).items():
        if not survey.opens <= today <= survey.closes:
            continue
        content, path = make(survey, site.reference), site.outbox / code / file_name(code)
        if path.is_file() and path.read_bytes() == content:
            continue
        outbox.put(path, content)
        written.append(code)
    log.info("%d forms written to %s: %s", len(written), site.outbox, ", ".join(written) or "none is new or changed")
    return written


def file_name(survey_code: str, agency_code: str = "") -> str:
    """What the file of a form is called."""
    return "-".join(part for part in (survey_code, agency_code, "form") if part) + ".xlsx"


def find(folder: Path, survey_code: str) -> Survey:
    """The survey of that code. Raises Unknown, or SurveyError if a survey's file is wrong."""
    known = surveys.load(folder)
    if survey_code not in known:
        raise Unknown(f"There is no survey {survey_code}: {_instead(survey_code, known)}")
    return known[survey_code]


def expect_asked(survey: Survey, agency_code: str) -> None:
    """Raise Unknown unless the agency is on the survey's roster."""
    if agency_code not in survey.roster:
        raise Unknown(
            f"{agency_code} is not on the roster of {survey.survey}: {_instead(agency_code, survey.roster)}.\n"
            "An agency that is to be asked is added to the survey's file, under roster"
        )


def expect_known(reference: Path, agency_code: str) -> None:
    """Raise Unknown unless the city has such an agency, asked or not."""
    known = {row["agency_code"] for row in references.read(reference, "agencies")}
    if agency_code not in known:
        raise Unknown(f"There is no agency {agency_code}: {_instead(agency_code, known)}")


def _instead(code: str, known: Iterable[str]) -> str:
    """What may have been meant, or all that there is."""
    near = difflib.get_close_matches(code, list(known), n=3)
    return f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(sorted(known)) or 'none'}"
