"""Random histories of agencies as files, for the tests that begin at the inbox; and a reader of these files.

Hypothesis draws all histories before the first night: the night is dear, and one night serves all of them at once. Each
has agencies and products of its own, so that many answer one survey beside each other. The reader knows how these files
are laid out, and nothing of the project's reader or rules.
"""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from random import Random
from zipfile import ZipFile

import openpyxl
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.orders.recounting import PIECE, Answer

#: Who answers: an office, two that are subordinate to it, the branch of one of these, and another.
KIN = {"office": ("depot", "park"), "depot": ("branch",)}
ROLES = ("office", "depot", "park", "branch", "clinic")
YEARS = range(2026, 2031)
#: Columns of the form; the survey does not ask for the last one.
DEMAND_COLUMNS = {year: f"Потребность на {year} год" for year in (*YEARS, 2031)}
NIL_RETURN = "Потребность отсутствует"
NIGHTS = 2
#: Every so many histories, an agency leaves the roster after the nights, and what it has sent is judged again.
LEAVES_EVERY, LEAVING_DAY = 15, datetime(2026, 2, 20, 12)
DAY = datetime(2026, 3, 2, 12)

#: What is typed → OKEI code, pieces in one; a pack says for itself, of some units nobody knows.
UNITS = {
    "шт": (PIECE, "1"),
    "штук": (PIECE, "1"),
    "тыс. шт": ("798", "1000"),
    "дюжина": ("641", "12"),
    "упак": ("778", "pack"),
    "изд": ("657", None),
}
NEED_KINDS = {"": None, "Ремонт": "repair", "ремонтная": "repair", "Резерв": "reserve"}

Row = dict[str, str]


@dataclass(frozen=True)
class Goods:
    """A product under one of its spellings, and how a release must show it."""

    name: str
    typed: Row
    #: Part number and manufacturer; for batteries, what one piece holds.
    shown: tuple[str | None, str | None] = (None, None)
    energy_kwh: Decimal | None = None


@cache
def goods_of(programme: str, number: int) -> tuple[Goods, ...]:
    """The products of a history, some in several spellings. A blank maker is the only one that the reference has."""
    if programme == "battery":
        return (
            _battery(number, "bus", "Батарея электробуса", "LFP", "Электробус", "537,6", f"{200 + number}"),
            _battery(number, "bus", "Батарея тяговая", "LiFePO4", "электробусы", "537,6", f"{200 + number}"),
            _battery(number, "ups", "Батарея ИБП", "AGM", "ИБП", "12", f"{7 + number},2"),
            _battery(number, "starter", "Батарея стартерная", "свинец", "Стартерная", "12", f"{60 + number}"),
        )
    controller, alias, regulator, unknown = parts_of(number)
    milandr, ti = (controller, "ПКК Миландр"), (regulator, "Texas Instruments")
    mangled = regulator.lower().replace("-", "–")
    return (
        _chip(number, "controller", "Микроконтроллер", controller, "Миландр", milandr),
        _chip(number, "controller", "Контроллер", controller.replace("QI", "-QI"), "", milandr),
        _chip(number, "controller", "Микросхема", alias, "АО «ПКК Миландр»", milandr),
        _chip(number, "regulator", "Стабилизатор", regulator, "TI", ti),
        _chip(number, "regulator", "Стабилизатор напряжения", mangled, "Texas Instruments", ti),
        _chip(number, "unknown", "Микросхема", unknown, "Завод Х", (unknown, "Завод Х")),
        _chip(number, "not stated", "Микросхема", unknown, "", (unknown, None)),
        _chip(number, "generic", f"Микросхема памяти {number}", "", "", (None, None)),
    )


def parts_of(number: int) -> tuple[str, str, str, str]:
    """Part numbers of a history's own: one of the reference with its alias, another, and one that it has not."""
    return f"К{3000 + number}ВЕ9QI", f"MDR{3000 + number}F9", f"LM{3000 + number}S-5.0", f"ZZ-{3000 + number}"


