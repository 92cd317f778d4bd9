"""The protocol: what an agency is told about one receipt, as a workbook in Russian.

Pure: facts → bytes. The same facts give the same bytes, and nothing that an agency typed becomes a formula,
a link or a number: every text is written as a text cell.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from io import BytesIO
from itertools import groupby
from operator import attrgetter

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from include.city_order.readings import DEMAND, cell_address
from include.city_order.vocabulary import FIELDS, MOSCOW, Severity, Verdict

#: A revision that shares less of its items than this with the one it replaces is told so first: two files of
#: one answer, sent apart, look like that.
LITTLE_IN_COMMON = 0.2

ADDRESSES_SHOWN = 5
ITEMS_SHOWN = 20
SHEETS_SHOWN = 5
EXAMPLE_LENGTH = 200

#: The height of a line of text, in points, and the highest row in lines: what is longer is read in the cell itself.
LINE_HEIGHT = 13
LINES_SHOWN = 25

#: What a sheet and a cell of a workbook can hold. A cell counts UTF-16 units.
SHEET_ROWS = 1_048_576
CELL_UNITS = 32_767

VERDICTS = {
    Verdict.QUARANTINED: "Отложен до решения департамента",
    Verdict.REJECTED: "Не принят",
    Verdict.DUPLICATE: "Повтор файла, присланного раньше",
    Verdict.PARTLY_ACCEPTED: "Принят частично",
    Verdict.ACCEPTED_WITH_WARNINGS: "Принят с замечаниями",
    Verdict.ACCEPTED: "Принят",
}

SEVERITIES = {Severity.ERROR: "Ошибка", Severity.WARNING: "Предупреждение"}

_PERSON_READS = (
    "Файл разберёт сотрудник департамента. От вас ничего не требуется. Если в файле есть лишние листы, рисунки "
    "или оформление пустых строк, можно убрать их и прислать файл снова: так будет быстрее."
)
_READ_LATER = "От вас ничего не требуется, присылать файл снова не нужно: он будет проверен, как только департамент "

#: Why a receipt is put aside or cannot be read: code → (what happened, what to do).
REASONS: dict[str, tuple[str, str]] = {
    "misplaced": (
        "Файл лежал не в папке организации внутри папки обследования, поэтому непонятно, чей это ответ.",
        "Сотрудник департамента выяснит, чей это файл. Чтобы не ждать, положите файл в папку своей организации "
        "внутри папки обследования.",
    ),
    "unknown_survey": (
        "Файл лежал в папке обследования, которого пока нет в списке.",
        _READ_LATER
        + "внесёт обследование в список. Если папка выбрана по ошибке, положите файл в папку нужного обследования.",
    ),
    "unknown_agency": (
        "Файл лежал в папке организации, которой пока нет в справочнике.",
        _READ_LATER + "внесёт организацию в справочник. Если папка выбрана по ошибке, положите файл в папку своей "
        "организации.",
    ),
    "limit_memory": ("Файл слишком велик для автоматической проверки: на него не хватило памяти.", _PERSON_READS),
    "limit_cpu": ("Файл слишком сложен для автоматической проверки: она не закончилась вовремя.", _PERSON_READS),
    "limit_time": ("Автоматическая проверка файла не закончилась вовремя.", _PERSON_READS),
    "limit_output": ("В файле больше данных, чем принимает автоматическая проверка.", _PERSON_READS),
    "limit_crash": ("Автоматическая проверка файла прервалась.", _PERSON_READS),
    "empty": (
        "Файл пустой.",
        "Откройте файл у себя, убедитесь, что таблица в нём сохранена, и пришлите его снова.",
    ),
    "broken": (
        "Файл повреждён: прочитать его целиком не удалось.",
        "Откройте файл у себя, сохраните его заново как книгу Excel (XLSX) и пришлите снова.",
    ),
    "encrypted": ("Файл закрыт паролем.", "Снимите с файла пароль и пришлите его снова."),
    "unknown_format": (
        "Это не таблица. Читаются книги XLSX, XLS и ODS, текстовые таблицы CSV и архивы ZIP с такими файлами.",
        "Сохраните ответ как книгу Excel (XLSX) и пришлите снова.",
    ),
    "too_large": (
        "Файл слишком велик, чтобы его прочитать.",
        "Уберите лишние листы, рисунки и оформление пустых строк и пришлите файл снова.",
    ),
    "no_line_left": (
        "Проверку не прошла ни одна строка.",
        "Исправьте строки с ошибками и пришлите файл снова, целиком, в ту же папку.",
    ),
    "no_member": (
        "В архиве нет ни одной таблицы, которую можно прочитать.",
        "Положите в архив ZIP книги XLSX, XLS, ODS или таблицы CSV, без вложенных архивов, и пришлите его снова.",
    ),
}
#: Errors about who sends the file, by rule and field: the table may be right, and the folder or its owner is not.
_NOT_ON_ROSTER = ("F07", "")
_SENDER_DIFFERS = {("F07", "sender_kpp"), ("F10", "sender_inn")}

#: Rules whose warnings only tell: there is nothing that the agency could mend.
_ONLY_TELL = {"F03", "F08"}

_OTHER_QUARANTINE = (
    "Файл получен, но проверить его автоматически не удалось.",
    "Файлом займётся сотрудник департамента. От вас ничего не требуется.",
)

FORMATS = {
    "xlsx": "книга Excel (XLSX)",
    "xlsm": "книга Excel с макросами (XLSM)",
    "xlsb": "двоичная книга Excel (XLSB)",
    "xls": "книга Excel 97–2003 (XLS)",
    "ods": "таблица OpenDocument (ODS)",
    "csv": "текстовая таблица (CSV)",
    "zip": "архив ZIP с таблицами",
}
ENCODINGS = {"cp1251": "Windows-1251", "utf-8": "UTF-8", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16"}

#: Rows that are no lines of the form, by the reader's word for them.
LEFT_OUT = {
    "total": "строки итогов",
    "note": "примечания и подписи",
    "numbering": "строки с номерами граф",
    "heading": "повторённые заголовки",
    "no_demand": "таблицы без граф потребности",
    "unknown_format": "файлы архива, в которых нет таблиц",
}

_HEADINGS = {field.name: field.heading for field in FIELDS} | {
    DEMAND: "Потребность на … год",
    "sender_inn": "ИНН",
    "sender_kpp": "КПП",
}
#: The columns of the tables of both sheets: heading, width in characters.
_CAUSE_COLUMNS = (
    ("Вид замечания", 24), ("Что не так и как исправить", 72), ("Графа", 26), ("Сколько", 9), ("Где", 32),
    ("Пример того, что введено", 32),
)  # fmt: skip
_FINDING_COLUMNS = (
    ("Файл в архиве", 18), ("Лист", 18), ("Ячейка", 10), ("Графа", 26), ("Что введено", 32), ("Вид замечания", 17),
    ("Что не так и как исправить", 64), ("Правило", 10),
)  # fmt: skip

_MONTHS = (
    "января", "февраля", "марта", "апреля", "мая", "июня",
    "июля", "августа", "сентября", "октября", "ноября", "декабря",
)  # fmt: skip

#: Signs that XML refuses, and those that turn the direction of text and can hide what it says.
_REFUSED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
_CELL = re.compile(r"([A-Z]*)(\d*)")

#: An address as `cell_address` makes it: member, sheet, cell.
_ADDRESS = re.compile(r"(?:(.*): )?(?:(.*)!)?([A-Z]{1,3}\d+)")
#: An empty cell, told apart from no cell at all.
_EMPTY = "(пусто)"

#: Excel shows when a workbook was made; a constant, so that equal facts give equal bytes.
_CREATED = datetime(2026, 1, 1)


@dataclass(frozen=True)
class Finding:
    """One rule broken by a cell, a line or the whole file. `cell` is "" unless cells are meant.

    The first cell is that of the line which this one repeats, or "".
    """

    rule_id: str
    severity: str
    member: str
    sheet: str
    cell: str
    line_position: int | None
    field: str
    value: str
    message: str
    first_member: str = ""
    first_sheet: str = ""
    first_cell: str = ""

    @property
    def repeated_address(self) -> str:
        """Where the line is that this one repeats, or ""."""
        return cell_address(self.first_member, self.first_sheet, self.first_cell) if self.first_cell else ""


@dataclass(frozen=True)
class LeftOut:
    """How many rows were read and are no lines, for one reason; `members` are the files of a ZIP they are in."""

    why: str
    rows: int
    members: tuple[str, ...] = ()


@dataclass(frozen=True)
class Correction:
    """What a revision does to the one before it.

    `items` are those of this revision, `shared` of them are in the replaced one too; `leaving` counts the
    replaced one's items that are no longer asked for, and `leaving_items` names the first of them.
    """

    replaced_receipt_no: int
    replaced_arrived_at: datetime
    items: int
    shared: int
    leaving: int
    leaving_items: tuple[str, ...]

    @property
    def has_little_in_common(self) -> bool:
        """Both revisions ask for something, and hardly for the same."""
        replaced_items = self.shared + self.leaving
        return bool(self.items and replaced_items) and self.shared / self.items < LITTLE_IN_COMMON


@dataclass(frozen=True)
class ProtocolFacts:
    """All that the protocol of one receipt is made from.

    `survey_title` and `agency_name` are "" and `closes_date` is None if they could not be resolved;
    `reading_reason` is the reader's reason code. The lines accepted, rejected and duplicate add up to the
    lines read, whatever later receipts did to them.
    """

    receipt_no: int
    verdict: str
    reason: str
    original_path: str
    arrived_at: datetime
    survey_title: str = ""
    agency_name: str = ""
    closes_date: date | None = None
    reading_reason: str = ""
    format: str = ""
    encoding: str = ""
    sheets: tuple[str, ...] = ()
    nil_return: bool = False
    lines_accepted: int = 0
    lines_rejected: int = 0
    lines_duplicate: int = 0
    left_out: tuple[LeftOut, ...] = ()
    repeats_receipt_no: int | None = None
    repeats_arrived_at: datetime | None = None
    correction: Correction | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def lines_read(self) -> int:
        """How many lines the reader found."""
        return self.lines_accepted + self.lines_rejected + self.lines_duplicate


@dataclass(frozen=True)
class Cause:
    """Findings that one sentence explains, in the order of their addresses."""

    severity: str
    field: str
    message: str
    findings: tuple[Finding, ...]


def render(facts: ProtocolFacts) -> bytes:
    """The protocol as an XLSX. The same facts give the same bytes."""
    buffer = BytesIO()
    workbook = xlsxwriter.Workbook(
        buffer,
        {
            "in_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
        },
    )
    workbook.set_properties({"title": f"Протокол по квитанции № {facts.receipt_no}", "created": _CREATED})
    formats = _formats(workbook)
    findings = sorted(map(_told, facts.findings), key=_place)
    _write_summary(workbook.add_worksheet("Протокол"), formats, facts, causes(findings))
    _write_findings(workbook.add_worksheet("Замечания"), formats, facts, findings)
    workbook.close()
    return buffer.getvalue()


def causes(findings: Iterable[Finding]) -> list[Cause]:
    """Findings grouped by rule, field and sentence: errors first, then the whole file's, then the most frequent."""
    groups: dict[tuple[str, str, str, str], list[Finding]] = {}
    for finding in findings:
        key = (finding.severity, finding.rule_id, finding.field, finding.message)
        groups.setdefault(key, []).append(finding)
    ordered = sorted(
        groups.items(),
        key=lambda group: (
            group[0][0] != Severity.ERROR,
            any(finding.line_position is not None for finding in group[1]),
            -len(group[1]),
            group[0],
        ),
    )
    return [Cause(severity, field, message, tuple(group)) for (severity, _, field, message), group in ordered]


