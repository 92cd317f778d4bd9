"""The words of a protocol, in Russian: verdicts, reasons, what was read, and what to do. Facts in, sentences out.

A person reads them who has never seen a rule's number: each says what is wrong and how to mend it, and none shows a
code of ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from itertools import groupby
from operator import attrgetter

from include.city_order.protocol_facts import Cause, Correction, Finding, LeftOut, ProtocolFacts, Table
from include.city_order.readings import DEMAND, cell_address
from include.city_order.vocabulary import FIELDS, MOSCOW, Severity, Verdict

ADDRESSES_SHOWN = 5
ITEMS_SHOWN = 20
SHEETS_SHOWN = 5

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
_AS_TABLE = "Перенесите ответ в книгу Excel (XLSX), лучше в бланк обследования, и пришлите её"
_COPY_TABLE = (
    "Скопируйте таблицу с ответом в новую книгу, вставив её как значения, сохраните как книгу Excel (XLSX) и "
    "пришлите снова."
)  # fmt: skip
_SAVE_ANEW = "Откройте файл у себя, сохраните его заново как книгу Excel (XLSX) и пришлите снова."
_PACK = "Пришлите саму таблицу без архива или упакуйте файлы в обычный архив ZIP."

#: Why a receipt is put aside or cannot be read: code → (what happened, what to do).
REASONS: dict[str, tuple[str, str]] = {
    # The drop's place.
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
    # What stopped the reader.
    "limit_memory": ("Файл слишком велик для автоматической проверки: на него не хватило памяти.", _PERSON_READS),
    "limit_cpu": ("Файл слишком сложен для автоматической проверки: она не закончилась вовремя.", _PERSON_READS),
    "limit_time": ("Автоматическая проверка файла не закончилась вовремя.", _PERSON_READS),
    "limit_output": ("В файле больше данных, чем принимает автоматическая проверка.", _PERSON_READS),
    "limit_killed": ("Автоматическая проверка файла была прервана.", _PERSON_READS),
    "limit_crash": ("Автоматическая проверка файла прервалась.", _PERSON_READS),
    "infected": (
        "Антивирус нашёл в файле вредоносную программу, поэтому файл не открывали.",
        "Проверьте свой компьютер антивирусом, а этот файл никому больше не отправляйте. Заполните новый бланк на "
        "проверенном компьютере и пришлите его.",
    ),
    # The file itself.
    "empty": (
        "Файл пустой.",
        "Откройте файл у себя, убедитесь, что таблица в нём сохранена, и пришлите его снова.",
    ),
    "broken": ("Файл повреждён: прочитать его целиком не удалось.", _SAVE_ANEW),
    "encrypted": ("Файл закрыт паролем.", "Снимите с файла пароль и пришлите его снова."),
    "unknown_encoding": (
        "Это текстовый файл, и по нему нельзя надёжно понять, в какой кодировке записаны русские буквы.",
        "Откройте файл у себя, убедитесь, что текст читается, сохраните его как книгу Excel (XLSX) и пришлите снова.",
    ),
    # No table at all.
    "unknown_format": (
        "Это не таблица. Читаются книги XLSX, XLSM, XLS, XLSB и ODS, текстовые таблицы CSV и архивы ZIP с такими "
        "файлами.",
        "Сохраните ответ как книгу Excel (XLSX) и пришлите снова.",
    ),
    "pdf": (
        "Это документ PDF, а ответ нужен таблицей: из PDF строки надёжно не прочитать.",
        f"{_AS_TABLE}. Сам PDF можно приложить рядом, в одном архиве ZIP с таблицей.",
    ),
    "word_document": (
        "Это текстовый документ (Word или подобный), а ответ нужен таблицей.",
        f"{_AS_TABLE}. Сопроводительное письмо можно приложить рядом, в одном архиве ZIP с таблицей.",
    ),
    "presentation": ("Это презентация, а ответ нужен таблицей.", f"{_AS_TABLE}."),
    "picture": (
        "Это картинка: фотография или скан. Строки с картинки не читаются.",
        f"{_AS_TABLE}. Скан можно приложить рядом, в одном архиве ZIP с таблицей.",
    ),
    "web_page": (
        "Это веб-страница, хотя имя файла может быть как у таблицы: так сохраняют выгрузку некоторые программы.",
        "Откройте файл в Excel или другой программе для таблиц, выберите «Сохранить как» → «Книга Excel (XLSX)» и "
        "пришлите то, что получится.",
    ),
    "email": (
        "Это письмо электронной почты, а не таблица.",
        "Сохраните вложенную таблицу из письма отдельным файлом и пришлите её.",
    ),
    "signature": (
        "Это файл электронной подписи: самого ответа в нём нет, или он внутри подписи.",
        "Пришлите саму таблицу. Подпись можно приложить рядом, в одном архиве ZIP с таблицей.",
    ),
    # Archives.
    "rar": ("Это архив RAR, такие архивы не читаются.", _PACK),
    "seven_zip": ("Это архив 7z, такие архивы не читаются.", _PACK),
    "other_archive": ("Это архив такого вида, который не читается.", _PACK),
    "nested_archive": (
        "В архиве лежит другой архив, а таблиц рядом с ним нет.",
        "Распакуйте вложенный архив и упакуйте таблицы прямо в один архив ZIP или пришлите одну таблицу без архива.",
    ),
    "no_member": (
        "В архиве нет ни одной таблицы, которую можно прочитать.",
        "Положите в архив ZIP книги XLSX, XLS, ODS или таблицы CSV, без вложенных архивов, и пришлите его снова.",
    ),
    "unsafe_name": (
        "В архиве есть файл с недопустимым именем: оно ведёт за пределы архива или вместо файла лежит ссылка.",
        "Соберите архив заново из обычных файлов с простыми именами, без ссылок и ярлыков, и пришлите его снова.",
    ),
    "too_many_entries": (
        "В архиве или книге слишком много вложенных файлов.",
        "Оставьте в архиве только таблицы с ответом, уберите из книги рисунки и вставленные объекты и пришлите снова.",
    ),
    "inflates_too_much": (
        "При распаковке файл становится слишком велик: обычно так бывает, если оформление растянуто до конца листа "
        "или вставлены большие рисунки.",
        _COPY_TABLE,
    ),
    # Sizes.
    "too_large": (
        "Файл слишком велик, чтобы его прочитать.",
        "Уберите лишние листы, рисунки и оформление пустых строк и пришлите файл снова.",
    ),
    "too_many_sheets": (
        "В книге слишком много листов.",
        "Оставьте только листы с ответом и пришлите книгу снова.",
    ),
    "too_many_rows": (
        "На листе слишком много строк: для ответа их столько не бывает. Часто это оформление или формулы, "
        "растянутые до конца листа.",
        _COPY_TABLE,
    ),
    "too_many_columns": (
        "На листе слишком много граф: часто это оформление или случайно заполненные ячейки далеко справа.",
        _COPY_TABLE,
    ),
    "long_cell": (
        "В одной из ячеек слишком длинный текст: столько ячейка таблицы не вмещает.",
        "Сократите текст в ячейках и пришлите файл снова. Длинное пояснение можно приложить отдельным файлом в архиве "
        "ZIP.",
    ),
    "doctype": (
        "Файл устроен не так, как книги обычных программ: в нём есть указания, которые из осторожности не выполняются.",
        _SAVE_ANEW,
    ),
    # What was read, and is not enough.
    "no_line_left": (
        "Проверку не прошла ни одна строка.",
        "Исправьте строки с ошибками и пришлите файл снова, целиком, в ту же папку.",
    ),
}
#: The rule that a file must be readable: its value is the reader's reason.
UNREADABLE_RULE = "F01"
#: Errors about who sends the file, by rule and field: the table may be right, and the folder or its owner is not.
_NOT_ON_ROSTER = ("F07", "")
_SENDER_DIFFERS = {("F07", "sender_kpp"), ("F10", "sender_inn")}
_OTHER_SURVEY = ("F11", "sender_survey")

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
ENCODINGS = {
    "cp1251": "Windows-1251",
    "utf-8": "UTF-8",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
    "cp866": "DOS (CP866)",
    "koi8-r": "КОИ-8",
}
#: Why that encoding was chosen.
ENCODING_GROUNDS = {
    "mark": "по метке в начале файла",
    "declared": "названа в самом файле",
    "strict": "весь текст читается в ней без ошибок",
    "letters": "выбрана по русским словам в тексте",
}

#: Rows that are no lines of the form, by the reader's word for them.
LEFT_OUT = {
    "total": "строки итогов",
    "note": "примечания и заголовки разделов",
    "signature": "подписи",
    "numbering": "строки с номерами граф",
    "heading": "повторённые заголовки",
    "not_recognised": "нераспознанные строки",
    "no_demand": "таблицы без граф потребности",
    "unknown_format": "файлы архива, в которых нет таблиц",
}
NOT_RECOGNISED = (
    "Эта строка не распознана и в ответ не вошла. Если это изделие, проверьте, что строка стоит внутри таблицы и "
    "заполнена по её графам."
)

_HEADINGS = {field.name: field.heading for field in FIELDS} | {
    DEMAND: "Потребность на … год",
    "sender_inn": "ИНН",
    "sender_kpp": "КПП",
    "sender_survey": "Обследование",
}

_MONTHS = (
    "января", "февраля", "марта", "апреля", "мая", "июня",
    "июля", "августа", "сентября", "октября", "ноября", "декабря",
)  # fmt: skip

#: What a cell of a workbook can hold, counted in UTF-16 units.
CELL_UNITS = 32_767
#: Signs that XML refuses, and those that turn the direction of text and can hide what it says.
_REFUSED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")

#: An empty cell, told apart from no cell at all.
EMPTY = "(пусто)"
#: There is no such cell: the table lacks the column.
NO_COLUMN = "(графы нет)"


# The summary


def blocks(facts: ProtocolFacts) -> list[list[tuple[str, str]]]:
    """What stands above the findings, label and value, in blocks: attention, receipt, decision, what was read."""
    correction = facts.correction
    what, todo = meaning(facts)
    attention = []
    if correction and correction.has_little_in_common:
        attention.append((
            "Внимание",
            f"Этот файл целиком заменяет ваш ответ по квитанции № {correction.replaced_receipt_no}, а общих позиций "
            f"у них почти нет: {correction.shared} из {correction.of_items}. Если это части одного ответа, пришлите их "
            "вместе, одним архивом ZIP.",
        ))  # fmt: skip
    receipt = [
        ("Квитанция", receipt_name(facts)),
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
                some(correction.leaving_items, ITEMS_SHOWN, correction.leaving, separator="\n"),
            ))  # fmt: skip
    return [block for block in (attention, receipt, decision, _what_was_read(facts)) if block]


def meaning(facts: ProtocolFacts) -> tuple[str, str]:
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
            return f"{_accepted(facts)} Исправлять в нём нечего.", _nothing_to_mend(facts)
        case Verdict.ACCEPTED_WITH_WARNINGS:
            return (
                f"{_accepted(facts)} Есть замечания: они не мешают принять файл, но проверить их стоит.",
                "Прочитайте замечания ниже. Если всё верно, делать ничего не нужно. Если нашли ошибку, "
                "исправьте её и пришлите файл целиком: новый файл заменит этот.",
            )
        case Verdict.ACCEPTED:
            return _accepted(facts), _nothing_to_mend(facts)


def _nothing_to_mend(facts: ProtocolFacts) -> str:
    """What to do about a right file: nothing, unless it lets go of what was asked for before."""
    if facts.correction and facts.correction.leaving:
        return (
            "Прочитайте ниже, какие позиции прежнего ответа больше не входят в заказ. Если они не нужны, делать ничего "
            "не нужно. Если нужны, пришлите файл целиком, со всеми позициями: он заменит этот."
        )
    return "Делать ничего не нужно. Если что-то изменится, пришлите новый файл целиком: он заменит этот."


def receipt_name(facts: ProtocolFacts) -> str:
    """The receipt as the agency knows it. What is only tried out has no number to be told."""
    return f"№ {facts.receipt_no}" if facts.receipt_no > 0 else "предварительная проверка: файл ещё не сдан"


def no_findings(facts: ProtocolFacts) -> str:
    """What stands where the findings would."""
    if facts.verdict == Verdict.QUARANTINED:
        return "Строки ещё не проверялись."
    unread = facts.verdict == Verdict.REJECTED and not facts.lines_read
    return "Строки не проверялись." if unread else "Замечаний нет."


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
    elif _OTHER_SURVEY in errors:
        about = {_OTHER_SURVEY}
        todo = (
            "Если форма заполнена для обследования, которое в ней названо, положите файл в папку того обследования. "
            "Если название осталось от старой формы, исправьте его и пришлите файл снова, целиком."
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
    what = FORMATS.get(facts.format, facts.format)
    rows = [("Формат файла", f"{what}, {_encoding(facts)}" if facts.encoding else what)]
    if sheets := places(facts.tables):
        rows.append(("Прочитанные листы", sheets))
    if not facts.lines_read:
        how_they_ended = ""
    elif facts.verdict == Verdict.QUARANTINED:
        how_they_ended = ". Строки ещё не проверялись."
    elif facts.verdict == Verdict.REJECTED and facts.reason != "no_line_left":
        how_they_ended = ". Они не проверялись и не приняты: сначала исправьте то, что мешает принять файл."
    else:
        how_they_ended = (
            f": принято {facts.lines_accepted}, не принято {facts.lines_rejected}, повторов {facts.lines_duplicate}"
        )
    rows.append(("Прочитано строк", f"{facts.lines_read}{how_they_ended}"))
    if facts.left_out:
        left_out = sorted(facts.left_out, key=lambda left_out: left_out.why)
        rows.append(("Не считаются строками", "; ".join(map(_left_out, left_out))))
    return rows


def places(tables: Iterable[Table]) -> str:
    """The sheets of tables, as a person names them; a text file has none."""
    named = (": ".join(part for part in (table.member, table.sheet) if part) for table in tables)
    return some([name for name in dict.fromkeys(named) if name], SHEETS_SHOWN)


def _encoding(facts: ProtocolFacts) -> str:
    """The encodings of a text, or of the texts of a ZIP, and the grounds on which they were chosen."""
    names = dict.fromkeys(ENCODINGS.get(name, name) for name in facts.encoding.split(", "))
    grounds = [ENCODING_GROUNDS.get(ground, ground) for ground in facts.encoding_ground.split(", ") if ground]
    return f"кодировка {', '.join(names)}" + (f" ({'; '.join(grounds)})" if grounds else "")


def _left_out(left_out: LeftOut) -> str:
    named = ""
    if left_out.members:
        named = f" ({some(left_out.members, SHEETS_SHOWN)})"
    elif left_out.places:
        rows = [cell_address(member, sheet, f"A{row}") for member, sheet, row in left_out.places]
        named = f" ({some(rows, ADDRESSES_SHOWN, left_out.rows)})"
    return f"{LEFT_OUT.get(left_out.why, 'прочие строки')}: {left_out.rows}{named}"


# Findings


def sentence(finding: Finding) -> str:
    """The sentence of a finding; that on an unreadable file names its own reason."""
    if finding.rule_id == UNREADABLE_RULE and (known := REASONS.get(finding.value)):
        return " ".join(known)
    return finding.message


def addresses(findings: Sequence[Finding]) -> str:
    """Where the first findings are: `Лист1!C5, C6; Лист2!C5 и ещё 7`. A sheet is named once for its cells.

    Several findings of one cause that have no cell are told apart by what each is about.
    """
    shown: list[str] = []
    for (member, sheet), group in groupby(findings[:ADDRESSES_SHOWN], key=attrgetter("member", "sheet")):
        first, *others = [
            (finding.cell or (finding.value if finding.line_position is None and len(findings) > 1 else ""))
            + (f" (то же в {finding.repeated_address})" if finding.repeated_address else "")
            for finding in group
        ]
        whole = ": ".join(part for part in (member, sheet) if part) or "весь файл"
        shown.append(", ".join([cell_address(member, sheet, first) if first else whole, *others]))
    more = len(findings) - ADDRESSES_SHOWN
    return "; ".join(shown) + (f" и ещё {more}" if more > 0 else "")


def remark(finding: Finding) -> str:
    """All that is said about one finding: its sentence, the line that it repeats, the permission that covers it."""
    first = finding.repeated_address
    told = sentence(finding)
    return with_waiver(f"{told} То же изделие — в ячейке {first}." if first else told, finding.waiver)


def with_waiver(message: str, waiver: str) -> str:
    """A finding's sentence, with the permission that covers it."""
    return f"{message} Действует разрешение: {waiver.rstrip('.')}." if waiver else message


