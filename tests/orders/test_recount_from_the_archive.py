"""Every order table against a recount of the archived files, over random histories, in any order of arrival.

All histories answer a few surveys of one warehouse, with agencies and products of their own: so each night of all of
them is one night of the intake, and what they cost is reading.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from include.city_order import archive, orders, warehouse
from include.city_order.drop_dates import Night
from tests.intake.nights import REFERENCE, collect, execute, leave, select, site_of
from tests.orders import answered
from tests.orders.answered import Goods, History
from tests.orders.conftest import rows_of
from tests.orders.recounting import Answer, Share, Terms, built, changes, recount, shares, told_changes

pytestmark = [pytest.mark.warehouse, pytest.mark.slow]

HISTORIES = 200
#: Of so many histories, the drops arrive in other nights, too, as answers to other surveys.
IN_OTHER_ORDER = 12
#: What the histories must have brought about, or they would show little.
CAUSES = ("new_submission", "correction", "withdrawal", "double_counting", "changed_rule")

#: Where the archive has what: nothing that was found out about a file.
RECEIPTS = """
select survey_code, agency_code, original_path, sha256 from landing.receipt
order by drop_date, modified_ns, original_path
"""
#: The products of a release: how they are shown, and what tells them from each other.
PRODUCTS = """
select
    shown.product_id,
    array[shown.product_name, shown.part_number, shown.manufacturer, shown.okpd2_code],
    array[product.name_key, shown.part_number, shown.manufacturer, product.voltage_v::text, product.capacity_ah::text]
