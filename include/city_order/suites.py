"""The suites: the rules, each written once, as expectations in `include/expectations/`.

A suite file is a GX suite. Its `meta` says which relation it checks, for which programmes, and at which stage. Where
the relation shows no lines it has `"grain": "file"` (so do all suites of the stage `file`); with `"places": true` the
relation has the columns `member`, `sheet`, `cell` and `value` of what it shows, else a finding's place is that of its
line and field. Suites of the stage `release` check a release and no answer.

Each expectation's `meta` gives the rule id, since when (and until when) it is in force, the field that is meant (`*`:
the relation's own `field` column says which) and the Russian sentence that the agency reads (`ru`), or the English one
of an engineer, of a release (`en`). It may give

- `expected`: the relation's column that holds what we would expect there;
- `thresholds`: name → value and why. `{"$threshold": name}` among the kwargs, and `{name}` in the sentence, stand for
  the value, in whose place a survey may set its own;
- `may_be_waived`: whether an error can be waived, as a warning always can. Not where the warehouse cannot hold the
  line.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from include.city_order.vocabulary import Programme, Severity

FOLDER = Path(__file__).resolve().parents[1] / "expectations"

#: The stages of a check, in their order: a refused file's lines are not checked, a refused line is not compared, and
#: only lines that will count are compared with those of other answers.
STAGES = ("file", "line", "repeat", "across")

#: The stage for which other answers have to be gathered first.
ACROSS = STAGES[-1]

#: What can only be known when all receipts of an agency are settled: said by `load`, not by the checks of a batch.
LOAD = "load"

#: What a release is held against before it is published: an engineer reads it, and no agency.
RELEASE = "release"

_SEVERITIES = {"critical": Severity.ERROR, "warning": Severity.WARNING}

#: A survey's own thresholds: rule id → name → value.
Thresholds = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Threshold:
    """A number that decides, and why it is this one."""

    value: Decimal
    why: str


@dataclass(frozen=True)
class Rule:
    """One expectation of a suite: what GX needs to check it, and what people need to know of it.

    `sentence` and `expectation` hold the values of the thresholds; `written` is the expectation as the file has it.
    """

    rule_id: str
    severity: Severity
    field: str
    sentence: str
    example: str
    since: date
    until: date | None
    notes: str
    expected: str
    thresholds: dict[str, Threshold]
    may_be_waived: bool
    expectation: dict[str, Any]
    written: dict[str, Any]

    def in_force(self, day: date) -> bool:
        """Whether the rule judges a survey of that day; `until` is its last day."""
        return self.since <= day and (self.until is None or day <= self.until)


@dataclass(frozen=True)
class Suite:
    """One suite file: `checks` is the relation (schema.view) that its rules are checked against.

    `of_lines` says that the relation shows lines, `says_places` that it has the columns of a place.
    """

    name: str
    checks: str
    programmes: tuple[str, ...]
    stage: str
    of_lines: bool
    says_places: bool
    rules: tuple[Rule, ...]


def load(folder: Path = FOLDER) -> list[Suite]:
    """Every suite of answers, by stage and then by name."""
    suites = [suite for suite in _read(folder) if suite.stage != RELEASE]
    return sorted(suites, key=lambda suite: (*STAGES, LOAD).index(suite.stage))


def of_releases(folder: Path = FOLDER) -> list[Suite]:
    """Every suite of releases, by name."""
    return [suite for suite in _read(folder) if suite.stage == RELEASE]


def in_force(suites: list[Suite], programme: Programme, day: date, own: Thresholds | None = None) -> list[Suite]:
    """The suites of a programme with the rules that are in force on that day, under a survey's own thresholds."""
    return [
        replace(suite, rules=rules)
        for suite in suites
        if programme in suite.programmes
        and (
            rules := tuple(
                _rule(rule.written, (own or {}).get(rule.rule_id, {})) for rule in suite.rules if rule.in_force(day)
            )
        )
    ]


def canonical(suites: list[Suite]) -> dict[str, list[dict[str, Any]]]:
    """What the rules version is a digest of: every expectation, by suite."""
    return {suite.name: [rule.expectation for rule in suite.rules] for suite in suites}


def _read(folder: Path) -> list[Suite]:
    return [_suite(json.loads(path.read_text(encoding="utf-8"))) for path in sorted(folder.glob("*.json"))]


def _suite(content: dict[str, Any]) -> Suite:
    meta = content["meta"]
    return Suite(
        name=content["name"],
        checks=meta["checks"],
        programmes=tuple(meta["programmes"]),
        stage=meta["stage"],
        of_lines=meta.get("grain", "file" if meta["stage"] == "file" else "line") == "line",
        says_places=meta.get("places", False),
        rules=tuple(_rule(expectation, {}) for expectation in content["expectations"]),
    )


def _rule(written: dict[str, Any], own: Mapping[str, Any]) -> Rule:
    meta = written["meta"]
    severity = _SEVERITIES[written["severity"]]
    thresholds = {
        name: Threshold(Decimal(str(own.get(name, threshold["value"]))), threshold["why"])
        for name, threshold in meta.get("thresholds", {}).items()
    }
    values = {name: threshold.value for name, threshold in thresholds.items()}
    told = {name: format(value.normalize(), "f").replace(".", ",") for name, value in values.items()}
    return Rule(
        rule_id=meta["rule"],
        severity=severity,
        field=meta["field"],
        sentence=(meta["ru"] if "ru" in meta else meta["en"]).format_map(told),
        example=meta["example"],
        since=date.fromisoformat(meta["since"]),
        until=date.fromisoformat(meta["until"]) if "until" in meta else None,
        notes=written["notes"],
        expected=meta.get("expected", ""),
        thresholds=thresholds,
        may_be_waived=severity is Severity.WARNING or meta.get("may_be_waived", False),
        expectation={**written, "kwargs": _filled(written["kwargs"], values)},
        written=written,
    )


def _filled(part: Any, values: Mapping[str, Decimal]) -> Any:
    """Part of an expectation's kwargs, with a number for each `{"$threshold": name}`."""
    if isinstance(part, dict):
        if part.keys() == {"$threshold"}:
            value = values[part["$threshold"]]
            return int(value) if value == value.to_integral_value() else float(value)
        return {name: _filled(inner, values) for name, inner in part.items()}
    return [_filled(inner, values) for inner in part] if isinstance(part, list) else part