def heading(finding: Finding) -> str:
    """The heading of the finding's field, as the form has it."""
    if known := _HEADINGS.get(finding.field):
        return known
    if year := re.fullmatch(r"demand_(\d{4})", finding.field):
        return f"Потребность на {year[1]} год"
    if finding.line_position:
        return "вся строка"
    if finding.cell:
        return ""
    return "весь лист" if finding.sheet else "весь файл"


def cause_heading(cause: Cause) -> str:
    """The heading of a cause's field; the years of demand have one together."""
    one, *others = dict.fromkeys(heading(finding) for finding in cause.findings)
    return "Потребность по годам" if others else one


def example(cause: Cause) -> tuple[str, str]:
    """What was typed, and what would be expected, at the first of its cells that is not empty."""
    told = [(typed(finding), finding.expected) for finding in cause.findings]
    return next((pair for pair in told if pair[0] not in ("", EMPTY, NO_COLUMN)), told[0])


def typed(finding: Finding) -> str:
    """What the agency typed, or what the finding is about. What an unreadable file has is a code of the reader."""
    if finding.rule_id == UNREADABLE_RULE:
        return ""
    if finding.value or finding.line_position is None:
        return finding.value
    return EMPTY if finding.has_column else NO_COLUMN


def comment(finding: Finding) -> str:
    """What hangs at a faulty cell."""
    parts = [f"{SEVERITIES[Severity(finding.severity)]}: {remark(finding)}"]
    if finding.line_position is not None:
        parts.append(f"Графа: {heading(finding)}")
    if text := typed(finding):
        parts.append(f"Введено: {text}")
    if finding.expected:
        parts.append(f"Ожидается: {finding.expected}")
    return "\n".join(parts)


def clean_text(text: str, limit: int = CELL_UNITS) -> str:
    """Text that a cell can hold: without control signs, and cut to `limit` UTF-16 units, which a «…» shows."""
    text = _REFUSED.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    encoded = text.encode("utf-16-le")
    if len(encoded) <= 2 * limit:
        return text
    return encoded[: 2 * (limit - 1)].decode("utf-16-le", errors="ignore") + "…"


def some(items: Sequence[str], shown: int, of: int | None = None, separator: str = ", ") -> str:
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
