"""Which product a line asks for, and what a person's decision about a name does and undoes."""

from __future__ import annotations

import csv
import io
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from include.city_order import orders, proposals, references, releases, warehouse
from include.city_order.drop_dates import Night
from include.city_order.site import Site
from tests.intake.nights import HEADINGS, answer, collect, leave, select
from tests.intake.test_judging_again import own_data

pytestmark = [pytest.mark.slow, pytest.mark.warehouse]

DAY = Night(date(2026, 11, 10))
TODAY = date(2026, 11, 25)
SURVEY = "ecb-2026"

WITH_MAKER = {**HEADINGS, "manufacturer": "Производитель"}
BATTERY = {
    "item_name": "Наименование изделия",
    "chemistry": "Тип (химия)",
    "battery_use": "Назначение",
    "voltage_v": "Напряжение, В",
    "capacity_ah": "Ёмкость, А·ч",
    "manufacturer": "Производитель",
    "okpd2_code": "Код ОКПД2",
    "unit": "Единица измерения",
    "demand_2026": "Потребность на 2026 год",
}
BLOCK = {
    "item_name": "Аккумулятор",
    "chemistry": "LiFePO4",
    "battery_use": "Электробус",
    "voltage_v": "12,8",
    "capacity_ah": "100",
    "okpd2_code": "27.20.23.130",
    "unit": "шт",
    "demand_2026": "10",
}


def ask(site: Site, agency: str, *lines: dict[str, str], moment: str = "2026-11-10 12:00") -> None:
    leave(site, f"{SURVEY}/{agency}/1.csv", answer(*lines, headings=WITH_MAKER), moment)


def products(site: Site) -> list[list[str]]:
    """The lines of each product, by what is in their remark: their name."""
    rows = select(
        site, "select array_agg(item_name order by item_name) as names from core.demand_line group by product_id"
    )
    return sorted(row["names"] for row in rows)


def listed(site: Site) -> list[tuple[str, str, int]]:
    """What is proposed, by the names, and the score."""
    found = proposals.listed(site.warehouse, site.reference, SURVEY)
    return [(row["typed_name"], row["known_name"], row["score"]) for row in found.proposals]


def decide(site: Site, file: str, line: str) -> None:
    with (site.reference / file).open("a", encoding="utf-8") as opened:
        opened.write(line + "\n")


def undo(site: Site, file: str) -> None:
    path = site.reference / file
    *kept, _ = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(kept), encoding="utf-8")


def filled_in(line: str) -> str:
    """A draft, as the one who decides hands it in."""
    cells = next(csv.reader([line]))
    cells[-4:-2] = ["Сектор (вымышлен)", "2026-11-25"]
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow(cells)
    return buffer.getvalue()


class TestProducts:
    """The identity of products, which is what lines are added up by."""

    def test_a_blank_manufacturer_is_the_only_one_of_the_reference_and_never_one_seen_in_drops(self, site: Site):
        ask(
            site,
            "gorsvet",
            {"item_name": "a1", "part_number": "К1986ВЕ1QI", "manufacturer": ""},
            {"item_name": "a2", "part_number": "K1986BE-1QI", "manufacturer": "АО «ПКК Миландр»", "demand_2026": "1"},
            {"item_name": "a3", "part_number": "MDR32F1QI", "manufacturer": "", "demand_2026": "2"},
            # Two manufacturers make it: nobody said whose.
            {"item_name": "b1", "part_number": "LM358DR", "manufacturer": ""},
            {"item_name": "b2", "part_number": "LM358DR", "manufacturer": "Texas Instruments"},
            {"item_name": "b3", "part_number": "LM358DR", "manufacturer": "onsemi"},
            # The reference has none: one that a drop states is no evidence.
            {"item_name": "c1", "part_number": "ZZ-100A", "manufacturer": ""},
            {"item_name": "c2", "part_number": "ZZ-100A", "manufacturer": "Texas Instruments"},
            {"item_name": "c3", "part_number": "ZZ-100A", "manufacturer": "Рубикон"},
        )
        collect(site)
        assert products(site) == [["a1", "a2", "a3"], ["b1"], ["b2"], ["b3"], ["c1"], ["c2"], ["c3"]]

    def test_a_battery_is_its_chemistry_voltage_capacity_and_use(self, site: Site):
        same = [{"voltage_v": "12,84"}, {"capacity_ah": "100,04"}, {"manufacturer": "Лиотех"}, {"chemistry": "LFP"}]
        other = [
            {"voltage_v": "12,86"}, {"capacity_ah": "100,06"}, {"battery_use": "Трамвай"},
            {"chemistry": "AGM", "okpd2_code": "27.20.22.000"},
        ]  # fmt: skip
        lines = [{**BLOCK}, *({**BLOCK, **changed} for changed in (*same, *other))]
        for number, line in enumerate(lines):
            leave(site, f"battery-2026/{AGENCIES[number]}/1.csv", answer(line, headings=BATTERY))
        collect(site)
        rows = select(
            site,
            "select array_agg(agency_code order by agency_code) as agencies from core.demand_line"
            " inner join core.submission using (submission_id) group by product_id",
        )
        assert sorted(len(row["agencies"]) for row in rows) == [1, 1, 1, 1, 5]
        (shared,) = (set(row["agencies"]) for row in rows if len(row["agencies"]) == 5)
        assert shared == set(AGENCIES[:5])


