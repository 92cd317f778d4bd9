"""Names that nobody knows are listed for a person with what is at stake, once, and nothing comes of it by itself."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from include.city_order import orders, proposals, references, summary
from include.city_order.identity import manufacturer_key, matching_key
from tests.orders.conftest import SURVEY, Desk

pytestmark = [pytest.mark.slow, pytest.mark.warehouse]

INCLUDE = Path(__file__).resolve().parents[2] / "include"
TODAY = date(2026, 11, 25)
TYPED = "K1986VE92QI"


class Review(Desk):
    """A desk with the house's references, to change, and with a reviewer who looks at the list."""

    def __init__(self, dsns: Any, folder: Path):
        super().__init__(dsns)
        self.reference = folder / "reference"
        self.surveys = folder / "surveys"
        shutil.copytree(INCLUDE / "reference", self.reference)
        shutil.copytree(INCLUDE / "surveys", self.surveys)
        self.refresh()

    def refresh(self) -> None:
        references.refresh(self.dsns.ingest, self.surveys, self.reference)

    def ask(self, agency: str, *lines: Mapping[str, Any]) -> None:
        """Lines by part number and manufacturer, a code of ours or a name that we do not know; 10 pieces each."""
        landed = []
        for line in lines:
            number, maker = line["part_number"], line.get("manufacturer")
            name = f"{matching_key(number)} {maker}"
            known = maker and self.execute("select 1 from reference.manufacturer where manufacturer_code = %s", maker)
            self.product(
                name,
                matching_key=matching_key(number),
                manufacturer_code=maker if known else None,
                manufacturer_key=None if known or not maker else manufacturer_key(maker),
            )
            landed.append({"product": name, "demand_2026": "10", **line})
        self.submit(agency, landed)

    def find(self) -> int:
        return proposals.find(self.dsns.ingest)

    def proposed(self) -> list[dict[str, Any]]:
        return proposals.listed(self.dsns.analyst, self.reference, SURVEY).proposals

    def listed(self) -> list[tuple[str, str, int]]:
        return [(row["typed_name"], row["known_name"], row["score"]) for row in self.proposed()]

    def decide(self, file: str, line: str) -> None:
        with (self.reference / file).open("a", encoding="utf-8") as opened:
            opened.write(line + "\n")


@pytest.fixture
def review(warehouse: Any, tmp_path: Path) -> Any:
    desk = Review(warehouse, tmp_path)
    yield desk
    desk.connection.close()


def test_the_summary_tells_how_many_wait_and_the_command_that_lists_them(review: Review) -> None:
    review.ask("depot", {"part_number": TYPED}, {"part_number": "STM32F103C8T6"})
    assert "Names that look like others" not in summary.render(review.dsns.analyst)
    review.find()
    told = f"Names that look like others: 1. Who knows the parts says which are one: make proposals SURVEY={SURVEY}"
    assert told in summary.render(review.dsns.analyst).splitlines()


def everything(review: Review) -> list[Any]:
    """All that lines ask for, all that stands, and all that is published."""
    return [
        review.execute(f"select to_jsonb(whole) from {table} as whole order by to_jsonb(whole)::text")
        for table in (
            "core.product", "core.demand_line", "core.submission", "quality.judgement", "city_order.release",
            "city_order.order_line", "city_order.exclusion", "city_order.product", "reference.part_alias",
        )
    ]  # fmt: skip


def test_a_proposal_says_what_is_at_stake_and_changes_nothing(review: Review):
    review.ask("gorsvet", {"part_number": TYPED}, {"part_number": "MAX485ESA", "unit": "798", "pieces_per_unit": 1000})
    review.ask("gorlift", {"part_number": "k1986ve-92qi", "demand_2027": "7"}, {"part_number": "К1986ВЕ92QI"})
    review.publish()
    before = everything(review)
    assert review.listed() == []
    assert review.find() == 2
    assert review.listed() == [(TYPED, "К1986ВЕ92QI", 95), ("MAX485ESA", "MAX485ESA+", 80)]
    first, second = review.proposed()
    assert (first["agencies"], first["lines"], first["pieces"]) == (["gorlift", "gorsvet"], 2, 27)
    assert (first["typed_manufacturer_code"], first["known_manufacturer_code"]) == ("", "milandr")
    assert (second["agencies"], second["receipts"], second["pieces"]) == (["gorsvet"], [1], 10_000)
    assert everything(review) == before
    assert orders.surveys_to_build(review.dsns.builder) == []
    # Each name is compared once.
    assert review.find() == 0