def clean_text(text: str, limit: int = CELL_UNITS) -> str:
    """Text that a cell can hold: without control signs, and cut to `limit` UTF-16 units, which a «…» shows."""
    text = _REFUSED.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    encoded = text.encode("utf-16-le")
    if len(encoded) <= 2 * limit:
        return text
    return encoded[: 2 * (limit - 1)].decode("utf-16-le", errors="ignore") + "…"


# The first sheet


def _write_summary(sheet: Worksheet, formats: dict[str, Format], facts: ProtocolFacts, grouped: list[Cause]) -> None:
    for column, (_, width) in enumerate(_CAUSE_COLUMNS):
        sheet.set_column(column, column, width)
    _page(sheet, facts)
    _write_row(sheet, 0, [("Протокол форматно-логического контроля", formats["title"])])
    row = 2
    for block in _blocks(facts):
        for label, value in block:
            style = {"Решение": "verdict", "Внимание": "attention"}.get(label, "value")
            _write_row(sheet, row, [(label, formats["label"]), (value, formats[style])], _CAUSE_COLUMNS)
            row += 1
        row += 1
    if not grouped:
        _write_row(sheet, row, [("Замечания", formats["label"]), (_no_findings(facts), formats["value"])])
        return
    hint = "Каждое замечание с адресом ячейки — на листе «Замечания»."
    _write_row(sheet, row, [("Замечания по причинам", formats["section"]), (hint, formats["hint"])])
    _write_row(sheet, row + 1, [(heading, formats["heading"]) for heading, _ in _CAUSE_COLUMNS])
    for row_number, cause in enumerate(grouped, row + 2):
        cells: list[tuple[str | int, Format]] = [
            (_severity(cause.severity), formats[cause.severity]),
            (cause.message, formats["text"]),
            (_heading(cause.findings[0]), formats["text"]),
            (len(cause.findings), formats["count"]),
            (_addresses(cause.findings), formats["typed"]),
            (clean_text(_example(cause), EXAMPLE_LENGTH), formats["typed"]),
        ]
        _write_row(sheet, row_number, cells, _CAUSE_COLUMNS)


