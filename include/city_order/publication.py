"""The published tier: brings what manufacturers see up to the release that is published.

What may change is decided by `disclosure`; this reads what a release asks for and what is shown, and records what
changes. It costs what the releases since the last time have touched, and what waits.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from typing import Any

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from include.city_order import releases, warehouse
from include.city_order.disclosure import Asked, Cell, CellKind, Goods, Protection, Shown, Step, class_of, step

log = logging.getLogger(__name__)

#: OKEI codes of what figures are in: pieces, and for classes of batteries kWh.
PIECE, KWH = "796", "245"

_PART = (
    "survey_code", "cell_kind", "cell_key", "year", "block", "product_id", "agency_code", "line", "quantity",
    "least_quantity", "release_id",
)  # fmt: skip


def disclose(dsn: str, survey_code: str) -> int | None:
    """Publish the figures of a survey's published release that hide every agency. Returns the release's number.

    None if no release is published. May be repeated: a release that has published figures keeps them.
    """
    with warehouse.transaction(dsn) as cursor:
        warehouse.lock(cursor, f"disclose {survey_code}")
        release = releases.published(cursor, survey_code)
        if not release:
            return None
        last = _last(cursor, survey_code)
        if last and last["release_id"] >= release["release_id"]:
            return last["release_id"]
        terms = _terms(cursor, survey_code)
        is_open = bool(last and last["is_open"]) or _has_answered_enough(release, terms)
        if is_open:
            in_play = _in_play(cursor, release, last if last and last["is_open"] else None)
            changed = _Disclosure(cursor, release, terms, in_play).record()
            log.info("Release %s of %s changes %s published figures.", release["release_id"], survey_code, changed)
        _record_release(cursor, release, terms, is_open)
    return release["release_id"]


class _Disclosure:
    """One step from what is shown to what a release lets be shown."""

    def __init__(
        self, cursor: Cursor, release: Mapping[str, Any], terms: Mapping[str, Any], in_play: Collection[str] | None
    ) -> None:
        self.cursor, self.release, self.terms = cursor, release, terms
        self.of = {"release_id": release["release_id"], "survey_code": release["survey_code"]}
        self.in_energy = terms["programme"] == "battery"
        self.in_play = in_play
        self.asked = self._select_asked()
        if self.in_play is None:
            self.in_play = {figure.product_id for figure in self.asked} | self._products_shown()
        self.goods_rows = self._select_goods(self.in_play)
        classes = {goods.okpd2_class for goods in self._goods().values() if goods.okpd2_class}
        self.standing = self._parts("standing", in_play=_array(self.in_play), classes=sorted(classes))
        whose = {(figure.agency_code, figure.year) for figure in self.asked}
        self.former = self._parts(
            "former", agency_codes=[code for code, _ in sorted(whose)], years=[year for _, year in sorted(whose)]
        )
        others = {part.asked.product_id for part in [*self.standing, *self.former]} - self.goods_rows.keys()
        self.goods_rows |= self._select_goods(others)

    def record(self) -> int:
        """Decide what changes, and write it down. Returns how many figures changed."""
        self.cursor.execute(
            "select coalesce(max(block), 0) + 1 from city_order.published_part where survey_code = %(survey_code)s",
            self.of,
        )
        ((first_block,),) = self.cursor.fetchall()
        made = step(
            self.standing,
            self.asked,
            self.in_play or (),
            self._goods(),
            self.former,
            _protection(self.terms),
            first_block,
        )
        self._record_parts(made)
        self._record_waiting(made)
        changed = {part.cell for part in [*made.leaving, *made.entering]}
        left = set(made.leaving)
        parts = [part for part in self.standing if part not in left] + made.entering
        self._record_figures(changed, parts)
        return len(changed)

    def _goods(self) -> dict[str, Goods]:
        """The products that a class can count: a battery without kWh is shown by itself or not at all."""
        found = {}
        for product_id, row in self.goods_rows.items():
            if per_piece := row["kwh_per_piece"] if self.in_energy else Decimal(1):
                found[product_id] = Goods(class_of(row["okpd2_code"]), per_piece)
        return found

    def _select_asked(self) -> list[Asked]:
        in_play = None if self.in_play is None else _array(self.in_play)
        self.cursor.execute(warehouse.statement("publication/asked"), {**self.of, "in_play": in_play})
        return [Asked(*row) for row in self.cursor]

    def _products_shown(self) -> set[str]:
        self.cursor.execute(
            "select distinct product_id from city_order.published_part"
            " where survey_code = %(survey_code)s and until_release_id is null",
            self.of,
        )
        return {product_id for (product_id,) in self.cursor}

    def _select_goods(self, product_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        self.cursor.execute(warehouse.statement("publication/goods"), {**self.of, "product_ids": _array(product_ids)})
        return {row["product_id"]: row for row in warehouse.rows(self.cursor)}

    def _parts(self, statement: str, **parameters: Any) -> list[Shown]:
        self.cursor.execute(warehouse.statement(f"publication/{statement}"), {**self.of, **parameters})
        return [
            Shown(
                Cell(CellKind(row["cell_kind"]), row["cell_key"], row["year"]),
                row["block"],
                Asked(
                    *(row[name] for name in ("product_id", "year", "agency_code", "line", "quantity", "least_quantity"))
                ),
                row["until_release_id"],
                bool(row["is_gone"]),
            )
            for row in warehouse.rows(self.cursor)
        ]

    def _record_parts(self, made: Step) -> None:
        whose = {figure.whose for figure in self.asked}
        execute_values(
            self.cursor,
            """
            update city_order.published_part as part
            set until_release_id = leaving.release_id, is_gone = leaving.is_gone
            from (values %s) as leaving (release_id, survey_code, product_id, year, agency_code, line, is_gone)
            where
                part.until_release_id is null
                and part.survey_code = leaving.survey_code and part.product_id = leaving.product_id
                and part.year = leaving.year and part.agency_code = leaving.agency_code and part.line = leaving.line
            """,
            [(*self.of.values(), *part.asked.place, part.asked.whose not in whose) for part in made.leaving],
        )
        rows = (
            (
                self.of["survey_code"], part.cell.kind, part.cell.key, part.cell.year, part.block,
                part.asked.product_id, part.asked.agency_code, part.asked.line, part.asked.quantity,
                part.asked.least, self.of["release_id"],
            )
            for part in made.entering
        )  # fmt: skip
        warehouse.copy_rows(self.cursor, "city_order.published_part", _PART, rows)

    def _record_waiting(self, made: Step) -> None:
        self.cursor.execute(
            "delete from city_order.publication_wait"
            " where survey_code = %(survey_code)s and product_id = any(%(in_play)s::text[])",
            {**self.of, "in_play": _array(self.in_play or ())},
        )
        rows = ((self.of["survey_code"], product_id) for product_id in sorted(made.waiting))
        warehouse.copy_rows(self.cursor, "city_order.publication_wait", ("survey_code", "product_id"), rows)

    def _record_figures(self, changed: Collection[Cell], parts: Iterable[Shown]) -> None:
        """End the figures that change, and write what comes in their place."""
        parts_of: dict[Cell, list[Asked]] = {cell: [] for cell in changed}
        for part in parts:
            if part.cell in parts_of:
                parts_of[part.cell].append(part.asked)
        before = {
            kind: self._end(kind, [(cell.key, cell.year) for cell in sorted(changed) if cell.kind is kind])
            for kind in CellKind
        }
        products, classes = [], []
        for cell, figures in sorted(parts_of.items()):
            if not figures:
                continue
            agencies = len({figure.agency_code for figure in figures})
            if cell.kind is CellKind.PRODUCT:
                pieces = sum((figure.quantity for figure in figures), Decimal(0))
                products.append((*self._shown_as(cell, before[cell.kind], pieces), agencies, self.of["release_id"]))
            else:
                goods = self._goods()
                rest = sum((figure.quantity * goods[figure.product_id].per_piece for figure in figures), Decimal(0))
                classes.append(
                    (
                        self.of["survey_code"], cell.key, KWH if self.in_energy else PIECE, cell.year, rest,
                        len({figure.product_id for figure in figures}), agencies, self.of["release_id"],
                    )
                )  # fmt: skip
        warehouse.copy_rows(self.cursor, "published.order_line_version", _ORDER_LINE, products)
        warehouse.copy_rows(self.cursor, "published.class_line_version", _CLASS_LINE, classes)

    def _shown_as(self, cell: Cell, before: Mapping[tuple[str, int], dict[str, Any]], pieces: Decimal) -> list[Any]:
        """A product's figure with its names: the release's, or if it has it no more, those of the figure before."""
        goods = self.goods_rows[cell.key]
        names = goods if goods["product_name"] is not None else before[cell.key, cell.year]
        energy = pieces * goods["kwh_per_piece"] if self.in_energy and goods["kwh_per_piece"] else None
        return [
            self.of["survey_code"], cell.key, PIECE, cell.year, names["product_name"], names["part_number"],
            names["manufacturer"], names["okpd2_code"], class_of(names["okpd2_code"]), pieces, energy,
        ]  # fmt: skip

    def _end(self, kind: CellKind, cells: list[tuple[str, int]]) -> dict[tuple[str, int], dict[str, Any]]:
        """End the standing figures of these cells; they are given back."""
        table, key = _FIGURES_OF[kind]
        found = execute_values(
            self.cursor,
            f"""
            update {table} as version set until_release_id = {int(self.of["release_id"])}
            from (values %s) as ended (survey_code, key, year)
            where
                version.until_release_id is null and version.survey_code = ended.survey_code
                and version.{key} = ended.key and version.year = ended.year
            returning version.*
            """,
            [(self.of["survey_code"], *cell) for cell in cells],
            page_size=max(1, len(cells)),
            fetch=True,
        )
        names = [column.name for column in self.cursor.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in found] if cells else []
        return {(row[key], row["year"]): row for row in rows}


_FIGURES_OF = {
    CellKind.PRODUCT: ("published.order_line_version", "product_id"),
    CellKind.CLASS: ("published.class_line_version", "okpd2_class"),
}
_ORDER_LINE = (
    "survey_code", "product_id", "unit", "year", "product_name", "part_number", "manufacturer", "okpd2_code",
    "okpd2_class", "gross_quantity", "gross_energy_kwh", "agencies", "release_id",
)  # fmt: skip
_CLASS_LINE = (
    "survey_code", "okpd2_class", "unit", "year", "rest_quantity", "products", "agencies", "release_id",
)  # fmt: skip


def _last(cursor: Cursor, survey_code: str) -> dict[str, Any] | None:
    """The last release of a survey that has published figures."""
    cursor.execute(
        "select * from published.release where survey_code = %s order by release_id desc limit 1", (survey_code,)
    )
    return next(iter(warehouse.rows(cursor)), None)


def _terms(cursor: Cursor, survey_code: str) -> dict[str, Any]:
    cursor.execute("select * from reference.survey where survey_code = %s", (survey_code,))
    (survey,) = warehouse.rows(cursor)
    return survey


def _protection(terms: Mapping[str, Any]) -> Protection:
    return Protection(terms["published_agencies"], terms["published_largest_share"], terms["published_rest_share"])


def _has_answered_enough(release: Mapping[str, Any], terms: Mapping[str, Any]) -> bool:
    """Whether publication may begin. A release of the time when answers were not counted is too early."""
    answered, roster = release["answered_agencies"], release["roster_agencies"]
    return answered is not None and answered >= roster * terms["published_answered_share"]


def _in_play(cursor: Cursor, release: Mapping[str, Any], last: Mapping[str, Any] | None) -> set[str] | None:
    """The products that were touched since the last published figures, and those that wait; None for all."""
    if last is None:
        return None
    parameters = {
        "survey_code": release["survey_code"], "after": last["release_id"], "until": release["release_id"]
    }  # fmt: skip
    since = """
        from city_order.release
        where
            survey_code = %(survey_code)s and status in ('published', 'superseded')
            and release_id > %(after)s and release_id <= %(until)s
    """
    cursor.execute(f"select coalesce(bool_or(whole_release_id is null), false) {since}", parameters)
    ((is_whole,),) = cursor.fetchall()
    if is_whole:
        return None
    cursor.execute(
        f"""
        select product_id from city_order.touched_product where release_id in (select release_id {since})
        union
        select product_id from city_order.publication_wait where survey_code = %(survey_code)s
        """,
        parameters,
    )
    return {product_id for (product_id,) in cursor}


def _record_release(cursor: Cursor, release: Mapping[str, Any], terms: Mapping[str, Any], is_open: bool) -> None:
    cursor.execute(
        """
        insert into published.release (
            release_id, survey_code, survey_title, programme, published_at, input_fingerprint, figures_sha256,
            code_version, roster_agencies, answered_agencies, agencies, largest_share, rest_share, answered_share,
            is_open
        )
        values (
            %(release_id)s, %(survey_code)s, coalesce(%(survey_title)s, %(title)s), %(programme)s, %(published_at)s,
            %(input_fingerprint)s, %(figures)s, %(code_version)s, %(roster_agencies)s, %(answered_agencies)s,
            %(published_agencies)s, %(published_largest_share)s, %(published_rest_share)s,
            %(published_answered_share)s, %(is_open)s
        )
        """,
        {
            **terms,
            **release,
            "roster_agencies": release["roster_agencies"] or 0,
            "answered_agencies": release["answered_agencies"] or 0,
            "figures": _figures_digest(cursor, release["survey_code"]),
            "is_open": is_open,
        },
    )


def _figures_digest(cursor: Cursor, survey_code: str) -> str:
    """Digest of the figures that stand, without ids and times."""
    digest = hashlib.sha256()
    for columns, table in (
        ("product_id, unit, year, trim_scale(gross_quantity), trim_scale(gross_energy_kwh), agencies", "order_line"),
        ("okpd2_class, unit, year, trim_scale(rest_quantity), products, agencies", "class_line"),
    ):
        cursor.execute(
            f'select row({columns})::text collate "C" from published.{table}_version'
            " where survey_code = %s and until_release_id is null order by 1",
            (survey_code,),
        )
        for (figures,) in cursor:
            digest.update(f"{figures}\n".encode())
        digest.update(b"\n")
    return digest.hexdigest()


def _array(product_ids: Iterable[str]) -> str:
    return releases.array(sorted(product_ids))