def _chip(number: int, name: str, item: str, part: str, maker: str, shown: tuple[str | None, str | None]) -> Goods:
    typed = {"Наименование изделия": item, "Обозначение": part, "Производитель": maker}
    return Goods(f"h{number} {name}", {**typed, "Вид изделия": "Микросхема", "Код ОКПД2": "26.11.30.190"}, shown)


def _battery(number: int, name: str, item: str, kind: str, use: str, voltage: str, capacity: str) -> Goods:
    typed = {"Наименование изделия": item, "Тип (химия)": kind, "Назначение": use, "Напряжение, В": voltage}
    energy = Decimal(voltage.replace(",", ".")) * Decimal(capacity.replace(",", ".")) / 1000
    code = "27.20.23.130" if name == "bus" else "27.20.22.000"
    return Goods(f"h{number} {name}", {**typed, "Ёмкость, А·ч": capacity, "Код ОКПД2": code}, energy_kwh=energy)


@dataclass(frozen=True)
class Drop:
    """A file that an agency leaves in one of the nights; the moment is its modification time in Moscow."""

    path: str
    content: bytes
    moment: datetime
    night: int


@dataclass(frozen=True)
class History:
    """All that some agencies send."""

    number: int
    programme: str
    handled: str
    drops: list[Drop] = field(default_factory=list)
    #: Who is struck off the roster after the nights.
    leaves: str | None = None
    again: str = ""

    @property
    def survey(self) -> str:
        """One survey for each programme and each rule of double counting."""
        return f"{self.programme}-{self.handled.replace('_', '-')}{self.again}"

    @property
    def agencies(self) -> list[str]:
        return [f"h{self.number}-{role}" for role in ROLES]

    @property
    def kin(self) -> dict[str, list[str]]:
        """The direct subordinates of its agencies."""
        return {
            f"h{self.number}-{parent}": [f"h{self.number}-{child}" for child in children]
            for parent, children in KIN.items()
        }

    @property
    def goods(self) -> tuple[Goods, ...]:
        return goods_of(self.programme, self.number)

    def in_other_order(self) -> History:
        """The same drops as answers to another survey, which arrive in other nights."""
        chance = Random(self.number)
        other = replace(self, drops=[], again="-again")
        for drop in self.drops:
            path = drop.path.replace(self.survey, other.survey, 1)
            other.drops.append(replace(drop, path=path, night=chance.randrange(NIGHTS)))
        return other


def survey_file(histories: Iterable[History], *, after_all: bool = False) -> str:
    """The file of the survey that these histories answer."""
    histories = list(histories)
    first = histories[0]
    roster = [
        agency
        for history in histories
        for agency in history.agencies
        if not (after_all and agency == history.leaves)
    ]  # fmt: skip
    years = ", ".join(f"{year}: planned" for year in YEARS)
    return (
        f"survey: {first.survey}\nprogramme: {first.programme}\ntitle: Опрос\nopens: 2026-01-01\n"
        "closes: 2026-12-31\nrules_as_of: 2026-10-01\nreference_as_of: 2026-10-01\n"
        f'horizon: {{{years}}}\nokpd2: ["26.11", "27.20"]\ndouble_counting: {first.handled}\n'
        f"approval: {{changed_share: null}}\nroster: [{', '.join(roster)}]\n"
    )


