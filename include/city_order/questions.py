"""What a person is asked about a release that waits: its partition key, its subject, and its text in Markdown.

Names of products come from drops, comments from persons. They are shown as code, in which neither Markdown nor HTML
nor an address means anything.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from decimal import Decimal
from itertools import groupby
from typing import Any

from include.city_order.vocabulary import DECISION_PATIENCE

#: What a release changes of the one that it replaces: the column of city_order.release with the share → of what it is.
SHARES = {
    "changed_gross_share": "pieces",
    "changed_lines_share": "order lines",
    "changed_amount_share": "amount",
}

#: A survey's code holds none.
_BETWEEN = ":"

#: A name that is longer is cut: a question must be readable at a glance.
LONGEST_NAME = 80
#: Why a person declined is worth reading whole.
LONGEST_COMMENT = 400

_KOPECKS_OF_A_MILLION_RUB = 100_000_000


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


def body(
    release: Mapping[str, Any],
    changes_by_cause: Iterable[Mapping[str, Any]],
    changes_by_agency: Iterable[Mapping[str, Any]],
    declined_before: Iterable[Mapping[str, Any]],
) -> str:
    """All that is needed to decide: why a person is asked, what changes most, of whom, and what an answer does.

    The others are rows of the files in `include/sql/orders/` that are called as they are, the biggest change first.
    """
    release_id, before = release["release_id"], release["replaces_release_id"]
    table = [
        f"| | release {before}, published | release {release_id} |",
        "|---|---:|---:|",
        f"| pieces, all years | {_number(release['pieces_before'])} | {_number(release['pieces'])} |",
        f"| order lines | {_number(release['order_lines_before'])} | {_number(release['order_lines'])} |",
        *_amount(release),
        f"| agencies that answered | {_answered(release, '_before')} | {_answered(release, '')} |",
    ]
    causes = [_cause(list(rows)) for _, rows in groupby(changes_by_cause, key=lambda change: change["cause"])]
    return "\n\n".join([
        f"{as_code(release['survey_title'])}: release {release_id} has passed every audit. {release['why']}",
        *(_declined(earlier) for earlier in declined_before),
        "\n".join(table),
        "### The biggest changes by cause",
        *(causes or ["What agencies ask for is the same in both; what counts of it is not."]),
        *_by_agency(list(changes_by_agency)),
        f"All of them: `select * from city_order.release_change_named where release_id = {release_id}`. "
        "How it was built: [build_city_order](/dags/build_city_order). What came in: [City Order](/plugin/city-order).",
        "**Approve** publishes the release, for readers, manufacturers and in files. **Reject** leaves it audited, and "
        "what is published stays until the input or the models change. Without an answer within "
        f"{DECISION_PATIENCE.days} days it is not published; the night after builds anew, and asks again. Once "
        "a later release of the survey is audited, or what this one is built from is taken back, this question is "
        "outdated: an answer then says so, and does nothing.",
    ])  # fmt: skip


def listed(words: list[str]) -> str:
    """Like "a, b and c"."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def as_code(text: str, longest: int = LONGEST_NAME) -> str:
    """A text from elsewhere as a code span, fit for a cell of a Markdown table."""
    seen = "".join(" " if unicodedata.category(sign)[0] in "CZ" else sign for sign in text)
    plain = " ".join(seen.replace("`", "'").split())
    short = plain if len(plain) <= longest else f"{plain[: longest - 1].rstrip()}…"
    return f"`{short}`".replace("|", "\\|") if short else "–"


def _cause(changes: list[Mapping[str, Any]]) -> str:
    of = changes[0]
    more = of["products"] - len(changes)
    priced = _priced(changes)
    rows = [
        f"| product | agencies | pieces before | after | change |{' RUB before | after | change |' if priced else ''}",
        f"|---|---:|---:|---:|---:|{'---:|---:|---:|' if priced else ''}",
        *(
            f"| {as_code(_name(change))} | {change['agencies']} | {_number(change['gross_before'])} "
            f"| {_number(change['gross_after'])} | {_number(change['gross_after'] - change['gross_before'], '+')} |"
            + (f" {_rub(before)} | {_rub(after)} | {_rub(after - before, '+')} |" if priced else "")
            for change in changes
            for before, after in [_kopecks(change)]
        ),
    ]
    left_out = f"\n\n… and {_number(more)} more products" if more else ""
    amount = f", {_rub(of['kopecks'])} RUB" if priced else ""
    products = f"{_number(of['products'])} products, {_number(of['pieces'])} pieces{amount}"
    return f"**{of['cause'].replace('_', ' ')}**: {products}\n\n" + "\n".join(rows) + left_out


