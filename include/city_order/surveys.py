"""The surveys: one YAML file each, under `include/surveys/`. A new survey is a new file, and no code.

`load` checks every file and says, for each mistake, in which file and on which line it is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from include.city_order.readings import DEMAND, Form
from include.city_order.vocabulary import DEMAND_YEARS, READER_VERSION, Certainty, Programme, fields_of


class _DatesAsText(yaml.SafeLoader):
    """Leaves dates to the model, which says where a wrong one stands; YAML's own dates raise a bare ValueError."""

    yaml_implicit_resolvers = {  # noqa: RUF012 (as in the class above)
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


class SurveyError(ValueError):
    """A survey file that cannot be used: says file, line, and what is wrong."""


class Survey(BaseModel):
    """One campaign of a programme, as its file defines it. Dates are Moscow dates, both ends inclusive."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    survey: str = Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=63)
    programme: Programme
    title: str = Field(min_length=1)
    opens: date
    closes: date
    rules_as_of: date
    reference_as_of: date
    horizon: dict[int, Certainty] = Field(min_length=1)
    okpd2: list[str] = Field(min_length=1)
    headings: dict[str, list[str]] = Field(default_factory=dict)
    roster: list[str] = Field(min_length=1)

    @field_validator("horizon")
    @classmethod
    def _years_with_a_column(cls, horizon: dict[int, Certainty]) -> dict[int, Certainty]:
        beyond = [year for year in horizon if year not in DEMAND_YEARS]
        if beyond:
            first, last = DEMAND_YEARS[0], DEMAND_YEARS[-1]
            raise ValueError(
                f"years {beyond} have no column in the warehouse, which holds {first} to {last}: "
                "add columns by a migration and widen vocabulary.DEMAND_YEARS"
            )
        return dict(sorted(horizon.items()))

    @field_validator("roster")
    @classmethod
    def _each_agency_once(cls, roster: list[str]) -> list[str]:
        twice = sorted({code for code in roster if roster.count(code) > 1})
        if twice:
            raise ValueError(f"agencies stand twice: {', '.join(twice)}")
        return roster

    @model_validator(mode="after")
    def _in_order(self) -> Survey:
        if self.closes < self.opens:
            raise ValueError(f"closes {self.closes} before it opens {self.opens}")
        known = {field.name for field in fields_of(self.programme)}
        unknown = sorted(set(self.headings) - known)
        if unknown:
            raise ValueError(f"headings name fields that the {self.programme} form does not have: {', '.join(unknown)}")
        return self

    @cached_property
    def form(self) -> Form:
        """What the reader looks for: canonical headings first, then this survey's synonyms."""
        fields = fields_of(self.programme)
        return Form(
            programme=self.programme.value,
            headings={field.name: (field.heading, *self.headings.get(field.name, ())) for field in fields},
            required=(*(field.name for field in fields if field.required), DEMAND),
            horizon=tuple(self.horizon),
        )

    def rules_version(self, rules: Mapping[str, Any]) -> str:
        """The day whose rules judge this survey, and a digest of all that decides: rules, form, reader.

        `rules` is what `suites.in_force` gives for this survey. Example: `2026-10-01-1f2e3d4c`.
        """
        decides = {
            "rules": rules,
            "form": self.form.to_json(),
            "okpd2": self.okpd2,
            "closes": str(self.closes),
            "reader": READER_VERSION,
        }
        text = json.dumps(decides, ensure_ascii=False, sort_keys=True)
        return f"{self.rules_as_of}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def load(folder: Path) -> dict[str, Survey]:
    """Every survey of the folder by its code. Raises SurveyError with one line for each mistake."""
    surveys: dict[str, Survey] = {}
    mistakes: list[str] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            survey = _read(path)
        except SurveyError as error:
            mistakes.append(str(error))
            continue
        if survey.survey != path.stem:
            mistakes.append(f"{path}:1: the file is named {path.stem}, its survey {survey.survey}: make them equal")
        surveys[survey.survey] = survey
    if mistakes:
        raise SurveyError("\n".join(mistakes))
    return surveys


def _read(path: Path) -> Survey:
    text = path.read_text(encoding="utf-8")
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.load(text, Loader=_DatesAsText)  # noqa: S506 (a SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SurveyError(f"{path}:{line}: not YAML: {error.problem}") from None
    if not isinstance(content, dict):
        raise SurveyError(f"{path}:1: a survey is a list of keys and values")
    try:
        return Survey.model_validate(content)
    except ValidationError as error:
        raise SurveyError(
            "\n".join(
                f"{path}:{_line_of(tree, item['loc'])}: {'.'.join(map(str, item['loc'])) or 'survey'}: {item['msg']}"
                for item in error.errors()
            )
        ) from None


def _line_of(tree: yaml.Node | None, location: tuple[int | str, ...]) -> int:
    """The line (from 1) of the deepest node on the way to `location`; a missing key is on its parent's line."""
    node, line = tree, 1
    for step in location:
        if isinstance(node, yaml.MappingNode):
            entry = next((pair for pair in node.value if pair[0].value == str(step)), None)
            if entry is None:
                break
            line, node = entry[0].start_mark.line + 1, entry[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            node = node.value[step]
            line = node.start_mark.line + 1
        else:
            break
    return line
