"""The sample drops, published: how much of an order of some thirty agencies can be shown, and that it hides them."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from include.city_order import exports, orders, publication
from tests.intake.conftest import sample_inbox
from tests.intake.nights import collect, site_of

__all__ = ["sample_inbox"]

pytestmark = [pytest.mark.slow, pytest.mark.warehouse]

SURVEYS = ("ecb-2026", "battery-2026")


def test_the_sample_order_is_shown_in_part_and_every_block_hides_its_agencies(
    warehouse: Any, sample_inbox: Path, tmp_path: Path
):
    collect(site_of(warehouse.ingest, tmp_path, inbox=sample_inbox))
    for survey in SURVEYS:
        release_id = orders.build(warehouse.builder, survey)
        assert release_id
        orders.audit(warehouse.builder, release_id)
        orders.publish(warehouse.builder, release_id)
        assert publication.disclose(warehouse.builder, survey) == release_id
        assert len(exports.write(warehouse.builder, tmp_path / "outbox", survey)) == 2
    parts, figures, sizes = (select(warehouse.owner, statement) for statement in (PARTS, FIGURES, SIZES))
    for shown, in_all in sizes:
        assert 0.01 * in_all < shown < 0.9 * in_all
    blocks: dict[tuple[Any, ...], dict[str, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
    sums: dict[tuple[Any, ...], Fraction] = defaultdict(Fraction)
    for *figure, block, agency, quantity in parts:
        blocks[*figure, block][agency] += Fraction(quantity)
        sums[tuple(figure)] += Fraction(quantity)
    assert sums == {tuple(figure): Fraction(quantity) for *figure, quantity in figures}
    for agencies in blocks.values():
        first, second, *rest = sorted(agencies.values(), reverse=True)
        assert len(rest) >= 1
        assert first <= Fraction(7, 10) * (first + second + sum(rest))
        assert sum(rest) >= first / 10


#: Survey, figure and year, block, agency, what it adds.
PARTS = """
select
    part.survey_code, part.cell_key, part.year, part.block, part.agency_code,
    part.quantity * case
        when cell_kind = 'class' and product.programme = 'battery' then product.voltage_v * product.capacity_ah / 1000
        else 1
    end
from city_order.published_part as part
inner join core.product using (product_id)
"""
FIGURES = """
select survey_code, product_id, year, gross_quantity from published.order_line
union all
select survey_code, okpd2_class, year, rest_quantity from published.class_line where rest_quantity is not null
"""
SIZES = """
select
    (select count(*) from published.order_line where order_line.release_id = release.release_id),
    (select count(*) from city_order.order_line where order_line.release_id = release.release_id)
from published.release
"""


def select(dsn: str, statement: str) -> list[tuple[Any, ...]]:
    connection = psycopg2.connect(dsn)
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()
    finally:
        connection.close()