def _by_agency(changes: list[Mapping[str, Any]]) -> list[str]:
    if not changes:
        return []
    more = changes[0]["agencies"] - len(changes)
    priced = _priced(changes)
    rows = [
        f"| agency | receipt | pieces before | after | ratio |{' RUB before | after | ratio |' if priced else ''}",
        f"|---|---:|---:|---:|---:|{'---:|---:|---:|' if priced else ''}",
        *(
            f"| {as_code(_joined(change['agency_code'], change['agency_name']))} | {change['receipt_no'] or '–'} "
            f"| {_number(change['gross_before'])} | {_number(change['gross_after'])} "
            f"| {_ratio(change['gross_before'], change['gross_after'])} |"
            + (f" {_rub(before)} | {_rub(after)} | {_ratio(before, after)} |" if priced else "")
            for change in changes
            for before, after in [_kopecks(change)]
        ),
    ]
    left_out = f"\n\n… and {_number(more)} more agencies" if more else ""
    return [
        "### The biggest changes by agency",
        f"Pieces{' and amounts' if priced else ''} of what changes, over all products and years; "
        "the receipt that stands.",
        "\n".join(rows) + left_out,
    ]


def _priced(changes: list[Mapping[str, Any]]) -> bool:
    """Whether amounts can be told of changes: something of them has a price."""
    return any(kopecks for change in changes for kopecks in _kopecks(change))


def _kopecks(change: Mapping[str, Any]) -> tuple[Decimal, Decimal]:
    """The amount before a change, and after it."""
    return change["amount_before_kopecks"], change["amount_after_kopecks"]


def _rub(kopecks: Decimal, sign: str = "") -> str:
    return _number(round(kopecks / 100), sign)


def _ratio(before: Decimal, after: Decimal) -> str:
    """Like × 1,000 or × 0.5: a slip of a unit or of a price is seen at a glance."""
    if not before:
        return "–"
    ratio = after / before
    return f"× {_number(round(ratio, 2 if ratio >= 0.1 or not ratio else 6))}"


def _declined(earlier: Mapping[str, Any]) -> str:
    said = f": {as_code(earlier['comment'], LONGEST_COMMENT)}" if earlier["comment"] else ""
    who = as_code(earlier["decided_by"])
    return f"Release {earlier['release_id']}, which would have replaced the same one, was declined by {who}{said}."


def _name(change: Mapping[str, Any]) -> str:
    return _joined(change["product_name"], change["part_number"], change["manufacturer"])


def _joined(*names: str | None) -> str:
    return ", ".join(filter(None, names))


def _amount(release: Mapping[str, Any]) -> list[str]:
    """The row of the table that tells the amounts; none for an order without any price."""
    amounts = release["amount_before_kopecks"], release["amount_kopecks"]
    if not any(amounts):
        return []
    before, after = (None if kopecks is None else round(kopecks / _KOPECKS_OF_A_MILLION_RUB, 3) for kopecks in amounts)
    return [f"| amount, million rub, incl. VAT | {_number(before)} | {_number(after)} |"]


def _answered(release: Mapping[str, Any], of: str) -> str:
    answered, asked = release[f"answered_agencies{of}"], release[f"roster_agencies{of}"]
    return "–" if answered is None else f"{answered} of {asked}"


def _number(value: Any, sign: str = "") -> str:
    """A quantity with separated thousands, and no zeros at its end."""
    if value is None:
        return "–"
    text = format(value, f"{sign},f") if not isinstance(value, int) else format(value, f"{sign},d")
    return text.rstrip("0").rstrip(".") if "." in text else text