AGENCIES = (
    "dep-transport", "dep-zhkh", "dep-health", "dep-it", "dep-safety", "dep-culture", "dep-social", "mosgortrans-fict",
    "e-bus-park-1",
)  # fmt: skip

TYPED = {"item_name": "Микроконтроллер", "part_number": "K1986VE92QI"}
KNOWN = {"item_name": "Микроконтроллер", "part_number": "К1986ВЕ92QI", "demand_2026": "5"}


@pytest.fixture
def own_site(site: Site, tmp_path: Path) -> Site:
    """References of its own to decide in, and a survey whose releases wait for nobody."""
    site = own_data(site, tmp_path)
    survey = site.surveys / f"{SURVEY}.yaml"
    survey.write_text(survey.read_text(encoding="utf-8") + "\napproval: {changed_share: null}\n", encoding="utf-8")
    return site


class Orders:
    """Releases of one survey, published as soon as there is something new."""

    def __init__(self, dsn: str):
        self.dsn = dsn

    def published(self) -> tuple[list[dict[str, Any]], str]:
        """Every row that readers see, but for the release's number; and the digest of the figures."""
        release_id = orders.build(self.dsn, SURVEY)
        if release_id:
            orders.audit(self.dsn, release_id)
            orders.publish(self.dsn, release_id)
        with warehouse.transaction(self.dsn) as cursor:
            release = releases.published(cursor, SURVEY)
            assert release
            rows = []
            for table in ("order_line", "product", "exclusion", "surplus"):
                cursor.execute(f"select * from city_order.{table} where release_id = %s", (release["release_id"],))
                held = [
                    {name: value for name, value in row.items() if name not in ("release_id", "submission_id")}
                    for row in warehouse.rows(cursor)
                ]
                rows += sorted(held, key=repr)
        return rows, release["figures_sha256"]

    def pieces(self) -> dict[str, list[int]]:
        with warehouse.transaction(self.dsn) as cursor:
            cursor.execute(
                "select part_number, array_agg(gross_quantity::integer order by year) as pieces"
                " from city_order.current_order_line where survey_code = %s group by product_id, part_number",
                (SURVEY,),
            )
            return {row["part_number"]: row["pieces"] for row in warehouse.rows(cursor)}


def test_an_accepted_proposal_merges_and_taken_back_leaves_the_order_as_it_was(own_site: Site, warehouse: Any):
    site, order = own_site, Orders(warehouse.builder)
    ask(site, "gorsvet", TYPED)
    ask(site, "gorlift", KNOWN)
    collect(site)
    proposals.find(site.warehouse)
    before = order.published()
    assert order.pieces() == {"K1986VE92QI": [10, 20], "К1986ВЕ92QI": [5, 20]}

    (proposal,) = proposals.listed(site.warehouse, site.reference, SURVEY).proposals
    ((file, line),) = proposals.drafts(proposal, TODAY)
    decide(site, file, line)
    with pytest.raises(references.ReferenceError, match=r"part_aliases\.csv:\d+: decided_by is blank: fill it in"):
        collect(site, DAY)
    undo(site, file)
    decide(site, file, filled_in(line))
    # Who has decided is asked no more, before the next night, too.
    assert proposals.listed(site.warehouse, site.reference, SURVEY) == proposals.Listed([], 1)
    collect(site, DAY)
    assert order.published() != before
    assert order.pieces() == {"К1986ВЕ92QI": [15, 40]}
    proposals.find(site.warehouse)
    assert listed(site) == []
    causes = "select distinct cause from city_order.release_change"
    with_builder = select(Site(warehouse.builder, *[Path()] * 5), causes)
    assert with_builder == [{"cause": "changed_mapping"}]
    held = "select decided_by, decided_date::text from reference.part_alias where alias = 'K1986VE92QI'"
    assert select(site, held) == [{"decided_by": "Сектор (вымышлен)", "decided_date": "2026-11-25"}]

    undo(site, file)
    collect(site, DAY)
    assert order.published() == before
    proposals.find(site.warehouse)
    assert listed(site) == [("K1986VE92QI", "К1986ВЕ92QI", 95)]
