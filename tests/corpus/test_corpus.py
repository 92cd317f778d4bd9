"""Every file of the corpus gets the answer that was written down before: verdict, reason, rules, and each value."""

from __future__ import annotations

from decimal import Decimal

import pytest

from include.city_order.readings import STOPPED, UNREADABLE
from include.city_order.vocabulary import Verdict
from tests.corpus.catalogue import CATEGORIES
from tests.corpus.conftest import Left, Result
from tests.corpus.goods import Meant

pytestmark = [pytest.mark.slow, pytest.mark.warehouse]

Corpus = list[tuple[Left, Result]]

#: What a reader may cost.
PEAK_BYTES = 1536 * 1024 * 1024
CPU_SECONDS = 120


def test_the_corpus_is_large_enough(corpus: Corpus):
    files = [file for file, _ in corpus if file.drop]
    assert len(CATEGORIES) >= 40
    assert len(files) >= 1000
    valid = [file for file in files if file.drop and file.drop.verdict == "accepted" and file.drop.lines]
    assert len(valid) >= 300
    assert {file.category for file in files} == set(CATEGORIES)


def test_every_reason_for_which_a_file_cannot_be_read_is_met(corpus: Corpus):
    expected = {file.drop.reason for file, _ in corpus if file.drop}
    assert set(UNREADABLE) <= expected


@pytest.mark.parametrize("category", CATEGORIES)
def test_every_file_of_a_category_ends_as_it_must(category: str, corpus: Corpus):
    files = [(file, result) for file, result in corpus if file.category == category]
    assert len(files) == CATEGORIES[category].files
    wrong = [f"{file.number} {file.path}: {fault}" for file, result in files for fault in _faults(file, result)]
    assert not wrong, "\n".join(wrong)


def _faults(file: Left, result: Result) -> list[str]:
    """In what a file ended otherwise than it must."""
    drop = file.drop
    assert drop
    faults = []
    expected = (drop.verdict, drop.reason, sorted(drop.rules))
    found = (result.verdict, result.reason, sorted(result.rules))
    if found != expected:
        faults.append(f"expected {expected}, found {found}")
    if drop.lines is None:
        return faults
    meant = {(line.member, line.sheet, line.row_number): line for line in drop.lines}
    if meant.keys() != result.lines.keys():
        faults.append(f"expected lines at {sorted(meant)}, found {sorted(result.lines)}")
    for place in meant.keys() & result.lines.keys():
        faults += [f"{place} {fault}" for fault in _line_faults(meant[place], *result.lines[place])]
    read = {place: _without_number(values) for place, (values, _) in result.lines.items()}
    if drop.verdict == "accepted" and result.loaded != read:
        faults.append("what was loaded is not what was read")
    return faults


def _without_number(values: dict[str, object]) -> dict[str, object]:
    """What of a line is loaded: its own number is no content."""
    return {name: value for name, value in values.items() if name != "line_no"}


def _line_faults(meant: Meant, values: dict[str, object], raw: dict[str, str]) -> list[str]:
    expected = {
        name: value.normalize() if isinstance(value, Decimal) else value for name, value in meant.values.items()
    }
    faults = [
        f"{name}: expected {expected.get(name)!r}, found {values.get(name)!r}"
        for name in sorted(expected.keys() | values.keys())
        if expected.get(name) != values.get(name)
    ]
    # Of a row's own cells that hold text, the typed text stays beside the value.
    typed = {name: text.replace("\r\n", "\n") for name, text in meant.typed.items() if text.strip()}
    faults += [
        f"{name}: typed {text!r}, kept {raw.get(name)!r}"
        for name, text in typed.items()
        if raw.get(name, "").replace("\r\n", "\n") != text
    ]
    return faults


def test_every_line_is_counted_once(corpus: Corpus):
    assert corpus
    for file, result in corpus:
        delivered, accepted, counted = result.counts
        assert delivered == counted, file
        assert accepted == len(result.loaded), file


def test_what_came_with_the_installed_packages_gets_a_verdict_and_harms_nothing(corpus: Corpus):
    installed = [(file, result) for file, result in corpus if file.installed]
    assert installed
    for file, result in installed:
        assert result.verdict in set(Verdict), file
        assert result.reason == "" or result.reason in UNREADABLE, file


def test_no_reader_is_stopped_or_costs_more_than_it_may(corpus: Corpus):
    readers = [(file, ended) for file, result in corpus for ended in result.readers]
    assert len(readers) >= 0.95 * len(corpus)
    for file, ended in readers:
        assert ended.peak_bytes <= PEAK_BYTES, file
        assert ended.cpu_seconds <= CPU_SECONDS, file
    assert not {result.reason for _, result in corpus} & set(STOPPED)