def _blocks(facts: ProtocolFacts) -> list[list[tuple[str, str]]]:
    """The rows above the findings, label and value, in blocks that an empty row parts."""
    correction = facts.correction
    what, todo = _meaning(facts)
    attention = []
    if correction and correction.has_little_in_common:
        attention.append((
            "Внимание",
            f"Этот файл целиком заменяет ваш ответ по квитанции № {correction.replaced_receipt_no}, а общих позиций "
            f"у них почти нет: {correction.shared} из {correction.items}. Если это части одного ответа, пришлите их "
            "вместе, одним архивом ZIP.",
        ))  # fmt: skip
    receipt = [
        ("Квитанция", f"№ {facts.receipt_no}"),
        ("Обследование", facts.survey_title or "не определено"),
        ("Организация", facts.agency_name or "не определена"),
        ("Файл", facts.original_path.rsplit("/", 1)[-1]),
        ("Получен", _instant(facts.arrived_at)),
    ]
    if not (facts.survey_title and facts.agency_name):
        receipt.insert(4, ("Где лежал", facts.original_path))
    decision = [("Решение", VERDICTS[Verdict(facts.verdict)]), ("Что это значит", what), ("Что делать", todo)]
    if facts.closes_date and facts.verdict != Verdict.QUARANTINED:
        decision.append(("До какого времени", _until(facts.closes_date, facts.arrived_at)))
    if correction:
        decision.append(("Прежний ответ", _replaced(correction)))
        if correction.leaving:
            decision.append((
                f"Больше не в заказе: {correction.leaving}",
                _some(correction.leaving_items, ITEMS_SHOWN, correction.leaving, separator="\n"),
            ))  # fmt: skip
    return [block for block in (attention, receipt, decision, _what_was_read(facts)) if block]


