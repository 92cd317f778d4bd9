"""What a person is asked about a release that waits: its partition key, its subject, and its text in Markdown.

Names of products come from drops. They are shown as code, in which neither Markdown nor HTML nor an address means
anything.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

from include.city_order.vocabulary import DECISION_PATIENCE

#: A survey's code holds none.
_BETWEEN = ":"

#: A name that is longer is cut: a question must be readable at a glance.
LONGEST_NAME = 80


def key(survey_code: str, release_id: int) -> str:
    """The partition key of a question, like `ecb-2027:12`: survey and release can be read off it."""
    return f"{survey_code}{_BETWEEN}{release_id}"


def release_of(partition_key: str) -> tuple[str, int]:
    """The survey and the release that a partition key names. Raises LookupError if it names none."""
    survey_code, _, number = partition_key.partition(_BETWEEN)
    if not survey_code or not (number.isascii() and number.isdecimal()):
        raise LookupError(
            f"{partition_key!r} names no release: write its survey and its number, like {key('ecb-2027', 12)}."
        )
    return survey_code, int(number)


def subject(release: Mapping[str, Any]) -> str:
    """One line for lists of questions; `release` is a row of `include/sql/orders/question.sql`."""
    return f"{release['survey_code']}: publish release {release['release_id']}?"


def body(release: Mapping[str, Any], changes: Iterable[Mapping[str, Any]]) -> str:
    """All that is needed to decide: why a person is asked, what changes most by cause, and what an answer does.

    `changes` are rows of `include/sql/orders/changes_by_cause.sql`, by cause, the biggest first.
    """
    release_id, before = release["release_id"], release["replaces_release_id"]
    table = [
        f"| | release {before}, published | release {release_id} |",
        "|---|---:|---:|",
        f"| pieces, all years | {_number(release['pieces_before'])} | {_number(release['pieces'])} |",
        f"| order lines | {_number(release['order_lines_before'])} | {_number(release['order_lines'])} |",
        f"| agencies that answered | {_answered(release, '_before')} | {_answered(release, '')} |",
    ]
    causes = [_cause(list(rows)) for _, rows in groupby(changes, key=lambda change: change["cause"])]
    return "\n\n".join([
        f"{as_code(release['survey_title'])}: release {release_id} has passed every audit. {release['why']}",
        "\n".join(table),
        "### The biggest changes by cause",
        *(causes or ["What agencies ask for is the same in both; what counts of it is not."]),
        f"All of them: `select * from city_order.release_change where release_id = {release_id}`. "
        "How it was built: [build_city_order](/dags/build_city_order). What came in: [City Order](/plugin/city-order).",
        "**Approve** publishes the release, for readers, manufacturers and in files. **Reject** leaves it audited, and "
        f"what is published stays until the input changes. Without an answer within {DECISION_PATIENCE.days} days it "
        "is not published; the night after builds anew, and asks again. Once a later release of the survey is audited, "
        "this question is outdated: an answer then says so, and does nothing.",
    ])  # fmt: skip


def as_code(text: str) -> str:
    """A text from elsewhere as a code span, fit for a cell of a Markdown table."""
    seen = "".join(" " if unicodedata.category(sign)[0] in "CZ" else sign for sign in text)
    plain = " ".join(seen.replace("`", "'").split())
    short = plain if len(plain) <= LONGEST_NAME else f"{plain[: LONGEST_NAME - 1].rstrip()}…"
    return f"`{short}`".replace("|", "\\|") if short else "–"


def _cause(changes: list[Mapping[str, Any]]) -> str:
    of = changes[0]
    more = of["products"] - len(changes)
    rows = [
        "| product | agencies | pieces before | after | change |",
        "|---|---:|---:|---:|---:|",
        *(
            f"| {as_code(_name(change))} | {change['agencies']} | {_number(change['gross_before'])} "
            f"| {_number(change['gross_after'])} | {_number(change['gross_after'] - change['gross_before'], '+')} |"
            for change in changes
        ),
    ]
    left_out = f"\n\n… and {_number(more)} more products" if more else ""
    title = f"**{of['cause'].replace('_', ' ')}**: {_number(of['products'])} products, {_number(of['pieces'])} pieces"
    return f"{title}\n\n" + "\n".join(rows) + left_out


def _name(change: Mapping[str, Any]) -> str:
    return ", ".join(filter(None, (change["product_name"], change["part_number"], change["manufacturer"])))


def _answered(release: Mapping[str, Any], of: str) -> str:
    answered, asked = release[f"answered_agencies{of}"], release[f"roster_agencies{of}"]
    return "–" if answered is None else f"{answered} of {asked}"


def _number(value: Any, sign: str = "") -> str:
    """A quantity with separated thousands, and no zeros at its end."""
    if value is None:
        return "–"
    text = format(value, f"{sign},f") if not isinstance(value, int) else format(value, f"{sign},d")
    return text.rstrip("0").rstrip(".") if "." in text else text
