"""What came in and what was made of it, as plain text for the terminal. It reads as the analyst does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from psycopg2.extensions import cursor as Cursor

from include.city_order import warehouse
from include.city_order.vocabulary import MOSCOW, Verdict

ORDER_LINES_SHOWN = 10
PARTS_TO_REPLACE_SHOWN = 20

_LINE_COUNTS = """
    count(*) as receipts,
    coalesce(sum(lines_delivered), 0) as lines_delivered,
    coalesce(sum(lines_accepted), 0) as lines_accepted,
    coalesce(sum(lines_rejected), 0) as lines_rejected,
    coalesce(sum(lines_superseded), 0) as lines_superseded,
    coalesce(sum(lines_duplicate), 0) as lines_duplicate
"""


def render(dsn: str) -> str:
    """The summary of every survey, and of the receipts that belong to none."""
    with warehouse.transaction(dsn, repeatable_read=True) as cursor:
        cursor.execute("select survey_code, title from reference.survey order by survey_code")
        sections = [_survey(cursor, survey_code, title) for survey_code, title in cursor.fetchall()]
        sections.append(_receipts_of_no_survey(cursor))
        sections += _to_replace_first(cursor)
    return "\n\n".join(section for section in sections if section) or "The warehouse knows no survey yet."


def _survey(cursor: Cursor, survey_code: str, title: str) -> str:
    parts = [f"{survey_code}  {title}", "=" * len(survey_code)]
    parts += _receipts(cursor, survey_code)
    parts += _to_look_at(cursor, survey_code)
    cursor.execute(
        """
        select release.*, (select count(*) from city_order.order_line where order_line.release_id = release.release_id)
            as order_lines
        from city_order.published_release inner join city_order.release using (release_id)
        where published_release.survey_code = %s
        """,
        (survey_code,),
    )
    published = warehouse.rows(cursor)
    if not published:
        return "\n".join([*parts, "No release is published."])
    release = published[0]
    built = release["built_at"].astimezone(MOSCOW)
    parts.append(
        f"Release {release['release_id']} is published: built {built:%Y-%m-%d %H:%M} Moscow time, "
        f"{_count(release['order_lines'], 'order line')}, figures {release['figures_sha256'][:12]}."
    )
    parts += _order_lines(cursor, release["release_id"])
    parts += _exclusions(cursor, release["release_id"])
    parts += _against_the_last_survey(cursor, survey_code)
    return "\n".join(parts)


def _receipts(cursor: Cursor, survey_code: str) -> list[str]:
    cursor.execute(
        f"select verdict, {_LINE_COUNTS} from landing.receipt where survey_code = %s group by verdict", (survey_code,)
    )
    by_verdict = {row["verdict"]: row for row in warehouse.rows(cursor)}
    if not by_verdict:
        return ["No receipts."]
    shown = [verdict.value for verdict in Verdict if verdict in by_verdict] + [None] * (None in by_verdict)
    counted = ", ".join(f"{by_verdict[verdict]['receipts']} {verdict or 'without a verdict yet'}" for verdict in shown)
    total = {name: sum(row[name] for row in by_verdict.values()) for name in by_verdict[shown[0]] if name != "verdict"}
    return [f"{_count(total['receipts'], 'receipt')}: {counted}.", _equation(total)]


def _to_look_at(cursor: Cursor, survey_code: str) -> list[str]:
    """What only a person can decide: was it a correction, or the second half of an answer; which names are one?"""
    cursor.execute(
        "select agency_code, receipt_no, replaced_receipt_no, shared_items, greatest(items, replaced_items)"
        " from core.little_in_common"
        " where survey_code = %s order by receipt_no",
        (survey_code,),
    )
    said = [
        f"Look at receipt {receipt_no} of {agency_code}: it replaced receipt {replaced}, and of "
        f"{_count(items, 'item')} the two share {shared}. Is it a part of an answer? Then ask for all of it in one ZIP."
        for agency_code, receipt_no, replaced, shared, items in cursor.fetchall()
    ]
    cursor.execute(
        "select count(distinct (kind, typed_key, typed_manufacturer_code)) from core.alias_proposal"
        " where survey_code = %s",
        (survey_code,),
    )
    ((alike,),) = cursor.fetchall()
    if alike:
        said.append(
            f"Names that look like others: {alike}. Who knows the parts says which are one: "
            f"make proposals SURVEY={survey_code}"
        )
    return said


def _receipts_of_no_survey(cursor: Cursor) -> str:
    """Quarantined drops whose folder names no survey that we know: nobody else shows them."""
    cursor.execute(
        f"select {_LINE_COUNTS} from landing.receipt where survey_code is null"
        " or not exists (select 1 from reference.survey where survey.survey_code = receipt.survey_code)"
    )
    (total,) = warehouse.rows(cursor)
    if not total["receipts"]:
        return ""
    cursor.execute(
        "select coalesce(survey_code, '(no folder)'), count(*) from landing.receipt where survey_code is null"
        " or not exists (select 1 from reference.survey where survey.survey_code = receipt.survey_code)"
        " group by survey_code order by survey_code"
    )
    folders = ", ".join(f"{_short(folder)} ({count})" for folder, count in cursor.fetchall())
    return (
        f"Of no survey that we know\n{_count(total['receipts'], 'receipt')}, in the folders: {folders}.\n"
        f'{_equation(total)}\nIf a survey is new, add its YAML: see "After a new survey" in README.md.'
    )


def _equation(total: dict[str, Any]) -> str:
    parts = ("accepted", "rejected", "superseded", "duplicate")
    added = sum(total[f"lines_{part}"] for part in parts)
    sign = "=" if added == total["lines_delivered"] else "IS NOT"
    return (
        f"Lines: {total['lines_delivered']:,} delivered {sign} "
        + " + ".join(f"{total[f'lines_{part}']:,} {part}" for part in parts)
        + "."
    )


def _order_lines(cursor: Cursor, release_id: int) -> list[str]:
    cursor.execute(
        """
        select
            product.product_name, product.part_number, product.manufacturer, order_line.year,
            order_line.gross_quantity, order_line.net_quantity, order_line.gross_energy_kwh,
            order_line.amount_kopecks * 0.01 as amount_rub
        from city_order.order_line inner join city_order.product using (release_id, product_id)
        where release_id = %s
        order by product.product_name collate "C", product.part_number collate "C", product_id, unit, year
        limit %s
        """,
        (release_id, ORDER_LINES_SHOWN),
    )
    lines = [
        (name, part or "", manufacturer or "", str(year), *map(_number, (gross, net, energy)), _number(amount, 2))
        for name, part, manufacturer, year, gross, net, energy, amount in cursor.fetchall()
    ]
    if not lines:
        return ["Nothing is ordered."]
    heading = ("product", "part", "manufacturer", "year", "gross, pieces", "net, pieces", "gross, kWh", "amount, RUB")
    return [f"The first {_count(len(lines), 'order line')}:", *_table(heading, lines, numbers_from=3)]


def _exclusions(cursor: Cursor, release_id: int) -> list[str]:
    cursor.execute(
        """
        select exclusion.reason, coalesce(unit.symbol, exclusion.unit), count(*), sum(exclusion.quantity)
        from city_order.exclusion left join reference.unit on unit.okei_code = exclusion.unit
        where release_id = %s
        group by exclusion.reason, exclusion.unit, unit.symbol
        order by exclusion.reason, exclusion.unit
        """,
        (release_id,),
    )
    lines = [(reason, unit, str(count), _number(quantity)) for reason, unit, count, quantity in cursor.fetchall()]
    if not lines:
        return ["Nothing is left out."]
    return ["Left out of the order:", *_table(("reason", "unit", "entries", "quantity"), lines, numbers_from=2)]


def _against_the_last_survey(cursor: Cursor, survey_code: str) -> list[str]:
    cursor.execute(
        """
        with compared as (
            select last_survey_code, min(year) as first_year, max(year) as last_year,
                sum(gross_before) as gross_before, sum(gross_after) as gross_after
            from city_order.survey_comparison where survey_code = %s group by last_survey_code, product_id, unit
        )
        select
            last_survey_code, min(first_year), max(last_year),
            count(*) filter (where gross_before = 0), count(*) filter (where gross_after = 0),
            count(*) filter (where gross_before > 0 and gross_after > gross_before),
            count(*) filter (where gross_after > 0 and gross_after < gross_before),
            count(*) filter (where gross_before = gross_after)
        from compared group by last_survey_code
        """,
        (survey_code,),
    )
    return [
        f"Against {last}, in {years_from}–{years_to}: {_count(new, 'product')} new, {gone:,} gone, {more:,} in greater"
        f" and {less:,} in smaller number, {equal:,} as before."
        for last, years_from, years_to, new, gone, more, less, equal in cursor.fetchall()
    ]


def _to_replace_first(cursor: Cursor) -> list[str]:
    """Of each programme, the imported products of the current order that most need a domestic replacement."""
    cursor.execute("select programme, survey_code, year from city_order.order_year where is_current order by 1, 3, 2")
    years: dict[str, dict[str, list[str]]] = {}
    for programme, survey_code, year in cursor.fetchall():
        years.setdefault(programme, {}).setdefault(survey_code, []).append(str(year))
    cursor.execute("select * from city_order.criticality order by programme, place")
    products: dict[str, list[dict[str, Any]]] = {}
    for product in warehouse.rows(cursor):
        products.setdefault(product["programme"], []).append(product)
    return [_imports(programme, years[programme], found) for programme, found in products.items()]


def _imports(programme: str, years: dict[str, list[str]], products: list[dict[str, Any]]) -> str:
    title = f"{programme}  What to replace first"
    spoken = "; ".join(f"{', '.join(of_survey)} from {survey_code}" for survey_code, of_survey in years.items())
    placed = [product for product in products if product["place"] is not None]
    unplaced = sum(product["score"] is None for product in products)
    parts = [title, "=" * len(programme), f"The current order: {spoken}."]
    parts.append(
        f"{_count(len(placed), 'product')} of {len(products):,} with a place: imported, in whole or in part, and"
        f" priced; {unplaced:,} with none, as no line has a price, no manufacturer is known, or the OKPD2 code has"
        " no class."
    )
    if not placed:
        return "\n".join(parts)
    heading = (
        "product", "part", "manufacturer", "place", "gross, pieces", "value, RUB", "agencies", "import", "HHI",
        "analogs approved", "proposed",
    )  # fmt: skip
    lines = [
        (
            product["product_name"], product["part_number"] or "", product["manufacturer"] or "", str(product["place"]),
            _number(product["gross_quantity"]), _number(product["value_kopecks"] / 100, 2), str(product["agencies"]),
            f"{product['import_share']:.0%}", f"{product['hhi']:.2f}",
            str(product["approved_analogs"]), str(product["proposed_analogs"]),
        )
        for product in placed[:PARTS_TO_REPLACE_SHOWN]
    ]  # fmt: skip
    return "\n".join([*parts, f"The first {len(lines)}:", *_table(heading, lines, numbers_from=3)])


def _table(heading: Sequence[str], lines: Iterable[Sequence[str]], numbers_from: int) -> list[str]:
    """Lines in columns; columns from `numbers_from` on are set to the right, long texts are cut."""
    rows = [heading, *([_short(value) for value in line] for line in lines)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  "
        + "  ".join(
            value.rjust(width) if place >= numbers_from else value.ljust(width)
            for place, (value, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _short(text: str, longest: int = 36) -> str:
    """Names come from drops: on one line, without control characters, and no longer than a column."""
    text = "".join(character if character.isprintable() else " " for character in text)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _number(value: Decimal | None, places: int | None = None) -> str:
    if value is None:
        return ""
    return f"{value:,.{places}f}" if places is not None else f"{value.normalize():,f}"


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}" + ("" if number == 1 else "s")