from city_order.product as shown
inner join core.product using (product_id)
where release_id = %(release_id)s
"""


class World:
    """One warehouse with all histories in it, and what is wrong with each order."""

    def __init__(self, dsns: Any, home: Path, histories: list[History]) -> None:
        self.dsns = dsns
        self.surveys: dict[str, list[History]] = defaultdict(list)
        for history in histories:
            self.surveys[history.survey].append(history)
        answered.write_reference(REFERENCE, home / "reference", {each.number: each for each in histories}.values())
        self.site = replace(site_of(dsns.ingest, home, surveys=home / "surveys"), reference=home / "reference")
        self.site.surveys.mkdir()
        self.meant = {_identity(goods): goods.name for history in histories for goods in history.goods}
        self.names: dict[str, str] = {}
        self.wrong: dict[str, dict[str, Any]] = defaultdict(dict)
        self.found: dict[str, dict[str, Any]] = {}
        self.last: dict[str, dict[str, Any]] = {}
        self.counted: dict[str, dict[tuple[str, str, int], Share]] = {}
        self.stood: dict[str, dict[str, str]] = defaultdict(dict)
        self.causes: Counter[str] = Counter()

    def night(self, number: int | None) -> None:
        """One night: what is left for it is collected, each order that is behind is built. None: the roster changes."""
        for survey, histories in self.surveys.items():
            (self.site.surveys / f"{survey}.yaml").write_text(
                answered.survey_file(histories, after_all=number is None), encoding="utf-8"
            )
            for drop in (drop for history in histories for drop in history.drops if drop.night == number):
                leave(self.site, drop.path, drop.content, f"{drop.moment:%Y-%m-%d %H:%M}")
        if number is None:
            collect(self.site, Night(answered.LEAVING_DAY.date()))
        else:
            # As if nothing was scanned before: then the time of a file is believed, and it may arrive late.
            execute(self.dsns.owner, "delete from landing.scan")
            collect(self.site)
        receipts = defaultdict(list)
        for row in select(self.site, RECEIPTS):
            receipts[row["survey_code"]].append(row)
        behind = orders.surveys_to_build(self.dsns.builder)
        for survey, histories in self.surveys.items():
            self._compare(survey, histories, receipts[survey], number is None, survey in behind)

    def _compare(
        self, survey: str, histories: list[History], receipts: list[Any], after_all: bool, is_behind: bool
    ) -> None:
        """Build what is behind, and hold every table against the recount."""
        goods = {
            agency: history.goods
            for history in histories
            for agency in history.agencies
            if not (after_all and agency == history.leaves)
        }
        found = answered.standing(receipts, self._open, goods)
        answers = {agency: lines for agency, (_, lines) in found.items()}
        standing = {agency: path for agency, (path, _) in found.items()}
        terms = _terms(histories)
        must_be, counted = recount(answers, terms), shares(answers, terms)
        release_id = orders.build(self.dsns.builder, survey) if is_behind else None
        if release_id is None:
            self._note(survey, "no release is needed", self.last[survey], must_be)
            return
        orders.audit(self.dsns.builder, release_id)
        orders.publish(self.dsns.builder, release_id)
        empty = [agency for agency, lines in answers.items() if not lines]
        must_tell = changes(
            self.counted.get(survey), counted, self.stood[survey], standing, empty=empty, fallen="changed_rule"
        )
        with warehouse.transaction(self.dsns.builder) as cursor:
            cursor.execute(PRODUCTS, {"release_id": release_id})
            shown = {}
            for product_id, how, identity in cursor.fetchall():
                self.names[product_id] = self.meant[tuple(identity)]
                shown[self.names[product_id]] = tuple(how)
            rows = partial(rows_of, cursor, release_id=release_id)
            self.found[survey] = built(rows, self.names)
            for table, expected in must_be.items():
                self._note(survey, table, self.found[survey][table], expected)
            self._note(survey, "product", shown, _shown(answers))
            self._note(survey, "release_change", told_changes(rows, self.names), must_tell)
        self.causes.update(cause for cause, *_ in must_tell.values())
        self.last[survey], self.counted[survey], self.stood[survey] = must_be, counted, standing

    def _open(self, sha256: str) -> bytes:
        return archive.path_of(self.site.archive, sha256).read_bytes()

    def _note(self, survey: str, what: str, found: Mapping[Any, Any], expected: Mapping[Any, Any]) -> None:
        """Keep what differs; its key names the history: `h17 controller`, `h17-depot`."""
        for key in {*found, *expected}:
            if found.get(key) != expected.get(key):
                self.wrong[survey][f"{what} {key}"] = f"is {found.get(key)}, must be {expected.get(key)}"


def _identity(goods: Goods) -> tuple[str | None, ...]:
    """What tells a product from the others, as a release shows it."""
    battery = goods.energy_kwh is not None
    return (
        None if battery or goods.shown[0] else goods.typed["Наименование изделия"].casefold(),
        *goods.shown,
        str(Decimal(goods.typed["Напряжение, В"].replace(",", "."))) if battery else None,
        goods.typed["Ёмкость, А·ч"].replace(",", ".") if battery else None,
    )


def _terms(histories: list[History]) -> Terms:
    return Terms(
        {parent: children for history in histories for parent, children in history.kin.items()},
        {goods.name: goods.energy_kwh for history in histories for goods in history.goods if goods.energy_kwh},
        histories[0].handled,
    )


def _shown(answers: Mapping[str, Answer]) -> dict[str, tuple[str | None, ...]]:
    """How each product must be shown: by the name that most lines use, the first of those by its letters."""
    typed: dict[str, Counter[str]] = defaultdict(Counter)
    goods: dict[str, Goods] = {}
    for line in (line for lines in answers.values() for line in lines):
        goods[line["product"]] = line["goods"]
        typed[line["product"]][line["goods"].typed["Наименование изделия"]] += 1
    return {
        name: (
            min(typed[name], key=lambda item: (-typed[name][item], item)),
            *goods[name].shown,
            goods[name].typed["Код ОКПД2"],
        )
        for name in typed
    }


def _of(found: Mapping[str, Any], histories: list[History]) -> dict[str, Any]:
    """What a release holds of some histories, where it has them apart."""
    whose = tuple(f"h{history.number}{end}" for history in histories for end in " -")
    return {
        table: {
            key: figure
            for key, figure in figures.items()
            if any(str(part).startswith(whose) for part in (key if isinstance(key, tuple) else (key,)))
        }
        for table, figures in found.items()
    }


def test_every_table_is_what_a_recount_of_the_archive_gives(warehouse: Any, tmp_path: Path) -> None:
    """Whatever agencies send, correct, repeat and take back, and whichever of it arrives first.

    What is wrong names its history by product or agency: `h17 controller` is of `answered.histories(HISTORIES)[17]`.
    """
    histories = answered.histories(HISTORIES)
    again = [history.in_other_order() for history in histories[:IN_OTHER_ORDER]]
    world = World(warehouse, tmp_path, [*histories, *again])
    for number in range(answered.NIGHTS):
        world.night(number)
    world.night(None)
    assert dict(world.wrong) == {}
    assert all(orders.reconcile(warehouse.builder, survey) == {} for survey in world.surveys)
    compared = 0
    for survey in {other.survey for other in again}:
        first = [history for history, other in zip(histories, again, strict=False) if other.survey == survey]
        found = _of(world.found[first[0].survey], first)
        assert _of(world.found[survey], first) == found
        # Of one that took all back, nothing is left to be compared.
        compared += len(found["order"])
    assert compared >= 5
    assert min(world.causes[cause] for cause in CAUSES) >= 3, world.causes
