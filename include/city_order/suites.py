"""The suites: the rules, each written once, as expectations in `include/expectations/`.

A suite file is a GX suite. Its `meta` says which relation it checks, for which programmes, and at which stage;
each expectation's `meta` gives the rule id, since when (and until when) it is in force, the field that is meant
(`*`: the relation's own `field` column says which) and the Russian sentence that the agency reads.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from include.city_order.vocabulary import Programme, Severity

FOLDER = Path(__file__).resolve().parents[1] / "expectations"

#: The stages of a check, in their order: a refused file's lines are not checked, a refused line is not compared.
STAGES = ("file", "line", "repeat")

#: What can only be known when all receipts of an agency are settled: said by `load`, not by the checks of a batch.
LOAD = "load"

_SEVERITIES = {"critical": Severity.ERROR, "warning": Severity.WARNING}


@dataclass(frozen=True)
class Rule:
    """One expectation of a suite: what GX needs to check it, and what people need to know of it."""

    rule_id: str
    severity: Severity
    field: str
    sentence: str
    since: date
    until: date | None
    notes: str
    expectation: dict[str, Any]

    def in_force(self, day: date) -> bool:
        """Whether the rule judges a survey of that day; `until` is its last day."""
        return self.since <= day and (self.until is None or day <= self.until)


@dataclass(frozen=True)
class Suite:
    """One suite file: `checks` is the relation (schema.view) that its rules are checked against."""

    name: str
    checks: str
    programmes: tuple[str, ...]
    stage: str
    rules: tuple[Rule, ...]


def load(folder: Path = FOLDER) -> list[Suite]:
    """Every suite, by stage and then by name."""
    suites = [_suite(json.loads(path.read_text(encoding="utf-8"))) for path in sorted(folder.glob("*.json"))]
    return sorted(suites, key=lambda suite: (*STAGES, LOAD).index(suite.stage))


def in_force(suites: list[Suite], programme: Programme, day: date) -> list[Suite]:
    """The suites of a programme with the rules that are in force on that day."""
    return [
        Suite(suite.name, suite.checks, suite.programmes, suite.stage, rules)
        for suite in suites
        if programme in suite.programmes and (rules := tuple(rule for rule in suite.rules if rule.in_force(day)))
    ]


def canonical(suites: list[Suite]) -> dict[str, list[dict[str, Any]]]:
    """What the rules version is a digest of: every expectation, by suite."""
    return {suite.name: [rule.expectation for rule in suite.rules] for suite in suites}


def _suite(content: dict[str, Any]) -> Suite:
    meta = content["meta"]
    return Suite(
        name=content["name"],
        checks=meta["checks"],
        programmes=tuple(meta["programmes"]),
        stage=meta["stage"],
        rules=tuple(map(_rule, content["expectations"])),
    )


def _rule(expectation: dict[str, Any]) -> Rule:
    meta = expectation["meta"]
    return Rule(
        rule_id=meta["rule"],
        severity=_SEVERITIES[expectation["severity"]],
        field=meta["field"],
        sentence=meta["ru"],
        since=date.fromisoformat(meta["since"]),
        until=date.fromisoformat(meta["until"]) if "until" in meta else None,
        notes=expectation["notes"],
        expectation=expectation,
    )
