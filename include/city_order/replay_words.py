"""What a replay changes, and how that is told: as plain text for the terminal, as Markdown for a task's log. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from include.city_order import questions

#: Rows of a table that are shown; all of them are in the warehouse.
ROWS_SHOWN = 40

#: What became of a product whose lines ask for another one now, by whether it was merged and whether it was split.
_FATES = {
    (True, False): "merged into",
    (False, True): "split off as",
    (True, True): "partly moved to",
    (False, False): "is now",
}


@dataclass(frozen=True)
class ChangedReceipt:
    """A receipt that ends otherwise than before, or of which other rules tell. Findings are counted by rule."""

    receipt_no: int
    agency_code: str
    verdict_before: str | None
    verdict_after: str | None
    lines_accepted_before: int
    lines_accepted_after: int
    stood_before: bool
    stands_after: bool
    findings_before: Mapping[str, int]
    findings_after: Mapping[str, int]

    @property
    def has_another_verdict(self) -> bool:
        """Whether more than its remarks changed."""
        return (self.verdict_before, self.stood_before) != (self.verdict_after, self.stands_after)

    @property
    def rules(self) -> str:
        """The rules of which it breaks more lines (+) or fewer (-) than before."""
        changes = {
            rule: self.findings_after.get(rule, 0) - self.findings_before.get(rule, 0)
            for rule in sorted({*self.findings_before, *self.findings_after})
        }
        return ", ".join(f"{rule} {change:+}" for rule, change in changes.items() if change)

    @property
    def standing(self) -> str:
        """Whether it began or ceased to stand."""
        if self.stood_before == self.stands_after:
            return ""
        return "stands now" if self.stands_after else "stands no more"


@dataclass(frozen=True)
class MovedLines:
    """Lines that ask for another product than before. Merged: others ask for the new one. Split: some kept the old."""

    product_before: str
    product_after: str
    name_before: str
    name_after: str
    lines: int
    agencies: int
    is_merged: bool
    is_split: bool


@dataclass(frozen=True)
class ChangedCause:
    """All that one cause changes of an order: figures, and what the agencies that changed ask for, over all years."""

    cause: str
    figures: int
    products: int
    agencies: int
    gross_before: Decimal
    gross_after: Decimal
    net_before: Decimal
    net_after: Decimal
    amount_before_kopecks: Decimal
    amount_after_kopecks: Decimal


@dataclass(frozen=True)
class ChangedFigure:
    """What the agencies that changed ask for of a product in a year, before and after, by cause."""

    product_id: str
    product_name: str
    part_number: str | None
    unit: str
    year: int
    cause: str
    agencies: int
    gross_before: Decimal
    gross_after: Decimal
    net_before: Decimal
    net_after: Decimal
    amount_before_kopecks: Decimal
    amount_after_kopecks: Decimal


@dataclass(frozen=True)
class OrderTotals:
    """A release beside the one that it replaces (None: it is the first). Shares are of that one."""

    release_id: int
    replaces_release_id: int | None
    order_lines: int
    order_lines_before: int | None
    pieces: Decimal
    pieces_before: Decimal
    changed_gross_share: Decimal | None
    changed_lines_share: Decimal | None
    changed_amount_share: Decimal | None
    approval_share: Decimal | None


@dataclass(frozen=True)
class Waiting:
    """What waits to be published without a replay, against the published release. `held`: why it is, if it is."""

    totals: OrderTotals
    figures: int
    held: str


@dataclass(frozen=True)
class ChangedOrder:
    """What a release changes of the order; with something that waits, what a replay changes of that.

    The totals are beside the published release in either case.
    """

    totals: OrderTotals
    causes: tuple[ChangedCause, ...]
    figures: tuple[ChangedFigure, ...]
    waiting: Waiting | None = None

    @property
    def figures_changed(self) -> int:
        """How many figures of agencies change."""
        return sum(cause.figures for cause in self.causes)


@dataclass(frozen=True)
class ChangedAnswers:
    """What a replay changed, or in a dry run would change, of the answers to a survey."""

    survey_code: str
    is_dry_run: bool
    replay_id: int
    receipts_read: int
    agencies: int
    rules_version: str
    reference_version: str
    receipts: tuple[ChangedReceipt, ...]
    moved: tuple[MovedLines, ...]

    @property
    def verdicts(self) -> tuple[ChangedReceipt, ...]:
        """Receipts that end otherwise."""
        return tuple(receipt for receipt in self.receipts if receipt.has_another_verdict)

    @property
    def remarks(self) -> tuple[ChangedReceipt, ...]:
        """Receipts of which only other rules tell."""
        return tuple(receipt for receipt in self.receipts if not receipt.has_another_verdict)

    @property
    def counts(self) -> dict[str, int]:
        """How much changed, in numbers."""
        return {
            "receipts_read": self.receipts_read,
            "verdicts_changed": len(self.verdicts),
            "remarks_changed": len(self.remarks),
            "lines_moved": sum(moved.lines for moved in self.moved),
        }


@dataclass(frozen=True)
class _Section:
    """A sentence, and perhaps a table below it, of which `more` rows are not shown."""

    said: str
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    more: int = 0


def taken_back(waiting: OrderTotals) -> OrderTotals:
    """The published release beside itself, where nothing is left of what waits to replace it."""
    return replace(
        waiting,
        release_id=waiting.replaces_release_id or 0,
        order_lines=waiting.order_lines_before or 0,
        pieces=waiting.pieces_before,
        changed_gross_share=None,
        changed_lines_share=None,
        changed_amount_share=None,
    )


def answers_as_text(changed: ChangedAnswers) -> str:
    """For the terminal."""
    return "\n\n".join(map(_as_text, _of_answers(changed)))


def answers_as_markdown(changed: ChangedAnswers) -> str:
    """For a task's log."""
    return "\n\n".join(map(_as_markdown, _of_answers(changed)))