def _meaning(facts: ProtocolFacts) -> tuple[str, str]:
    """(what the verdict means, what to do)."""
    known = REASONS.get(facts.reason) or REASONS.get(facts.reading_reason)
    match Verdict(facts.verdict):
        case Verdict.QUARANTINED:
            return known or _OTHER_QUARANTINE
        case Verdict.REJECTED:
            named = "Причина названа ниже, в замечаниях."
            why, todo = known or (
                named if facts.findings else "В файле нет строк, которые можно принять.",
                "Исправьте ошибки и пришлите файл снова, целиком, в ту же папку.",
            )
            return (
                f"Файл не принят. {why} Если раньше вы присылали файл, который был принят, он остаётся в силе.",
                _about_the_sender(facts.findings) or todo,
            )
        case Verdict.DUPLICATE:
            return (
                f"Содержание файла то же, что в файле по квитанции № {facts.repeats_receipt_no}"
                f"{_received_then(facts.repeats_arrived_at)}. Второй раз оно не учитывается, и ничего не потеряно.",
                "Ничего делать не нужно. Если вы хотели прислать исправленный файл, проверьте, тот ли файл отправлен.",
            )
        case Verdict.PARTLY_ACCEPTED:
            return (
                f"Принято строк: {facts.lines_accepted} из {facts.lines_read}. Строки с ошибками "
                f"({facts.lines_rejected}) в заказ не войдут, пока вы их не исправите.{_repeats(facts)}",
                "Исправьте строки с ошибками и пришлите файл целиком, со всеми позициями, а не только с исправленными: "
                "новый файл заменит этот.",
            )
        case Verdict.ACCEPTED_WITH_WARNINGS if _only_tells(facts.findings):
            return (
                f"{_accepted(facts)} Исправлять в нём нечего.",
                "Делать ничего не нужно. Если что-то изменится, пришлите новый файл целиком: он заменит этот.",
            )
        case Verdict.ACCEPTED_WITH_WARNINGS:
            return (
                f"{_accepted(facts)} Есть замечания: они не мешают принять файл, но проверить их стоит.",
                "Прочитайте замечания ниже. Если всё верно, делать ничего не нужно. Если нашли ошибку, "
                "исправьте её и пришлите файл целиком: новый файл заменит этот.",
            )
        case Verdict.ACCEPTED:
            return (
                _accepted(facts),
                "Ничего делать не нужно. Если что-то изменится, пришлите новый файл целиком: он заменит этот.",
            )


