"""A survey may set its own thresholds, and an agency be granted a waiver; both judge that survey alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from include.city_order import references, suites, surveys
from include.city_order.site import Site
from include.city_order.surveys import SurveyError
from include.city_order.vocabulary import Programme
from tests.intake.nights import HEADINGS, REFERENCE, SURVEYS, answer, collect, execute, leave, receipts, select, site_of

DAY = date(2026, 10, 1)
PRICED = {**HEADINGS, "unit_price_rub": "Цена за единицу, руб.", "amount_rub": "Сумма, руб."}
#: Ten per cent more than 30 pieces at 100 roubles.
DEAR = {"unit_price_rub": "100", "amount_rub": "3300"}
UNLISTED = {"okpd2_code": "26.11.30.999"}
OTHER_PART = "К1986ВЕ1QI"


def site(home: Path, dsn: str, **own: Any) -> Site:
    """A City Order with ecb-2026 as it is, and ecb-2030 like it but with thresholds or waivers of its own."""
    home.mkdir(exist_ok=True)
    folder = home / "surveys"
    folder.mkdir()
    text = (SURVEYS / "ecb-2026.yaml").read_text(encoding="utf-8")
    (folder / "ecb-2026.yaml").write_text(text, encoding="utf-8")
    told = "".join(f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in own.items())
    (folder / "ecb-2030.yaml").write_text(
        text.replace("survey: ecb-2026", "survey: ecb-2030").replace("2026–2030 годы", "все годы") + told,
        encoding="utf-8",
    )
    return site_of(dsn, home, surveys=folder)


def waiver(item: str, rule: str = "L03", until: str = "2026-11-10", agency: str = "gorsvet") -> dict[str, str]:
    return {"agency": agency, "rule": rule, "item": item, "reason": "Письмо № 7", "until": until}


def found(of: Site) -> dict[str, list[tuple[str, str, str, str]]]:
    """(rule, severity, cell, waiver) of the findings of each receipt, by its path."""
    rows = select(
        of,
        "select original_path, rule_id, severity, cell, waiver from quality.standing_finding"
        " inner join landing.receipt using (receipt_no) order by original_path, line_position, rule_id",
    )
    told: dict[str, list[tuple[str, str, str, str]]] = {path: [] for path in receipts(of)}
    for row in rows:
        told[row["original_path"]].append((row["rule_id"], row["severity"], row["cell"], row["waiver"]))
    return told


def every_rule() -> Iterator[tuple[str, suites.Rule]]:
    for suite in suites.load():
        for rule in suite.rules:
            yield suite.name, rule


def placeholders(part: Any) -> set[str]:
    if isinstance(part, dict):
        if part.keys() == {"$threshold"}:
            return {part["$threshold"]}
        return set().union(*map(placeholders, part.values()))
    return set().union(*map(placeholders, part)) if isinstance(part, list) else set()


def test_every_threshold_decides_and_says_why_and_is_the_same_in_all_of_a_rule():
    values: dict[tuple[str, str], Any] = {}
    for suite, rule in every_rule():
        assert placeholders(rule.written["kwargs"]) == set(rule.thresholds), (suite, rule.rule_id, rule.notes)
        assert not placeholders(rule.expectation["kwargs"])
        assert "{" not in rule.sentence and "}" not in rule.sentence
        for name, threshold in rule.thresholds.items():
            assert threshold.why.endswith(".")
            assert values.setdefault((rule.rule_id, name), threshold.value) == threshold.value
    assert len(values) > 5


def test_a_threshold_of_a_survey_stands_in_the_condition_and_in_the_sentence():
    def rule(own: suites.Thresholds | None) -> suites.Rule:
        in_force = suites.in_force(suites.load(), Programme.ECB, DAY, own)
        return next(rule for suite in in_force for rule in suite.rules if rule.rule_id == "L09")

    plain = rule(None)
    assert plain.expectation["kwargs"]["values"] == {"rub": 1, "percent": 0.5}
    assert "больше 0,5 % и больше 1 ₽" in plain.sentence
    own = rule({"L09": {"percent": 20}, "L13": {"percent": 7}})
    assert own.expectation["kwargs"]["values"] == {"rub": 1, "percent": 20}
    assert "больше 20 % и больше 1 ₽" in own.sentence


@pytest.mark.parametrize(
    ("own", "said"),
    [
        (
            {"thresholds": {"L09": {"percents": 4}}},
            "thresholds.L09.percents: no such threshold of L09: write one of pe",
        ),
        ({"thresholds": {"L03": {"percent": 4}}}, "thresholds.L03.percent: no such threshold of L03: L03 has none"),
        ({"thresholds": {"L99": {"percent": 4}}}, "thresholds.L99.percent: no such threshold of L99"),
        ({"thresholds": {"L13": {"percent": 4}}}, "no such threshold of L13"),
        ({"thresholds": {"L09": {"percent": -1}}}, "thresholds.L09.percent: write"),
        ({"thresholds": {"L09": {"percent": "much"}}}, "thresholds.L09.percent: write a valid decimal"),
        ({"waivers": [waiver("*", rule="L99")]}, "waivers.0.rule: no rule L99 judges this survey"),
        ({"waivers": [waiver("*", rule="L12")]}, "waivers.0.rule: no rule L12 judges this survey"),
        ({"waivers": [waiver("*", rule="L05")]}, "waivers.0.rule: L05 cannot be waived"),
        ({"waivers": [waiver("*", agency="nobody")]}, "waivers.0.agency: nobody is not on the roster"),
        ({"waivers": [waiver("*"), waiver("*")]}, "waivers.1: gorsvet has a waiver of L03 for this item already"),
        ({"waivers": [waiver("*", until="10.11.2026")]}, "waivers.0.until: '10.11.2026' is no date: write it as 2026-"),
        ({"waivers": [{**waiver("*"), "reason": ""}]}, "waivers.0.reason"),
        (
            {"waivers": [{**waiver("*"), "why": "так"}]},
            "waivers.0.why: no such key is known: remove it, or write one of a",
        ),
    ],
)
def test_a_mistake_is_named_with_file_and_line(tmp_path: Path, own: dict[str, Any], said: str):
    folder = site(tmp_path, "", **own).surveys
    last_line = (folder / "ecb-2030.yaml").read_text(encoding="utf-8").count("\n")
    with pytest.raises(SurveyError) as error:
        # Found before the warehouse is asked for anything.
        references.refresh("", folder, REFERENCE)
    assert str(error.value).startswith(f"{folder / 'ecb-2030.yaml'}:{last_line}: ")
    assert said in str(error.value)


def test_the_rules_version_knows_thresholds_and_waivers(tmp_path: Path):
    def version(name: str, **own: Any) -> str:
        survey = surveys.load(site(tmp_path / name, "", **own).surveys)["ecb-2030"]
        rules = suites.in_force(suites.load(), survey.programme, survey.rules_as_of, survey.thresholds)
        return survey.rules_version(suites.canonical(rules))

    plain = version("plain")
    assert version("default", thresholds={"L09": {"percent": 0.5}}) == plain
    changed = {
        version("other", thresholds={"L09": {"percent": 4}}),
        version("waived", waivers=[waiver("*")]),
        version("longer", waivers=[waiver("*", until="2026-11-11")]),
    }
    assert len(changed) == 3
    assert plain not in changed


@pytest.mark.slow
@pytest.mark.warehouse
class TestNights:
    def test_each_survey_is_judged_by_its_own_thresholds(self, warehouse: Any, tmp_path: Path):
        of = site(tmp_path, warehouse.ingest, thresholds={"L09": {"percent": 20}})
        for survey in ("ecb-2026", "ecb-2030"):
            leave(of, f"{survey}/gorsvet/1.csv", answer(DEAR, headings=PRICED))
        collect(of)
        assert found(of) == {
            "ecb-2026/gorsvet/1.csv": [("L09", "W", "I2", "")],
            "ecb-2030/gorsvet/1.csv": [],
        }

    def test_a_waived_error_is_told_and_stops_nothing(self, warehouse: Any, tmp_path: Path):
        of = site(tmp_path, warehouse.ingest, waivers=[waiver("к1986ве92-QI"), waiver("Память ОЗУ")])
        lines = (
            UNLISTED,
            UNLISTED | {"part_number": OTHER_PART},
            UNLISTED | {"part_number": "1645РУ1У", "item_name": "память ОЗУ."},
            UNLISTED | {"unit": "ведро"},
        )
        for path in ("ecb-2030/gorsvet/1.csv", "ecb-2030/gorlift/1.csv", "ecb-2026/gorsvet/1.csv"):
            leave(of, path, answer(*lines))
        collect(of)
        told = "Письмо № 7 (до 10.11.2026 включительно)"
        refused = [("L03", "E", f"D{row}", "") for row in (2, 3, 4, 5)] + [("L07", "E", "E5", "")]
        assert found(of) == {
            "ecb-2030/gorsvet/1.csv": [
                ("L03", "W", "D2", told),
                ("L03", "E", "D3", ""),
                ("L03", "W", "D4", told),
                # The waiver is of one rule, and the line breaks another.
                ("L03", "W", "D5", told),
                ("L07", "E", "E5", ""),
            ],
            "ecb-2030/gorlift/1.csv": refused,
            "ecb-2026/gorsvet/1.csv": refused,
        }
        counts = receipts(of)["ecb-2030/gorsvet/1.csv"]
        assert (counts["verdict"], counts["lines_accepted"], counts["lines_rejected"]) == ("partly_accepted", 2, 2)
        assert [row["row_number"] for row in select(of, "select row_number from core.demand_line order by 1")] == [2, 4]

    def test_a_waiver_for_all_of_an_answer_covers_repeats_and_the_sender(self, warehouse: Any, tmp_path: Path):
        of = site(tmp_path, warehouse.ingest, waivers=[waiver("*", rule="D01"), waiver("*", rule="F10")])
        form = "ИНН;0010000001\n".encode() + answer({}, {})
        leave(of, "ecb-2030/gorsvet/1.csv", form)
        leave(of, "ecb-2030/gorlift/1.csv", form)
        collect(of)
        told = "Письмо № 7 (до 10.11.2026 включительно)"
        assert found(of)["ecb-2030/gorsvet/1.csv"] == [("D01", "W", "A4", told), ("F10", "W", "B1", told)]
        assert receipts(of)["ecb-2030/gorsvet/1.csv"]["lines_accepted"] == 2
        assert receipts(of)["ecb-2030/gorlift/1.csv"]["verdict"] == "rejected"

    def test_a_waiver_ends_with_its_last_moscow_day(self, warehouse: Any, tmp_path: Path):
        of = site(tmp_path, warehouse.ingest, waivers=[waiver("*", until="2026-11-10")])
        leave(of, "ecb-2030/gorsvet/1.csv", answer(UNLISTED), "2026-11-10 23:59")
        collect(of)
        assert receipts(of)["ecb-2030/gorsvet/1.csv"]["verdict"] == "accepted_with_warnings"
        execute(warehouse.owner, "delete from landing.scan")  # so that the date of the next drop is believed
        leave(of, "ecb-2030/gorsvet/2.csv", answer(UNLISTED), "2026-11-11 00:00")
        collect(of)
        assert receipts(of)["ecb-2030/gorsvet/2.csv"]["verdict"] == "rejected"

    def test_a_waived_warning_stays_told(self, warehouse: Any, tmp_path: Path):
        of = site(tmp_path, warehouse.ingest, waivers=[waiver("микроконтроллер", rule="L10")])
        leave(of, "ecb-2030/gorsvet/1.csv", answer({"part_number": ""}))
        collect(of)
        told = "Письмо № 7 (до 10.11.2026 включительно)"
        assert found(of) == {"ecb-2030/gorsvet/1.csv": [("L10", "W", "C2", told)]}
        assert receipts(of)["ecb-2030/gorsvet/1.csv"]["verdict"] == "accepted_with_warnings"