def order_as_text(survey_code: str, changed: ChangedOrder | None, *, is_dry_run: bool) -> str:
    """For the terminal. None: there is nothing new to build."""
    return "\n\n".join(map(_as_text, _of_order(survey_code, changed, is_dry_run)))


def order_as_markdown(survey_code: str, changed: ChangedOrder | None, *, is_dry_run: bool) -> str:
    """For a task's log. None: there is nothing new to build."""
    return "\n\n".join(map(_as_markdown, _of_order(survey_code, changed, is_dry_run)))


def _of_answers(changed: ChangedAnswers) -> list[_Section]:
    what = f"Replay of {changed.survey_code}" + (
        ", a dry run" if changed.is_dry_run else f", number {changed.replay_id}"
    )
    sections = [
        _Section(
            f"{what}: {_count(changed.receipts_read, 'receipt')} of {_count(changed.agencies, 'agency', 'agencies')} "
            f"judged by rules {changed.rules_version}, references {changed.reference_version}."
        ),
        _table(
            f"Verdicts: {_that_change(len(changed.verdicts))}",
            ("receipt", "agency", "verdict", "accepted lines", "rules", ""),
            changed.verdicts,
            lambda receipt: (
                str(receipt.receipt_no),
                receipt.agency_code,
                _from_to(receipt.verdict_before or "none", receipt.verdict_after or "none"),
                _from_to(receipt.lines_accepted_before, receipt.lines_accepted_after),
                receipt.rules,
                receipt.standing,
            ),
        ),
    ]
    if changed.remarks:
        sections.append(
            _table(
                f"The same verdict with other remarks: {_count(len(changed.remarks), 'receipt')}.",
                ("receipt", "agency", "verdict", "accepted lines", "rules"),
                changed.remarks,
                lambda receipt: (
                    str(receipt.receipt_no),
                    receipt.agency_code,
                    receipt.verdict_after or "none",
                    _from_to(receipt.lines_accepted_before, receipt.lines_accepted_after),
                    receipt.rules,
                ),
            )
        )
    lines = sum(moved.lines for moved in changed.moved)
    sections.append(
        _table(
            f"Products: {_count(lines, 'line')} {_verb(lines, 'asks', 'ask')} for another one."
            if lines
            else "Products: each line asks for the one that it asked for before.",
            ("product", "becomes", "product", "lines", "agencies"),
            changed.moved,
            lambda moved: (
                moved.name_before,
                _FATES[moved.is_merged, moved.is_split],
                moved.name_after,
                str(moved.lines),
                str(moved.agencies),
            ),
        )
    )
    return sections


def _of_order(survey_code: str, changed: ChangedOrder | None, is_dry_run: bool) -> list[_Section]:
    if changed is None:
        return [_Section(f"Order of {survey_code}: no figure changes.")]
    totals = changed.totals
    if totals.replaces_release_id is None:
        return [
            _Section(
                f"Order of {survey_code}: there is no release to compare with. The first one has "
                f"{_count(totals.order_lines, 'order line')}, {_number(totals.pieces)} pieces."
            )
        ]
    if changed.waiting:
        return _beside_what_waits(survey_code, changed, changed.waiting)
    release = f"against release {totals.replaces_release_id}" + (
        "" if is_dry_run else f", in release {totals.release_id}"
    )
    figures = changed.figures_changed
    if not figures:
        return [_Section(f"Order of {survey_code} {release}: no agency's figure changes.")]
    return _changes(
        changed,
        f"Order of {survey_code} {release}: {_count(figures, 'figure')} {_verb(figures, 'changes', 'change')}, "
        f"{_sums(totals.order_lines_before or 0, totals.pieces_before, totals)}. {_approval(totals)}",
    )