def write_reference(house: Path, folder: Path, histories: Iterable[History]) -> None:
    """The house's references, with the agencies and parts of these histories."""
    shutil.copytree(house, folder)
    agencies, parts, aliases = [], [], []
    for history in histories:
        for place, code in enumerate(history.agencies):
            parent = next((each for each, children in history.kin.items() if code in children), "")
            kpp = f"{history.number * 10 + place + 1:09}"
            agencies.append({"agency_code": code, "name": code, "kpp": kpp, "parent_code": parent, "valid_to": ""})
        controller, alias, regulator, _ = parts_of(history.number)
        parts += [{"part_number": controller, "manufacturer_code": "milandr"}]
        parts += [{"part_number": regulator, "manufacturer_code": "ti"}]
        aliases += [{"alias": alias, "part_number": controller, "manufacturer_code": "milandr"}]
    for name, rows, alone in (("agencies", agencies, True), ("parts", parts, False), ("part_aliases", aliases, False)):
        path = folder / f"{name}.csv"
        with path.open(encoding="utf-8", newline="") as file:
            before = list(csv.DictReader(file))
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(before[0]))
            writer.writeheader()
            # What a row does not say of itself, the first row says.
            writer.writerows([*([] if alone else before), *({**before[0], **row} for row in rows)])


def histories(count: int) -> list[History]:
    """So many histories, the same ones whenever the same modules are loaded: hypothesis likes their constants."""
    found: list[History] = []

    @settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate,),
    )
    @given(chance=st.randoms(use_true_random=False))
    def draw(chance: Random) -> None:
        found.append(_history(len(found), chance))

    draw()
    assert len(found) == count
    return found


def _history(number: int, chance: Random) -> History:
    """A history of two or three drops: answers, corrections, repetitions, answers taken back, and broken files."""
    programme = chance.choice(("ecb", "ecb", "battery"))
    handled = "both_count" if _happens(chance, 20) else "child_counts"
    # In some, an office sends at last what its subordinates have sent of the same product: by chance it hardly would.
    sums_up = _happens(chance, 25)
    # In others, the agency that was first takes back at last what it asked for.
    takes_back = not sums_up and _happens(chance, 20)
    roles = (*KIN["office"], "office") if sums_up else chance.sample(ROLES, chance.choice((2, 3, 3)))
    some = [f"h{number}-{role}" for role in roles]
    # What is drawn never depends on the number, as hypothesis demands.
    leaver = chance.choice(some)
    leaves = leaver if number % LEAVES_EVERY == 0 else None
    history = History(number, programme, handled, leaves=leaves)
    said: dict[str, list[list[Row]]] = {agency: [] for agency in some}
    count = 3 if sums_up else chance.choice((2, 2, 2, 3, 3))
    for place in range(count):
        agency = some[place] if place < 2 or sums_up else chance.choice(some)
        if takes_back and place == count - 1:
            agency, (rows, content) = some[0], ([], None)
        elif not sums_up:
            rows, content = _what_is_sent(chance, history.goods, said, agency)
        elif place < 2:
            rows, content = _what_is_sent(chance, history.goods[:2], {agency: []}, agency)
        else:
            rows, content = [dict(row) for sent in said.values() if sent for row in sent[-1]], None
        if rows is not None:
            said[agency].append(rows)
        extension, data = content if content else _file(chance, history.goods, rows or [])
        day = DAY + timedelta(days=chance.randrange(2))
        moment = LEAVING_DAY if leaves else day
        # Two nights, mostly one after the other; what was written first may well arrive last.
        in_turn = (_happens(chance, 70) and not sums_up) or takes_back
        night = place * NIGHTS // count if in_turn else chance.randrange(NIGHTS)
        path = f"{history.survey}/{agency}/{place}.{extension}"
        history.drops.append(Drop(path, data, moment + timedelta(minutes=chance.randrange(300)), night))
    return history


def _what_is_sent(
    chance: Random, goods: tuple[Goods, ...], said: Mapping[str, list[list[Row]]], agency: str
) -> tuple[list[Row] | None, tuple[str, bytes] | None]:
    """The rows of an agency's next file, or a file that holds none."""
    before = said[agency]
    others = [rows[-1] for code, rows in sorted(said.items()) if code != agency and rows and rows[-1]]
    # The higher, the plainer: hypothesis likes low numbers.
    what = 99 - chance.randrange(100)
    if what < 4:
        return None, ("xlsx", b"PK\x03\x04 broken")
    if what < 10:
        return [], None
    if others and what < 45:
        # A department repeats what its institution has sent, or the other way round.
        return [dict(row) for row in chance.choice(others)], None
    if before and what < 58:
        # The same again, or back to what was said before.
        return chance.choice(before), None
    if before and before[-1] and what < 85:
        rows = [dict(row) for row in before[-1]]
        _ask(chance, chance.choice(rows))
        return rows, None
    rows = [_row(chance, goods) for _ in range(chance.randrange(1, 5))]
    if _happens(chance, 15):
        rows.append(dict(chance.choice(rows)))
    return rows, None