def test_only_what_stands_is_proposed(review: Review):
    review.ask("gorsvet", {"part_number": TYPED})
    review.find()
    assert len(review.listed()) == 1
    review.ask("gorsvet", {"part_number": "К1986ВЕ92QI"})
    assert review.find() == 0
    assert review.listed() == []
    review.ask("gorlift", {"part_number": TYPED})
    assert review.find() == 0
    assert len(review.listed()) == 1


def test_a_rejected_proposal_is_not_made_again(review: Review):
    review.ask("gorsvet", {"part_number": TYPED}, {"part_number": "ATMEGA328P-AUTR", "manufacturer": "microchip"})
    review.find()
    versions = "select reference_version from reference.survey order by survey_code"
    before = review.execute(versions)
    for proposal in review.proposed():
        line = proposals.rejection(proposal, TODAY)
        assert line.count(",,,,") == 1
        review.decide("rejected_aliases.csv", line.replace(",,,,", ",Разные детали,Сектор,2026-11-25,"))
    # Who has decided is asked no more, before the next night, too.
    assert proposals.listed(review.dsns.analyst, review.reference, SURVEY) == proposals.Listed([], 2)
    review.refresh()
    assert review.execute("select * from core.alias_proposal") == []
    # No answer is judged by what is no alias, and nothing is compared again for it.
    assert review.execute(versions) == before
    assert review.find() == 0
    # A person changed her mind about one of them.
    path = review.reference / "rejected_aliases.csv"
    path.write_text("".join(path.read_text("utf-8").splitlines(keepends=True)[:-1]), "utf-8")
    review.refresh()
    assert len(review.listed()) == 1
    # What is rejected of one part may still be another's name.
    review.decide("parts.csv", "K-1986-VE92-QI/A,milandr,,,,,,вымысел,2026-11-25")
    review.refresh()
    review.find()
    assert {known for typed, known, _ in review.listed() if typed == TYPED} == {"K-1986-VE92-QI/A"}


def test_new_known_parts_are_compared_with_what_was_typed_before(review: Review):
    review.ask("gorsvet", {"part_number": "QQ-77-RTZ/A"}, {"part_number": TYPED})
    assert review.find() == 2
    assert review.listed() == [(TYPED, "К1986ВЕ92QI", 95)]
    seen = f"select first_seen_at from core.alias_candidate where typed_key = '{TYPED}'"
    first_seen = review.execute(seen)
    review.decide("parts.csv", "QQ-77-RTZA,milandr,,,,,,вымысел,2026-11-25")
    review.refresh()
    assert review.find() == 2
    assert review.listed() == [(TYPED, "К1986ВЕ92QI", 95), ("QQ-77-RTZ/A", "QQ-77-RTZA", 82)]
    assert review.execute(seen) == first_seen


def test_what_looks_like_an_alias_is_proposed_for_its_part(review: Review):
    review.ask("gorsvet", {"part_number": "MDR32F9Q21", "manufacturer": "milandr"})
    review.find()
    (proposal,) = review.proposed()
    assert (proposal["known_name"], proposal["known_key"]) == ("К1986ВЕ92QI", matching_key("К1986ВЕ92QI"))
    assert proposal["reason"].endswith("(of its other name «MDR32F9Q2I»)")


def test_names_that_only_answers_know_are_held_against_each_other(review: Review):
    review.ask("gorsvet", {"part_number": "QQ-77-RTZ/A", "manufacturer": "milandr"})
    assert review.find() == 1
    # Another manufacturer's is another part.
    review.ask("gorlift", {"part_number": "QQ-77-RTZ.A", "manufacturer": "mikron"})
    review.ask("school-1501", {"part_number": "QQ-77-RTZA", "manufacturer": "milandr"})
    assert review.find() == 2
    assert review.listed() == [("QQ-77-RTZA", "QQ-77-RTZ/A", 82)]
    (proposal,) = review.proposed()
    assert not proposal["in_reference"] and proposal["reason"].endswith("the reference has neither")
    (parts, part), (aliases, alias) = proposals.drafts(proposal, TODAY)
    assert (parts, part) == ("parts.csv", "QQ-77-RTZ/A,milandr,,,,,,,2026-11-25")
    assert (aliases, alias.split(",")[:5]) == ("part_aliases.csv", ["QQ-77-RTZA", "QQ-77-RTZ/A", "milandr", "", ""])
    review.ask("gorsvet", {"part_number": "К1986ВЕ92QI"})
    assert review.listed() == []


