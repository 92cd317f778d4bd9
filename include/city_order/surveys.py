"""The surveys: one YAML file each, under `include/surveys/`. A new survey is a new file, and no code.

`load` checks every file and says, for each mistake, in which file and on which line it is.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from include.city_order.headings import heading_key
from include.city_order.readings import DEMAND, Form
from include.city_order.vocabulary import DEMAND_YEARS, READER_VERSION, Certainty, DoubleCounting, Programme, fields_of

#: Where a key or value stands in a survey: the keys, and places in lists from 0, that lead to it.
Location = tuple[int | str, ...]


class _Loader(yaml.SafeLoader):
    """Refuses a repeated key, of which YAML's own loader keeps the last.

    Leaves dates to the model, which says where a wrong one stands; YAML's own dates raise a bare ValueError.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012 (as in the class above)
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """The mapping of a node. Raises ConstructorError at a key that stands twice."""
        seen: set[str] = set()
        for key, _ in node.value:
            if str(key.value) in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value} stands twice: keep one", key.start_mark
                )
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


class SurveyError(ValueError):
    """A survey file that cannot be used: says file, line, and what is wrong."""


class Waiver(BaseModel):
    """What an agency need not heed: findings of a rule about an item, or (`*`) about all of its answer.

    `item` is a part number or an item's name; `until` is the last Moscow day of an arrival that it holds for.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    agency: str
    rule: str
    item: str = Field(min_length=1)
    reason: str = Field(min_length=1)
    until: date


class Approval(BaseModel):
    """What must not be published without a person's consent."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: The share of the last release that a release may change by itself, in pieces, order lines or amount; None: any.
    changed_share: float | None = Field(default=0.2, ge=0)