def _happens(chance: Random, percent: int) -> bool:
    """Whole numbers, since hypothesis likes a fraction that is zero or hardly more: then everything would happen."""
    return chance.randrange(100) >= 100 - percent


def _row(chance: Random, goods: tuple[Goods, ...]) -> Row:
    row = {**chance.choice(goods).typed, "Единица измерения": chance.choice(("шт", "шт", *UNITS))}
    if row["Единица измерения"] == "упак":
        row["Количество в упаковке"] = chance.choice(("5", "10", "25"))
    row["Вид потребности"] = chance.choice(list(NEED_KINDS))
    for heading, share in (("Остаток на складе", 40), ("Законтрактовано", 20)):
        if _happens(chance, share):
            row[heading] = str(chance.randrange(0, 15))
    if _happens(chance, 60):
        row["Цена за единицу, руб."] = f"{chance.randrange(1, 900)},{chance.randrange(100):02}"
    _ask(chance, row)
    if _happens(chance, 4):
        row["Единица измерения"] = "ведро"
    return row


def _ask(chance: Random, row: Row) -> None:
    """Ask for other quantities: blank, none, some, seldom less than none."""
    for year, heading in DEMAND_COLUMNS.items():
        quantity = chance.choice(("", "", "0", str(chance.randrange(1, 30)), str(chance.randrange(1, 30))))
        if quantity and row["Единица измерения"] == "тыс. шт":
            quantity = chance.choice(("0,5", "1,25", "2"))
        row[heading] = quantity if year in YEARS or _happens(chance, 30) else ""
    if _happens(chance, 2):
        row[DEMAND_COLUMNS[2027]] = "-4"


def _file(chance: Random, goods: tuple[Goods, ...], rows: list[Row]) -> tuple[str, bytes]:
    """Rows as a file: its extension and its bytes. No rows are a nil return."""
    headings = [
        *goods[0].typed, "Единица измерения", "Количество в упаковке", "Вид потребности", "Остаток на складе",
        "Законтрактовано", "Цена за единицу, руб.", *DEMAND_COLUMNS.values(),
    ]  # fmt: skip
    table = [["Заявка"], headings, *([row.get(heading, "") for heading in headings] for row in rows)]
    if not rows:
        table.append([NIL_RETURN])
    kind = chance.choice(("csv", "csv", "xlsx", "zip"))
    if kind == "csv":
        return kind, _csv(table)
    if kind == "xlsx":
        return kind, _xlsx(table)
    buffer = io.BytesIO()
    with ZipFile(buffer, "w") as folder:
        folder.writestr("answer.csv", _csv(table))
    return kind, buffer.getvalue()


def _csv(table: Iterable[list[str]]) -> bytes:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, delimiter=";").writerows(table)
    return buffer.getvalue().encode("utf-8-sig")


def _xlsx(table: Iterable[list[str]]) -> bytes:
    book, buffer = openpyxl.Workbook(), io.BytesIO()
    for row in table:
        book.active.append([_number(text) for text in row])
    book.save(buffer)
    return buffer.getvalue()


def _number(text: str) -> str | int | float | None:
    if not text.replace(",", "").lstrip("-").isdigit():
        return text or None
    return float(text.replace(",", ".")) if "," in text else int(text)


# The reader


