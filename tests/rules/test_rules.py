"""Each rule is broken by its case, at the cell that it names, and by nothing less."""

from __future__ import annotations

import pytest
from openpyxl import load_workbook

from include.city_order import suites
from include.city_order.protocol_words import REASONS
from include.city_order.vocabulary import Severity
from tests.rules.cases import CASES, FORM, Case, agency_of
from tests.rules.conftest import Ended

Key = tuple[str, str, str, str]

#: What needs other surveys and other agencies to be broken has cases of its own: test_across.py.
ACROSS = "across"

RULES: dict[Key, suites.Rule] = {
    (suite.name, rule.rule_id, rule.field, rule.notes): rule
    for suite in suites.load()
    if suite.stage != ACROSS
    for rule in suite.rules
}


def key(case: Case) -> Key:
    return case.suite, case.rule_id, case.field, case.notes


def named(case: Case) -> str:
    return f"{case.suite} {case.rule_id} {case.meant or case.field} {case.notes[:30]}"


def test_every_rule_has_one_case_and_every_case_a_rule():
    written = sum(len(suite.rules) for suite in suites.load() if suite.stage != ACROSS)
    assert len(RULES) == written, "two rules have the same notes"
    assert sorted(map(key, CASES)) == sorted(RULES)


def test_the_example_of_a_rule_is_what_its_case_types():
    typed = [case for case in CASES if case.value and "{" not in case.value and case.rule_id != "F01"]
    assert len(typed) > 20
    assert [case.value for case in typed if case.value not in RULES[key(case)].example] == []


def test_a_rule_that_ended_is_not_in_force():
    (suite,) = (suite for suite in suites.load() if suite.name == "quantity")
    rule = suite.rules[0]
    assert rule.in_force(rule.since)
    assert not rule.in_force(rule.since.replace(year=rule.since.year - 1))
    ended = suites.Rule(**{**vars(rule), "until": rule.since})
    assert ended.in_force(rule.since)
    assert not ended.in_force(rule.since.replace(day=rule.since.day + 1))


@pytest.mark.slow
@pytest.mark.warehouse
@pytest.mark.parametrize("case", CASES, ids=named)
class TestCase:
    def test_the_good_answer_breaks_nothing(self, case: Case, judged: dict[str, Ended]):
        ended = judged[agency_of(case, "good").code]
        assert (ended.verdict, ended.reason, ended.findings) == ("accepted", "", [])

    def test_the_bad_answer_breaks_this_rule_alone(self, case: Case, judged: dict[str, Ended]):
        rule = RULES[key(case)]
        agency = agency_of(case, "bad")
        ended = judged[agency.code]
        expected = (
            rule.rule_id, rule.severity.value, case.meant or case.field, case.place, case.address,
            case.value.format(agency=agency), case.expected.format(agency=agency), rule.sentence,
        )  # fmt: skip
        assert ended.findings == [expected]
        assert ended.verdict == case.verdict

    def test_the_protocol_marks_the_cell_and_says_the_sentence(self, case: Case, judged: dict[str, Ended]):
        rule = RULES[key(case)]
        book = load_workbook(judged[agency_of(case, "bad").code].protocol)
        # Of an unreadable file the protocol says more than the rule can: why it could not be read.
        sentence = " ".join(REASONS[case.value]) if rule.rule_id == "F01" else rule.sentence
        for name in ("Протокол", "Замечания"):
            texts = [str(cell.value) for row in book[name].iter_rows() for cell in row]
            assert sum(text.startswith(sentence) for text in texts) == 1, name
        for place in filter(None, case.address.split(", ")):
            cell = book[FORM][place.removeprefix(f"{FORM}!")]
            assert cell.comment is not None, place
            assert rule.sentence in cell.comment.text
            assert cell.fill.fgColor.rgb not in ("00000000", "FFFFFFFF")

    def test_a_warning_keeps_the_line_and_an_error_does_not(self, case: Case, judged: dict[str, Ended]):
        rule = RULES[key(case)]
        accepted, rejected, duplicate = judged[agency_of(case, "bad").code].lines
        if rule.severity is Severity.WARNING and case.verdict != "duplicate":
            assert (accepted, rejected, duplicate) == (len(case.bad.lines) + case.bad.lines_added, 0, 0)
        elif case.verdict == "duplicate" or rule.rule_id == "D01":
            assert (rejected, duplicate) == (0, 1)
        else:
            assert accepted == duplicate == 0