def _only_tells(findings: Sequence[Finding]) -> bool:
    """There are findings, and nothing to mend in any."""
    return bool(findings) and all(finding.rule_id in _ONLY_TELL for finding in findings)


def _about_the_sender(findings: Iterable[Finding]) -> str:
    """What to do about a file of the wrong sender, or "": sending it to the same folder again would not help."""
    errors = {
        (finding.rule_id, finding.field)
        for finding in findings
        if finding.severity == Severity.ERROR and finding.line_position is None
    }
    if _NOT_ON_ROSTER in errors:
        about = {_NOT_ON_ROSTER}
        todo = (
            "Если вашу организацию должны опросить, обратитесь в департамент. Если файл попал в чужую папку, положите "
            "его в папку своей организации."
        )
    elif about := errors & _SENDER_DIFFERS:
        todo = (
            "Если ошибка в шапке формы, исправьте ИНН и КПП и пришлите файл снова, целиком. Если шапка верна, положите "
            "файл в папку своей организации."
        )
    else:
        return ""
    return f"{todo} Исправьте и остальные ошибки: они названы в замечаниях." if errors - about else todo


def _accepted(facts: ProtocolFacts) -> str:
    if facts.nil_return and not facts.lines_read:
        return "Принято сообщение о том, что потребности нет."
    return f"Файл принят. Принято строк: {facts.lines_accepted} из {facts.lines_read}.{_repeats(facts)}"