class Publication(BaseModel):
    """What a published figure must be like, so that it hides every single agency: see docs/decisions/13."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: How many agencies it holds at least.
    agencies: int = Field(default=3, ge=3)
    #: What the largest of them has of it at most.
    largest_share: float = Field(default=0.7, gt=0, lt=1)
    #: What it holds beside any two of them, as a share of what either has.
    rest_share: float = Field(default=0.1, ge=0.1, le=1)
    #: The share of the roster that must have answered before anything is published.
    answered_share: float = Field(default=0.5, ge=0, le=1)


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
    #: Rule id → name → value, in place of the value that the rule's suite has.
    thresholds: dict[str, dict[str, Annotated[Decimal, Field(ge=0)]]] = Field(default_factory=dict)
    waivers: list[Waiver] = Field(default_factory=list)
    double_counting: DoubleCounting = DoubleCounting.CHILD_COUNTS
    approval: Approval = Approval()
    publication: Publication = Publication()

    @field_validator("horizon")
    @classmethod
    def _earliest_first(cls, horizon: dict[int, Certainty]) -> dict[int, Certainty]:
        return dict(sorted(horizon.items()))

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
        """The day whose rules judge this survey, and a digest of all that decides: rules, form, waivers, reader.

        `rules` is what `suites.in_force` gives for this survey under its thresholds. Example: `2026-10-01-1f2e3d4c`.
        """
        decides = {
            "rules": rules,
            "form": self.form.to_json(),
            "okpd2": self.okpd2,
            "closes": str(self.closes),
            "waivers": [waiver.model_dump(mode="json") for waiver in self.waivers],
            "reader": READER_VERSION,
        }
        text = json.dumps(decides, ensure_ascii=False, sort_keys=True)
        return f"{self.rules_as_of}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def load(folder: Path) -> dict[str, Survey]:
    """Every survey of the folder by its code. Raises SurveyError with one line for each mistake."""
    surveys: dict[str, Survey] = {}
    mistakes: list[str] = []
    for path in sorted(folder.iterdir()):
        if not path.is_file() or path.name.startswith(".") or path.name == "README.md":
            continue
        if path.suffix != ".yaml":
            mistakes.append(
                f"{path}:1: a survey's file ends in .yaml: rename it to {path.stem}.yaml, or move it elsewhere"
            )
            continue
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


def line_of(path: Path, location: Location) -> int:
    """The line, from 1, on which a part of a survey's file stands; what is missing is on its parent's line."""
    return _line_of(yaml.compose(read_text(path, SurveyError), Loader=yaml.SafeLoader), location)


def read_text(path: Path, mistake: type[ValueError]) -> str:
    """A text file that a person wrote. Raises `mistake`, with file and line, if it is no plain UTF-8."""
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise mistake(f"{path}:{line}: not UTF-8: save it as UTF-8") from None
    if control := yaml.reader.Reader.NON_PRINTABLE.search(text):
        line = text.count("\n", 0, control.start()) + 1
        raise mistake(f"{path}:{line}: a control character (U+{ord(control[0]):04X}): remove it, and save it as UTF-8")
    return text


def how_to_write_a_date(text: str) -> str:
    """How to mend a date that is not written right: `write it as 2027-03-31`."""
    if russian := re.fullmatch(r"(\d\d?)\.(\d\d?)\.(\d{4})", text):
        day, month, year = russian.groups()
        return f"write it as {year}-{month:0>2}-{day:0>2}"
    return "write a date that exists as year-month-day, like 2027-03-31"


def _read(path: Path) -> Survey:
    text = read_text(path, SurveyError)
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.load(text, Loader=_Loader)  # noqa: S506 (a SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SurveyError(f"{path}:{line}: not YAML: {error.problem}") from None
    if not isinstance(content, dict):
        raise SurveyError(f"{path}:1: a survey is a list of keys and values")
    try:
        survey = Survey.model_validate(content)
        mistakes = list(_contradictions(survey))
    except ValidationError as error:
        mistakes = [
            (item["loc"], _plainly(item["type"], item["loc"], item["msg"], item["input"])) for item in error.errors()
        ]
    if mistakes:
        raise SurveyError(
            "\n".join(
                f"{path}:{_line_of(tree, where)}: {'.'.join(map(str, where))}: {what}" for where, what in mistakes
            )
        )
    return survey


def _plainly(kind: str, where: Location, message: str, value: Any) -> str:
    """A mistake that the model found, in plain words where its own are not."""
    if kind == "extra_forbidden":
        known = Waiver.model_fields if where[0] == "waivers" else Survey.model_fields
        return f"no such key is known: remove it, or write one of {', '.join(known)}"
    if kind == "missing":
        return "this key is missing: add it"
    if kind.startswith("date_"):
        return f"{value!r} is no date: {how_to_write_a_date(str(value))}"
    return message.replace("Input should be", "write")


def _contradictions(survey: Survey) -> Iterator[tuple[Location, str]]:
    """What is wrong with a survey whose every value is right by itself, and where."""
    if survey.closes < survey.opens:
        yield ("closes",), f"{survey.closes} is before it opens, {survey.opens}: mend either"
    first, last = DEMAND_YEARS[0], DEMAND_YEARS[-1]
    for year in survey.horizon:
        if year not in DEMAND_YEARS:
            yield (
                ("horizon", year),
                f"the warehouse has columns for {first} to {last}: add columns by a migration"
                " and widen vocabulary.DEMAND_YEARS",
            )
    for earlier, later in pairwise(survey.horizon):
        if later != earlier + 1:
            yield ("horizon", later), f"{later} comes after {earlier}: years must follow one another without a gap"
    granted: set[tuple[str, str, str]] = set()
    for place, waiver in enumerate(survey.waivers):
        if waiver.agency not in survey.roster:
            yield ("waivers", place, "agency"), f"{waiver.agency} is not on the roster: add it there, or mend it here"
        if (same := (waiver.agency, waiver.rule, waiver.item)) in granted:
            yield ("waivers", place), f"{waiver.agency} has a waiver of {waiver.rule} for this item already: keep one"
        granted.add(same)
    for name, entries in (("roster", survey.roster), ("okpd2", survey.okpd2)):
        for place, entry in enumerate(entries):
            if entry in entries[:place]:
                yield (name, place), f"{entry} stands twice: keep one"
    fields = {field.name: field.heading for field in fields_of(survey.programme)}
    meant = {heading_key(heading): name for name, heading in fields.items()}
    for name, headings in survey.headings.items():
        if name not in fields:
            near = difflib.get_close_matches(name, fields, n=1, cutoff=0)[0]
            yield ("headings", name), f"the {survey.programme} form has no such field: did you mean {near}?"
            continue
        for place, heading in enumerate(headings):
            other = meant.setdefault(heading_key(heading), name)
            if other != name:
                yield ("headings", name, place), f"the heading {heading!r} means {other} already: keep it in one field"


def _line_of(tree: yaml.Node | None, location: Location) -> int:
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
