"""A survey is a file: what is wrong with it is said with the file and the line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from include.city_order import surveys
from include.city_order.readings import DEMAND
from include.city_order.surveys import SurveyError
from tests.intake.nights import SURVEYS

GOOD = """\
survey: ecb-2030
programme: ecb
title: Опрос
opens: 2026-10-01
closes: 2026-11-12
rules_as_of: 2026-10-01
reference_as_of: 2026-10-01
horizon: {2027: funded, 2026: planned}
okpd2: ["26.11"]
headings:
  unit: ["Ед."]
  comment: ["Заметка"]
roster:
  - gorsvet
  - gorlift
"""


def load(folder: Path, text: str, name: str = "ecb-2030") -> dict[str, surveys.Survey]:
    (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return surveys.load(folder)


def test_the_houses_surveys_are_right():
    assert set(surveys.load(SURVEYS)) >= {"ecb-2026", "battery-2026"}


def test_a_survey_says_what_its_reader_looks_for(tmp_path: Path):
    survey = load(tmp_path, GOOD)["ecb-2030"]
    assert survey.form.headings["unit"] == ("Единица измерения", "Ед.")
    assert survey.form.horizon == (2026, 2027)
    assert DEMAND in survey.form.required
    assert {"item_name", "component_class", "okpd2_code", "unit"} < set(survey.form.required)
    assert "chemistry" not in survey.form.headings


@pytest.mark.parametrize(
    ("right", "wrong", "line", "said"),
    [
        ("title: Опрос", "title: Опрос\nstatus: open", 4, "status: no such key is known"),
        ("closes: 2026-11-12", "closes: 2026-13-45", 5, "closes"),
        ("closes: 2026-11-12", "closes: soon", 5, "closes"),
        ("closes: 2026-11-12", "closes: 2026-09-30", 5, "before it opens"),
        ("closes: 2026-11-12", "closes: 31.03.2027", 5, "write it as 2027-03-31"),
        ("closes: 2026-11-12", "closes: 2026-11-12\ncloses: 2026-12-12", 6, "closes stands twice"),
        ('  comment: ["Заметка"]', '  comment: ["Заметка"]\n  unit: ["Мера"]', 13, "unit stands twice"),
        ('  comment: ["Заметка"]', '  comment: ["Заметка"]\n  used_in: ["Где", "ЕД"]', 13, "means unit already"),
        ('  comment: ["Заметка"]', '  comment: ["Единица  измерения:"]', 12, "means unit already"),
        ('  comment: ["Заметка"]', '  coment: ["Заметка"]', 12, "did you mean comment?"),
        ("{2027: funded, 2026: planned}", "{2026: funded, 2028: planned}", 8, "without a gap"),
        ('okpd2: ["26.11"]', 'okpd2: ["26.11", "26.11"]', 9, "26.11 stands twice"),
        ("title: Опрос", "title: Опр\aос", 3, "control character (U+0007)"),
        ("2027: funded", "2036: funded", 8, "2026 to 2035"),
        ("2027: funded", "2027: hoped", 8, "funded"),
        ("  - gorlift", "  - gorsvet", 15, "gorsvet stands twice"),
        ('  comment: ["Заметка"]', '  chemistry: ["Заметка"]', 12, "chemistry"),
        ('  comment: ["Заметка"]', "  comment: Заметка", 12, "comment"),
        ("programme: ecb", "programme: tea", 2, "programme: write 'ecb' or 'battery'"),
        ("title: Опрос\n", "", 1, "title: this key is missing: add it"),
        ("okpd2: [", "okpd2: [[", 10, "not YAML"),
        ("title: Опрос", "title: Опрос: другой", 3, "not YAML"),
        ("  - gorsvet", "  - 15", 14, "roster.0"),
        ("survey: ecb-2030", "survey: ecb-2031", 1, "ecb-2031"),
        ("survey: ecb-2030", "survey: ../ecb", 1, "survey"),
    ],
)
def test_a_mistake_is_named_with_file_and_line(tmp_path: Path, right: str, wrong: str, line: int, said: str):
    assert GOOD.count(right) == 1
    with pytest.raises(SurveyError) as error:
        load(tmp_path, GOOD.replace(right, wrong))
    place, _, what = str(error.value).partition(": ")
    assert place == f"{tmp_path / 'ecb-2030.yaml'}:{line}"
    assert said in what


def test_a_file_that_is_not_utf_8_is_named_with_the_line(tmp_path: Path):
    (tmp_path / "ecb-2030.yaml").write_bytes(GOOD.encode("cp1251"))
    with pytest.raises(SurveyError, match=r"ecb-2030\.yaml:3: .*save it as UTF-8"):
        surveys.load(tmp_path)


def test_a_byte_order_mark_does_no_harm(tmp_path: Path):
    assert set(load(tmp_path, "\ufeff" + GOOD)) == {"ecb-2030"}


def test_a_file_that_would_not_be_read_is_named(tmp_path: Path):
    for name in (".ecb-2026.yaml.swp", "README.md"):
        (tmp_path / name).write_text("Not a survey", encoding="utf-8")
    assert set(load(tmp_path, GOOD)) == {"ecb-2030"}
    (tmp_path / "ecb-2027.yml").write_text(GOOD, encoding="utf-8")
    with pytest.raises(SurveyError, match=r"ecb-2027\.yml:1: .*rename it to ecb-2027\.yaml"):
        surveys.load(tmp_path)


def test_every_mistake_of_every_file_is_said_at_once(tmp_path: Path):
    (tmp_path / "ecb-2031.yaml").write_text("- a list", encoding="utf-8")
    with pytest.raises(SurveyError) as error:
        load(tmp_path, GOOD.replace("programme: ecb", "programme: tea").replace("2026-11-12", "soon"))
    assert [re.sub(r".*/", "", text).split(":")[0] for text in str(error.value).splitlines()] == [
        "ecb-2030.yaml",
        "ecb-2030.yaml",
        "ecb-2031.yaml",
    ]


def test_the_rules_version_changes_with_what_decides_and_with_nothing_else(tmp_path: Path):
    def version(text: str, rules: dict[str, list[str]] | None = None) -> str:
        return load(tmp_path, text)["ecb-2030"].rules_version(rules or {"file": ["F01"]})

    first = version(GOOD)
    assert first.startswith("2026-10-01-")
    assert version(GOOD) == first
    assert version(GOOD.replace("- gorlift", "- gkb-71").replace("title: Опрос", "title: Иной")) == first
    changed = {
        version(GOOD, {"file": ["F02"]}),
        version(GOOD.replace("Ед.", "Ед. изм.")),
        version(GOOD.replace('26.11"', '26.12"')),
        version(GOOD.replace("closes: 2026-11-12", "closes: 2026-11-13")),
        version(GOOD.replace("2027: funded", "2027: funded, 2028: planned")),
        version(GOOD.replace("rules_as_of: 2026-10-01", "rules_as_of: 2026-10-02")),
    }
    assert len(changed) == 6
    assert first not in changed