def _repeats(facts: ProtocolFacts) -> str:
    if not facts.lines_duplicate:
        return ""
    return f" Строки, которые повторяют другие строки этого файла ({facts.lines_duplicate}), второй раз не считаются."


def _until(closes_date: date, arrived_at: datetime) -> str:
    """The term, in words that stay true whenever they are read: it is measured from the arrival."""
    day = _day(closes_date)
    arrived_date = arrived_at.astimezone(MOSCOW).date()
    late = "Файл, присланный позже, тоже будет проверен, но с отметкой об опоздании."
    if arrived_date > closes_date:
        return f"Срок приёма ответов прошёл: он закончился {day} в 23:59 по московскому времени. {late}"
    if arrived_date == closes_date:
        return f"До 23:59 {day} по московскому времени. Когда вы читаете протокол, срок мог уже пройти. {late}"
    return f"До 23:59 {day} по московскому времени. {late}"


def _replaced(correction: Correction) -> str:
    stays = ""
    if correction.leaving:
        stays = " Позиции прежнего ответа, которых нет среди принятых строк этого файла, больше не входят в заказ."
    elif correction.shared:
        stays = " Все позиции прежнего ответа в нём есть."
    return (
        f"Этот файл заменяет целиком ваш ответ по квитанции № {correction.replaced_receipt_no}"
        f"{_received_then(correction.replaced_arrived_at)}.{stays}"
    )


def _what_was_read(facts: ProtocolFacts) -> list[tuple[str, str]]:
    if not facts.format:
        return []
    encodings = ", ".join(ENCODINGS.get(name, name) for name in facts.encoding.split(", ") if name)
    what = FORMATS.get(facts.format, facts.format)
    rows = [("Формат файла", f"{what}, кодировка {encodings}" if encodings else what)]
    sheets = [sheet for sheet in facts.sheets if sheet]
    if sheets:
        rows.append(("Прочитанные листы", _some(sheets, SHEETS_SHOWN)))
    if not facts.lines_read:
        how_they_ended = ""
    elif facts.verdict == Verdict.QUARANTINED:
        how_they_ended = ". Строки ещё не проверялись."
    else:
        how_they_ended = (
            f": принято {facts.lines_accepted}, не принято {facts.lines_rejected}, повторов {facts.lines_duplicate}"
        )
    rows.append(("Прочитано строк", f"{facts.lines_read}{how_they_ended}"))
    if facts.left_out:
        left_out = sorted(facts.left_out, key=lambda left_out: left_out.why)
        rows.append(("Не считаются строками", "; ".join(map(_left_out, left_out))))
    return rows


def _left_out(left_out: LeftOut) -> str:
    named = f" ({_some(left_out.members, SHEETS_SHOWN)})" if left_out.members else ""
    return f"{LEFT_OUT.get(left_out.why, 'прочие строки')}: {left_out.rows}{named}"


def _no_findings(facts: ProtocolFacts) -> str:
    if facts.verdict == Verdict.QUARANTINED:
        return "Строки ещё не проверялись."
    unread = facts.verdict == Verdict.REJECTED and not facts.lines_read
    return "Строки не проверялись." if unread else "Замечаний нет."


# The second sheet