def rows_of(content: bytes, path: str) -> list[dict[str, str]] | None:
    """The rows below the headings, as text; None if the file cannot be opened."""
    if content.startswith(b"PK\x03\x04 broken"):
        return None
    if path.endswith(".zip"):
        with ZipFile(io.BytesIO(content)) as folder:
            content = folder.read("answer.csv")
    if path.endswith(".xlsx"):
        sheet = openpyxl.load_workbook(io.BytesIO(content)).active
        table = [[_text(cell) for cell in row] for row in sheet.iter_rows(values_only=True)]
    else:
        table = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=";"))
    headings = table[1]
    return [dict(zip(headings, row, strict=False)) for row in table[2:] if row[0] != NIL_RETURN]


def understood(rows: Iterable[Mapping[str, str]], goods: Collection[Goods]) -> Answer:
    """The lines that count, as a recount takes them: no line that breaks a rule, and none that repeats another."""
    naming = list(next(iter(goods)).typed)
    meant = {tuple(each.typed.values()): each for each in goods}
    lines: Answer = []
    seen = set()
    for position, row in enumerate(rows, start=1):

        def amount(heading: str, row: Mapping[str, str] = row) -> str | None:
            text = row.get(heading, "").replace(",", ".")
            return str(Decimal(text).normalize()) if text else None

        named = tuple(row[heading] for heading in naming)
        product = meant[named]
        asked = {year: amount(heading) for year, heading in DEMAND_COLUMNS.items()}
        if row["Единица измерения"] not in UNITS or any(Decimal(quantity or 0) < 0 for quantity in asked.values()):
            continue
        unit, pieces = UNITS[row["Единица измерения"]]
        pieces = amount("Количество в упаковке") if pieces == "pack" else pieces
        stock, contracted = amount("Остаток на складе"), amount("Законтрактовано")
        kind = NEED_KINDS[row["Вид потребности"]]
        # A repeated line: the item as it is spelled, the unit, the kind of need and the quantities; not the price.
        said = (named, unit, pieces, kind, *asked.values(), stock, contracted)
        if said in seen:
            continue
        seen.add(said)
        outside = Decimal(asked[2031] or 0)
        lines.append(
            {
                "position": position,
                "product": product.name,
                "unit": unit,
                "pieces_per_unit": pieces,
                "need_kind": kind,
                "stock": stock,
                "contracted": contracted,
                "unit_price_rub": amount("Цена за единицу, руб."),
                "outside_horizon": f"2031:{outside}" if outside else "",
                "goods": product,
                **{f"demand_{year}": asked[year] for year in YEARS},
            }
        )
    return lines


#: What stands of each agency: which drop, and its lines.
Standing = dict[str, tuple[str, Answer]]


def standing(
    receipts: Iterable[Mapping[str, str]], open_file: Callable[[str], bytes], goods: Mapping[str, Collection[Goods]]
) -> Standing:
    """Whose answer counts, of the receipts of one survey: the last that has a line that counts, or is a nil return.

    `receipts` are in their order; each has its agency, path and SHA-256. `goods` are the products of each agency on the
    roster. A file that says the same as the one before it is no new answer.
    """
    found: Standing = {}
    before: dict[str, list[list[object]] | None] = {}
    for receipt in receipts:
        agency = receipt["agency_code"]
        if agency not in goods:
            continue
        rows = rows_of(open_file(receipt["sha256"]), receipt["original_path"])
        said = None if rows is None else _same(rows)
        same = agency in found and said is not None and before.get(agency) == said
        before[agency] = said
        if rows is None:
            continue
        lines = understood(rows, goods[agency])
        if not same and (lines or not rows):
            found[agency] = (receipt["original_path"], lines)
    return found


def _text(cell: object) -> str:
    """A cell as it was typed."""
    return "" if cell is None else str(cell).replace(".", ",") if isinstance(cell, float) else str(cell)


def _same(rows: Iterable[Mapping[str, str]]) -> list[list[object]]:
    """What rows say, however they are written: 5 and 5,00 are one number."""
    return [[_number(cell) for cell in row.values()] for row in rows]