def test_a_manufacturer_that_nobody_knows_comes_before_its_parts(review: Review):
    review.ask(
        "gorsvet",
        {"part_number": "К1986ВЕ92QI", "manufacturer": "Милландр"},
        {"part_number": "К1986ВЕ1QL", "manufacturer": "ООО «МИЛЛАНДР»"},
        {"part_number": "К1986ВЕ1QL", "manufacturer": "Рубикон"},
    )
    assert review.find() == 2
    (proposal,) = review.proposed()
    assert (proposal["kind"], proposal["known_name"], proposal["score"]) == ("manufacturer", "Миландр", 90)
    assert (proposal["lines"], proposal["pieces"]) == (2, 20)
    ((file, line),) = proposals.drafts(proposal, TODAY)
    assert file == "manufacturer_aliases.csv"
    assert next(csv.reader([line]))[:4] == ["milandr", proposal["typed_name"], "", ""]
    rejected = next(csv.reader([proposals.rejection(proposal, TODAY)]))
    assert rejected[:3] == [proposal["typed_name"], "", "milandr"]
    rejected[3:6] = ["Другой завод", "Сектор", "2026-11-25"]
    review.decide("rejected_aliases.csv", ",".join(f'"{cell}"' for cell in rejected))
    review.refresh()
    assert review.execute("select * from core.alias_proposal") == []


def test_the_list_as_a_file_is_run_by_no_spreadsheet():
    row = {
        "kind": "part", "typed_name": "=MAX485ESA", "typed_manufacturer_code": "", "known_name": "MAX485ESA+",
        "known_manufacturer_code": "adi", "in_reference": True, "score": 80, "reason": "less by «+»",
        "agencies": ["gorsvet"], "receipts": [3, 5], "lines": 2, "pieces": Decimal(1000),
        "first_seen_at": datetime(2026, 11, 24, 12, tzinfo=UTC),
    }  # fmt: skip
    text = proposals.as_csv([row], TODAY).decode("utf-8-sig")
    (found,) = csv.DictReader(io.StringIO(text), delimiter=";")
    assert (found["typed_name"], found["receipts"], found["pieces"]) == ("'=MAX485ESA", "3 5", "1000")
    assert (
        found["to_accept"]
        == 'part_aliases.csv: =MAX485ESA,MAX485ESA+,adi,,,"proposal, score 80: less by «+»",2026-11-25'
    )
    assert found["to_reject"].startswith("rejected_aliases.csv: =MAX485ESA,MAX485ESA+,adi,,,,")


def test_a_survey_that_nobody_knows_is_named(review: Review):
    with pytest.raises(LookupError, match=r"knows no survey 'ecb-1999'\. It knows: battery-2026, ecb-2026"):
        proposals.listed(review.dsns.analyst, review.reference, "ecb-1999")


def test_base_parts_are_added_up_and_no_product_or_release_depends_on_them(review: Review):
    def ordered() -> list[tuple[Any, ...]]:
        return review.execute(
            "select base_part, manufacturer, unit, year, gross_quantity::integer, net_quantity::integer, part_numbers"
            " from city_order.order_by_base_part order by base_part"
        )

    milandr = {"manufacturer": "milandr"}
    review.ask(
        "gorsvet",
        {"part_number": "К1986ВЕ92QI", **milandr, "stock": "3"},
        {"part_number": "1986ВЕ92У", **milandr},
        # Whoever states the base part alone asks for it, too.
        {"part_number": "1986ВЕ92", **milandr},
        {"part_number": "1986ВЕ92", "manufacturer": "mikron"},
        {"part_number": "К1986ВЕ1QI", **milandr},
        {"part_number": "BE-T1000", "manufacturer": "baikal"},
    )
    review.publish()
    shown = [
        ("1986ВЕ1", "ПКК Миландр", "796", 2026, 10, 10, ["К1986ВЕ1QI"]),
        ("1986ВЕ92", "ПКК Миландр", "796", 2026, 30, 27, ["1986ВЕ92", "1986ВЕ92У", "К1986ВЕ92QI"]),
    ]
    assert ordered() == shown
    before = everything(review)
    path = review.reference / "parts.csv"
    path.write_text(path.read_text("utf-8").replace("BE-T1000,baikal,,", "BE-T1000,baikal,BE-T1,", 1), "utf-8")
    review.refresh()
    assert [row[0] for row in ordered()] == ["1986ВЕ1", "1986ВЕ92", "BE-T1"]
    assert everything(review) == before
    assert orders.surveys_to_build(review.dsns.builder) == []