def _write_findings(
    sheet: Worksheet, formats: dict[str, Format], facts: ProtocolFacts, findings: list[Finding]
) -> None:
    for column, (_, width) in enumerate(_FINDING_COLUMNS):
        sheet.set_column(column, column, width)
    _write_row(sheet, 0, [(heading, formats["heading"]) for heading, _ in _FINDING_COLUMNS])
    _page(sheet, facts)
    sheet.freeze_panes(1, 0)
    sheet.repeat_rows(0)
    if not findings:
        _write_row(sheet, 1, [(_no_findings(facts), formats["hint"])])
        return
    room = SHEET_ROWS - 2
    for row, finding in enumerate(findings[:room], 1):
        cells = [
            (finding.member, formats["typed"]),
            (finding.sheet, formats["typed"]),
            (finding.cell, formats["text"]),
            (_heading(finding), formats["text"]),
            (_typed(finding), formats["typed"]),
            (_severity(finding.severity), formats[finding.severity]),
            (_remark(finding), formats["text"]),
            (finding.rule_id, formats["text"]),
        ]
        _write_row(sheet, row, cells, _FINDING_COLUMNS)
    sheet.autofilter(0, 0, min(len(findings), room), len(_FINDING_COLUMNS) - 1)
    if len(findings) > room:
        more = f"И ещё {len(findings) - room}: больше строк лист не вмещает."
        _write_row(sheet, SHEET_ROWS - 1, [(more, formats["hint"])])


# Words


def _told(finding: Finding) -> Finding:
    """The finding in the words of the protocol: why a file is unreadable, and a heading's sheet apart from its cell."""
    if finding.rule_id == "F01" and (known := REASONS.get(finding.value)):
        finding = replace(finding, message=" ".join(known))
    if finding.line_position is not None or finding.sheet:
        return finding
    parts = [_ADDRESS.fullmatch(address) for address in re.split(r"(?<=\d), ", finding.cell)]
    places = {part and (part[1] or "", part[2] or "") for part in parts}
    # Cells of several sheets, or a name that reads like an address: told as they are.
    if len(places) > 1 or not (place := places.pop()):
        return finding
    member, sheet = place
    return replace(
        finding, member=finding.member or member, sheet=sheet, cell=", ".join(part[3] for part in parts if part)
    )


def _place(finding: Finding) -> tuple[object, ...]:
    """Sorts findings as a person meets them in the file: what is about the whole file comes first."""
    match = _CELL.match(finding.cell)
    letters, digits = match.groups() if match else ("", "")
    return (
        finding.line_position or 0, finding.member, finding.sheet, int(digits or 0), len(letters), letters,
        finding.severity, finding.rule_id, finding.field, finding.value, finding.message,
    )  # fmt: skip


def _addresses(findings: Sequence[Finding]) -> str:
    """Where the first findings are: `Лист1!C5, C6; Лист2!C5 и ещё 7`. A sheet is named once for its cells."""
    shown: list[str] = []
    for (member, sheet), cells in groupby(findings[:ADDRESSES_SHOWN], key=attrgetter("member", "sheet")):
        first, *others = [
            finding.cell + (f" (то же в {finding.repeated_address})" if finding.repeated_address else "")
            for finding in cells
        ]
        whole = ": ".join(part for part in (member, sheet) if part) or "весь файл"
        shown.append(", ".join([cell_address(member, sheet, first) if first else whole, *others]))
    more = len(findings) - ADDRESSES_SHOWN
    return "; ".join(shown) + (f" и ещё {more}" if more > 0 else "")


def _remark(finding: Finding) -> str:
    first = finding.repeated_address
    return f"{finding.message} То же изделие — в ячейке {first}." if first else finding.message


def _heading(finding: Finding) -> str:
    """The heading of the finding's field, as the form has it."""
    if heading := _HEADINGS.get(finding.field):
        return heading
    if year := re.fullmatch(r"demand_(\d{4})", finding.field):
        return f"Потребность на {year[1]} год"
    return "вся строка" if finding.line_position else "весь файл"


def _example(cause: Cause) -> str:
    """What was typed at the first of its cells that is not empty."""
    typed = [_typed(finding) for finding in cause.findings]
    return next((text for text in typed if text not in ("", _EMPTY)), typed[0])