def _beside_what_waits(survey_code: str, changed: ChangedOrder, waiting: Waiting) -> list[_Section]:
    """What is the replay's own, what waits without it, and what comes of both."""
    totals, figures = changed.totals, changed.figures_changed
    published = f"release {totals.replaces_release_id}"
    if figures:
        sections = _changes(
            changed,
            f"Order of {survey_code}: this replay changes {_count(figures, 'figure')} beside what waits already, "
            f"{_sums(waiting.totals.order_lines, waiting.totals.pieces, totals)}.",
        )
    else:
        sections = [_Section(f"Order of {survey_code}: this replay changes no figure.")]
    said = (
        f"Without this replay {_count(waiting.figures, 'figure')} {_verb(waiting.figures, 'waits', 'wait')} already, "
        f"against {published}: {waiting.held or 'accepted, and taken into the order by the next build.'}"
    )
    if totals.release_id == totals.replaces_release_id:
        return [*sections, _Section(f"{said} This replay takes all of that back: {published} stays.")]
    if waiting.held and totals.release_id == waiting.totals.release_id:
        return [*sections, _Section(f"{said} This replay builds nothing new: that stays as it is.")]
    sums = _sums(totals.order_lines_before or 0, totals.pieces_before, totals)
    return [
        *sections,
        _Section(said),
        _Section(f"All of it together, against {published}: {sums}. {_approval(totals)}"),
    ]


def _changes(changed: ChangedOrder, said: str) -> list[_Section]:
    """The causes of the changes, below a sentence, and the figures."""
    return [
        _table(
            said,
            ("cause", "figures", "products", "agencies", "their pieces", "net", "amount, RUB"),
            changed.causes,
            lambda cause: (
                cause.cause,
                str(cause.figures),
                str(cause.products),
                str(cause.agencies),
                *_before_and_after(cause),
            ),
        ),
        _table(
            "The figures that change most, as far as the agencies that change ask for them:",
            ("product", "part number", "year", "unit", "asked for", "net", "amount, RUB", "agencies", "cause"),
            changed.figures,
            lambda figure: (
                figure.product_name,
                figure.part_number or "",
                str(figure.year),
                figure.unit,
                *_before_and_after(figure),
                str(figure.agencies),
                figure.cause,
            ),
        ),
    ]


def _before_and_after(changed: ChangedCause | ChangedFigure) -> tuple[str, ...]:
    """Gross and net quantity, and amount: each once if it stays."""
    return (
        _from_to(_number(changed.gross_before), _number(changed.gross_after)),
        _from_to(_number(changed.net_before), _number(changed.net_after)),
        _from_to(_number(changed.amount_before_kopecks / 100), _number(changed.amount_after_kopecks / 100)),
    )


def _sums(order_lines: int, pieces: Decimal, after: OrderTotals) -> str:
    return (
        f"order lines {_from_to(order_lines, after.order_lines)}, "
        f"pieces {_from_to(_number(pieces), _number(after.pieces))}"
    )


def _approval(totals: OrderTotals) -> str:
    """How much changes, and whether a person will be asked."""
    shares = {what: getattr(totals, column) for column, what in questions.SHARES.items()}
    told = [f"{share * 100:.1f} % of the {what}" for what, share in shares.items() if share is not None]
    changed = f"Changed: {questions.listed(told) if told else 'nothing that counts in pieces'}"
    limit = totals.approval_share
    if limit is None:
        return f"{changed}; the survey lets any change pass."
    most = max((share for share in shares.values() if share), default=0)
    asked = "a person is asked before it is published" if most > limit else "it is published by itself"
    return f"{changed}; the survey lets {limit * 100:.1f} % pass: {asked}."


def _table(said: str, head: tuple[str, ...], shown: Sequence[Any], cells: Callable[[Any], tuple[str, ...]]) -> _Section:
    rows = tuple(tuple(map(_plain, cells(row))) for row in shown[:ROWS_SHOWN])
    return _Section(said, head if rows else (), rows, len(shown) - len(rows))


def _as_text(section: _Section) -> str:
    lines = [section.said]
    if section.rows:
        table = (section.head, *section.rows)
        widths = [max(len(row[place]) for row in table) for place in range(len(section.head))]
        lines += ["  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in table]
    return "\n".join([*lines, *_more(section)])


def _as_markdown(section: _Section) -> str:
    lines = [section.said]
    if section.rows:
        lines += ["", _row_of_markdown(section.head), _row_of_markdown(["---"] * len(section.head))]
        lines += map(_row_of_markdown, section.rows)
    return "\n".join([*lines, *_more(section)])


def _row_of_markdown(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("\\", "\\\\").replace("|", "\\|") for cell in cells) + " |"


def _more(section: _Section) -> list[str]:
    return [f"  … and {section.more} more"] if section.more else []


def _plain(cell: str) -> str:
    """A cell on one line: typed texts may hold anything."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in cell).split())


def _from_to(before: object, after: object) -> str:
    return str(after) if before == after else f"{before} → {after}"


def _number(number: Decimal) -> str:
    return f"{number.normalize():,f}"


def _count(number: int, word: str, words: str = "") -> str:
    return f"{number:,} {word if number == 1 else words or word + 's'}"


def _verb(number: int, one: str, more: str) -> str:
    return one if number == 1 else more


def _that_change(number: int) -> str:
    return f"{_count(number, 'receipt')} {_verb(number, 'ends', 'end')} otherwise." if number else "none changes."
