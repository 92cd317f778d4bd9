"""What readers without a database get: each published release as files, in a folder of its own below the outbox.

`_orders/<survey>/<release>/` is for the department, `_published/<survey>/<release>/` for everybody. A release never
changes, so its folder is written once, whole or not at all; delete it to have it written anew, with the same bytes.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from psycopg2.extensions import cursor as Cursor

from include.city_order import archive, export_csv, export_page, export_parquet, export_workbook, warehouse
from include.city_order.disclosure import class_of
from include.city_order.release_tables import (
    CAUSES,
    CERTAINTIES,
    REASONS,
    Chart,
    Column,
    Kind,
    ReleaseExport,
    Table,
    Tier,
    add_up,
    classes_chart,
    number,
    of_every_year,
    product_label,
    products_chart,
    years_chart,
)
from include.city_order.vocabulary import Programme

log = logging.getLogger(__name__)

#: Folders below the outbox. No survey's code begins so.
FOLDERS = {Tier.INTERNAL: "_orders", Tier.PUBLISHED: "_published"}

_S, _I, _N = Kind.STRING, Kind.INTEGER, Kind.NUMBER

#: Every column of every table, by its name: heading, kind, what it says, whether it is always there.
_COLUMNS = {
    column.name: column
    for column in (
        Column("product_id", "Код изделия", _S, "Постоянный код изделия: один для всех написаний."),
        Column("product_name", "Наименование", _S, "Наименование, которое встречается чаще всего."),
        Column("part_number", "Обозначение", _S, "Обозначение (партномер), если оно есть.", required=False),
        Column("manufacturer", "Производитель", _S, "Производитель, если он указан.", required=False),
        Column("okpd2_code", "Код ОКПД2", _S, "Код ОКПД2, который встречается чаще всего.", required=False),
        Column("okpd2_class", "Класс ОКПД2", _S, "Первые три группы кода ОКПД2."),
        Column("unit", "Единица, код ОКЕИ", _S, "796 — штука, 245 — киловатт-час; иначе единица из ответа.",
               codes=(("245", "Киловатт-час"),)),
        Column("year", "Год", _I, "Календарный год."),
        Column("certainty", "Определённость года", _S,
               "Насколько обеспечен год.", required=False, codes=tuple(CERTAINTIES.items())),
        Column("gross_quantity", "Потребность", _N, "Сколько запросили организации, в штуках."),
        Column("net_quantity", "Потребность за вычетом имеющегося", _N,
               "Запрошенное без остатков и контрактов: ими сначала покрываются ранние годы."),
        Column("gross_energy_kwh", "Потребность, кВт·ч", _N,
               "Для батарей: штуки × В × А·ч / 1000. Штуки и кВт·ч не складываются.", required=False),
        Column("net_energy_kwh", "То же за вычетом имеющегося, кВт·ч", _N, "Для батарей.", required=False),
        Column("amount_rub", "Сумма, руб. с НДС", _N, "Только по строкам с ценой; пусто без цен.", required=False),
        Column("priced_share", "Доля с ценой", _N, "Какая доля потребности имеет цену, от 0 до 1."),
        Column("prices", "Сколько цен", _I, "Сколько строк с ценой.", required=False),
        Column("price_lower_rub", "Нижний квартиль цены, руб.", _N, "За штуку, с НДС.", required=False),
        Column("price_median_rub", "Медиана цены, руб.", _N, "За штуку, с НДС.", required=False),
        Column("price_upper_rub", "Верхний квартиль цены, руб.", _N, "За штуку, с НДС.", required=False),
        Column("agencies", "Организаций", _I, "Сколько организаций запросили."),
        Column("lines", "Строк", _I, "Сколько строк ответов сложено."),
        Column("need_kind", "Вид потребности", _S, "Зачем изделие нужно.", codes=(("not_stated", "не указан"),)),
        Column("reason", "Причина", _S, "Почему не вошло в заказ.", codes=tuple(REASONS.items())),
        Column("quantity", "Количество", _N, "Сколько не вошло в заказ, в указанной единице."),
        Column("cause", "Причина изменения", _S, "Почему показатель изменился.", codes=tuple(CAUSES.items())),
        Column("gross_before", "Было", _N, "Учтено в предыдущем выпуске у организаций, чьи показатели изменились, шт."),
        Column("gross_after", "Стало", _N, "Учтено у них в этом выпуске, шт."),
        Column("net_before", "К закупке было", _N, "То же за вычетом запасов и договоров.", required=False),
        Column("net_after", "К закупке стало", _N, "То же в этом выпуске.", required=False),
        Column("amount_before_rub", "Сумма была, руб.", _N, "С НДС, по строкам с ценой; пусто, если таких не было.",
               required=False),
        Column("amount_after_rub", "Сумма стала, руб.", _N, "С НДС, по строкам с ценой; пусто, если таких нет.",
               required=False),
        Column("other_kind_quantity", "Сменили вид потребности", _N,
               "Сколько штук прежде имели другой вид потребности.", required=False),
        Column("changed_agencies", "Организаций изменилось", _I, "У скольких организаций показатель изменился."),
        Column("since_release_id", "С выпуска", _I, "Выпуск, с которого показатель таков."),
        Column("listed_quantity", "Изделия списка", _N, "Сумма показанных изделий класса."),
        Column("rest_quantity", "Прочие изделия", _N,
               "Сумма изделий, у которых нет своего показателя; пусто, если она выдала бы отдельную организацию.",
               required=False),
        Column("rest_products", "Прочих изделий", _I, "Сколько их.", required=False),
        Column("rest_agencies", "Организаций по прочим", _I, "Сколько организаций их запросили.", required=False),
        Column("total_quantity", "Всего по классу", _N, "Показанные и прочие вместе.", required=False),
    )
}  # fmt: skip

_INTERNAL_NOTES = (
    "Служебные сведения: показатели могут указывать на отдельную организацию. Производителям передаются только "
    "открытые сведения.",
    "Штуки и киловатт-часы стоят рядом и не складываются. Отсутствие ответа — не нулевая потребность.",
)
_MONEY = {
    Tier.INTERNAL: "цены и суммы в рублях с НДС, как их указали организации; суммы — только по строкам с ценой",
    Tier.PUBLISHED: "цены и суммы не публикуются; внутренние сведения ведутся с НДС",
}


#: What charts of the published tier show.
_WHOLE = "(опубликованы все годы)"


def write(dsn: str, outbox: Path, survey_code: str) -> list[Path]:
    """Write what is missing of all that readers of a survey see or ever saw. Returns the folders written.

    The last release comes first; of a release whose folder is there, no figure is read. Role: city_order_builder.
    Raises OSError if the outbox cannot be written.
    """
    written = []
    with warehouse.transaction(dsn, repeatable_read=True) as cursor:
        for tier, release in _releases_of(cursor, survey_code):
            folder = outbox / FOLDERS[tier] / survey_code / str(release["release_id"])
            if folder.is_dir():
                continue
            export = (internal if tier is Tier.INTERNAL else published)(cursor, release)
            _put_folder(folder, files(export))
            written.append(folder)
    log.info("Exports of %s written: %s", survey_code, ", ".join(map(str, written)) or "none, all are there")
    return written


def columns_of(cursor: Cursor, release_id: int) -> dict[str, Column]:
    """Every column by its name, with the names that its codes had when a release was built: a file that is written anew
    has the same bytes.
    """
    columns = dict(_COLUMNS)
    for name in ("unit", "need_kind"):
        cursor.execute(warehouse.statement(f"exports/{name}_names"), {"release_id": release_id})
        columns[name] = _naming(columns[name], dict(cursor.fetchall()))
    return {
        # Of units the description tells those that are usual: there are many.
        name: replace(column, description=_listing(column)) if column.codes and name != "unit" else column
        for name, column in columns.items()
    }


def _naming(column: Column, named: Mapping[str, str]) -> Column:
    """A column whose codes are called so, but for those that it has a name of its own for."""
    return replace(column, codes=tuple({**named, **dict(column.codes)}.items()))


def _listing(column: Column) -> str:
    return f"{column.description} {'; '.join(f'{code} — {meaning}' for code, meaning in column.codes)}."


def files(export: ReleaseExport) -> dict[str, bytes]:
    """Every file of an export by its name."""
    return {
        "order.xlsx": export_workbook.render(export),
        "order.html": export_page.render(export),
        **export_csv.render(export),
        **export_parquet.render(export),
    }


def internal(cursor: Cursor, release: Mapping[str, Any], rows_of: int | None = None) -> ReleaseExport:
    """A release for the department. `rows_of` names another release with its rows: a rebuild of it."""
    of = {"release_id": rows_of or release["release_id"]}
    columns = columns_of(cursor, release["release_id"])
    lines = _table(
        cursor,
        columns,
        "order_line",
        "Строки заказа",
        "Потребность в изделии в году.",
        ("product_id", "unit", "year"),
        of,
    )
    tables = (
        lines,
        _table(cursor, columns, "order_line_by_need_kind", "По видам потребности",
               "Строки заказа по видам потребности.",
               ("product_id", "unit", "year", "need_kind"), of),
        _table(cursor, columns, "exclusion", "Не вошло в заказ",
               "Принятая потребность, которая не вошла в заказ, и почему.",
               ("reason", "product_id", "unit", "year"), of),
        _table(cursor, columns, "release_change", "Изменения",
               "Чем потребность отличается от предыдущего выпуска, и почему.",
               ("product_id", "unit", "year", "cause"), of),
    )  # fmt: skip
    survey = _survey(cursor, of["release_id"])
    records = list(lines.records())
    unit, measure = _class_measure(survey["programme"])
    years = [year for year, _ in survey["certainties"]]
    amounts = add_up((record["year"], record["amount_rub"]) for record in records)
    charts = (
        classes_chart(
            ((class_of(record["okpd2_code"]) or "без класса", record["year"], record[measure])
             for record in records),
            unit, years, "Потребность по классам ОКПД2",
        ),
        products_chart(map(_as_bar, records), "Изделия с наибольшей потребностью"),
        years_chart(
            {year: amount and amount / 1_000_000 for year, amount in amounts.items()}, years,
            "Сумма по строкам с ценой", "млн руб. с НДС",
        ),
    )  # fmt: skip
    return _export(Tier.INTERNAL, release, survey, _INTERNAL_NOTES, tables, charts)


def published(cursor: Cursor, release: Mapping[str, Any]) -> ReleaseExport:
    """A release for everybody: `release` is a row of published.release.

    A figure that is not there is withheld, no zero: charts show what has one for every year.
    """
    of = {"release_id": release["release_id"]}
    columns = columns_of(cursor, release["release_id"])
    lines = _table(
        cursor,
        columns,
        "order_line",
        "Показатели",
        "Потребность в изделии в году.",
        ("product_id", "unit", "year"),
        of,
        "published_",
    )
    classes = _table(
        cursor, columns, "class_line", "Классы ОКПД2", "Потребность по классам ОКПД2.",
        ("okpd2_class", "unit", "year"), of, "published_",
    )  # fmt: skip
    survey = _survey(cursor, of["release_id"])
    unit, _ = _class_measure(survey["programme"])
    of_unit = [record for record in classes.records() if record["unit"] == unit]
    years = [year for year, _ in survey["certainties"]]
    charts = (
        classes_chart(
            ((record["okpd2_class"], record["year"], record["total_quantity"])
             for record in of_every_year(of_unit, ("okpd2_class",), "total_quantity", years)),
            unit, years, f"Опубликованная потребность по классам ОКПД2 {_WHOLE}",
        ),
        products_chart(
            map(_as_bar, of_every_year(lines.records(), ("product_id", "unit"), "gross_quantity", years)),
            f"Изделия с наибольшей потребностью {_WHOLE}",
        ),
    )  # fmt: skip
    return _export(Tier.PUBLISHED, release, survey, _published_notes(cursor, release), (lines, classes), charts)


def _releases_of(cursor: Cursor, survey_code: str) -> list[tuple[Tier, dict[str, Any]]]:
    """What readers of each tier see of a survey and ever saw, the last release first: it is waited for.

    Releases that lack what the files tell, being of an older kind, are left out.
    """
    found = []
    for tier, table in ((Tier.INTERNAL, "city_order.release"), (Tier.PUBLISHED, "published.release")):
        cursor.execute(
            f"select shown.* from {table} as shown inner join city_order.release using (release_id)"
            " where release.survey_code = %s and release.status in ('published', 'superseded')"
            " and release.terms_sha256 is not null",
            (survey_code,),
        )
        found += [(tier, release) for release in warehouse.rows(cursor)]
    return sorted(found, key=lambda one: (-one[1]["release_id"], one[0]))


def _published_notes(cursor: Cursor, release: Mapping[str, Any]) -> tuple[str, ...]:
    """How the figures of a row of published.release are to be read, if there are any."""
    if not release["is_open"]:
        share = number(release["answered_share"] * 100)
        return (
            f"Показателей в этом выпуске ещё нет: они появятся, когда ответит не меньше {share} % опрошенных "
            "организаций. Отсутствие строк — не нулевая потребность.",
        )
    # A figure stays as it was let in, even if the survey has become stricter since.
    cursor.execute(
        "select min(agencies), max(largest_share) from published.release"
        " where survey_code = %(survey_code)s and release_id <= %(release_id)s and is_open",
        release,
    )
    ((agencies, largest_share),) = cursor.fetchall()
    return (
        f"Показатель складывается из ответов нескольких организаций: их не меньше {agencies}, и ни на одну не "
        f"приходится больше {number(largest_share * 100)} % показателя. Он остаётся прежним, пока не изменятся ответы "
        "достаточного числа организаций: столбец since_release_id говорит, с какого выпуска он таков.",
        "Изделия, у которых нет своего показателя, сложены по классам ОКПД2 там, где сумма не выдаёт отдельную "
        "организацию. Отсутствие строки — не нулевая потребность. Штуки и киловатт-часы не складываются.",
    )


def _survey(cursor: Cursor, release_id: int) -> dict[str, Any]:
    """The survey as the release has it: whatever its file says by now."""
    cursor.execute(
        "select release.survey_title as title, survey.programme from city_order.release"
        " inner join reference.survey using (survey_code) where release_id = %s",
        (release_id,),
    )
    (survey,) = warehouse.rows(cursor)
    cursor.execute(
        "select year, certainty from city_order.release_year where release_id = %s order by year", (release_id,)
    )
    return {**survey, "certainties": tuple(cursor.fetchall())}


def _class_measure(programme: str) -> tuple[str, str]:
    """What classes add up: pieces of components, kWh of batteries."""
    return ("245", "gross_energy_kwh") if programme == Programme.BATTERY else ("796", "gross_quantity")


def _as_bar(record: Mapping[str, Any]) -> tuple[str, str, Decimal]:
    """An order line as a chart of products adds it up."""
    label = product_label(record["product_name"], record["part_number"], record["manufacturer"])
    return record["product_id"], label, record["gross_quantity"]


def _table(
    cursor: Cursor,
    columns: Mapping[str, Column],
    name: str,
    heading: str,
    description: str,
    key: tuple[str, ...],
    of: Mapping[str, Any],
    prefix: str = "",
) -> Table:
    cursor.execute(warehouse.statement(f"exports/{prefix}{name}"), of)
    shown = tuple(columns[column.name] for column in cursor.description or ())
    return Table(name, heading, description, shown, key, tuple(cursor.fetchall()))


def _export(
    tier: Tier,
    release: Mapping[str, Any],
    survey: Mapping[str, Any],
    notes: tuple[str, ...],
    tables: tuple[Table, ...],
    charts: tuple[Chart | None, ...],
) -> ReleaseExport:
    return ReleaseExport(
        tier=tier,
        survey_code=release["survey_code"],
        survey_title=survey["title"],
        programme=Programme(survey["programme"]),
        release_id=release["release_id"],
        published_at=release["published_at"],
        input_fingerprint=release["input_fingerprint"],
        figures_sha256=release["figures_sha256"],
        code_version=release["code_version"],
        roster_agencies=release["roster_agencies"] or 0,
        answered_agencies=release["answered_agencies"] or 0,
        certainties=survey["certainties"],
        money=_MONEY[tier],
        notes=notes,
        tables=tables,
        charts=tuple(chart for chart in charts if chart),
    )


def _put_folder(folder: Path, content: Mapping[str, bytes]) -> None:
    """Write a folder that is whole, or not there. Of two writers the first wins: both have the same bytes."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        for name, data in content.items():
            with (temporary / name).open("wb") as file:
                file.write(data)
                os.fchmod(file.fileno(), 0o644)
                file.flush()
                os.fsync(file.fileno())
        temporary.chmod(0o755)
        archive.sync_folder(temporary)
        try:
            temporary.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
        archive.sync_folder(folder.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
