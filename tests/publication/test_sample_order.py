"""The sample drops, published: how much of an order of some thirty agencies can be shown, and that it hides them."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.warehouse]


def test_the_sample_order_is_shown_in_part_and_every_block_hides_its_agencies(sample_order: Any):
    parts, figures, sizes = (
        [tuple(row.values()) for row in sample_order.select(statement)] for statement in (PARTS, FIGURES, SIZES)
    )
    assert len(sizes) == 2
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
    (select count(*) from published.order_line where order_line.release_id = release.release_id) as shown,
    (select count(*) from city_order.order_line where order_line.release_id = release.release_id) as in_all
from published.release
"""