def _typed(finding: Finding) -> str:
    """What the agency typed. The value of a finding about a whole file is ours: a code of the reader."""
    if not finding.cell:
        return ""
    # A heading that stands twice has cells, and its words are no value.
    return finding.value or (_EMPTY if finding.line_position is not None else "")


def _severity(severity: str) -> str:
    return SEVERITIES[Severity(severity)]


def _some(items: Sequence[str], shown: int, of: int | None = None, separator: str = ", ") -> str:
    """The first items, and how many more there are of all (`of`, if the items are already cut)."""
    more = (len(items) if of is None else of) - min(len(items), shown)
    return separator.join(items[:shown]) + (f"{separator.removeprefix(',')}и ещё {more}" if more else "")


def _received_then(instant: datetime | None) -> str:
    return f" (получен {_instant(instant)})" if instant else ""


def _instant(instant: datetime) -> str:
    moscow = instant.astimezone(MOSCOW)
    return f"{_day(moscow.date())}, {moscow:%H:%M} по московскому времени"


def _day(day: date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year} года"


# Cells


def _write_row(
    sheet: Worksheet, row: int, cells: Sequence[tuple[str | int, Format]], columns: Sequence[tuple[str, int]] = ()
) -> None:
    """Write texts as text cells, whatever they look like, and whole numbers as numbers.

    With `columns` the row is as high as its texts need at the columns' widths: not every program sees to that.
    """
    lines = 1
    for column, (value, style) in enumerate(cells):
        if isinstance(value, int):
            sheet.write_number(row, column, value, style)
        elif text := clean_text(value):
            sheet.write_string(row, column, text, style)
            lines = max(lines, _lines(text, columns[column][1]) if columns else 1)
        else:
            sheet.write_blank(row, column, None, style)
    if lines > 1:
        sheet.set_row(row, min(lines, LINES_SHOWN) * LINE_HEIGHT + 2)


def _lines(text: str, width: int) -> int:
    """About how many lines a text takes in a column of that width. Long words and wide letters take some more."""
    if len(text) < width * 0.9 and "\n" not in text:
        return 1
    return sum(math.ceil(len(line) / (width * 0.9)) or 1 for line in text[: LINES_SHOWN * width].split("\n"))


def _formats(workbook: xlsxwriter.Workbook) -> dict[str, Format]:
    # '@' keeps a cell text when a person edits it.
    text = {"font_name": "Arial", "font_size": 10, "num_format": "@", "text_wrap": True, "valign": "top"}
    cell = text | {"border": 1, "border_color": "#BFBFBF"}
    return {
        name: workbook.add_format(properties)
        for name, properties in {
            "title": text | {"bold": True, "font_size": 14, "text_wrap": False},
            "section": text | {"bold": True, "font_size": 11, "text_wrap": False},
            "hint": text | {"font_color": "#595959"},
            "label": text | {"font_color": "#595959"},
            "value": text,
            "verdict": text | {"bold": True, "font_size": 12},
            "attention": text | {"bold": True, "bg_color": "#FFF2CC"},
            "heading": cell | {"bold": True, "bg_color": "#DDEBF7", "valign": "vcenter"},
            "text": cell,
            # A typed «=1+1» stays text in whatever program the cell is edited or pasted.
            "typed": cell | {"quote_prefix": True},
            "count": cell | {"num_format": "0", "align": "center"},
            Severity.ERROR: cell | {"bg_color": "#F8CBAD"},
            Severity.WARNING: cell | {"bg_color": "#FFF2CC"},
        }.items()
    }


def _page(sheet: Worksheet, facts: ProtocolFacts) -> None:
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.set_margins(left=0.4, right=0.4, top=0.6, bottom=0.6)
    sheet.set_footer(f"&LКвитанция № {facts.receipt_no}&RСтраница &P из &N")
