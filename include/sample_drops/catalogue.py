"""Every sample drop: where it lies, when it was left, what it is for, what should become of it.

Expectations assume that the drops arrive in the order of their times, each judged on its own night,
by the rules of the file and of its lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Flag, StrEnum, auto

from include.city_order.vocabulary import MOSCOW, Verdict


class Intent(StrEnum):
    """What a drop shows. Its value selects how `contents` makes or spoils the file."""

    CLEAN = "clean"
    LARGEST = "largest"
    SPELLINGS = "spellings"
    LOOK_ALIKE = "look_alike"
    SUMS_UP = "sums_up"
    UNIT_WITHOUT_PIECES = "unit_without_pieces"
    THOUSANDS = "thousands"
    PACKS = "packs"
    NBSP = "nbsp"
    FORMULA_TEXT = "formula_text"
    INSTRUCTIONS_FIRST = "instructions_first"
    LOST_ZERO = "lost_zero"
    PERSONAL_DATA = "personal_data"
    CORRECTION = "correction"
    PARTIAL_CORRECTION = "partial_correction"
    WENT_BACK = "went_back"
    OTHER_HALF = "other_half"
    EXACT_DUPLICATE = "exact_duplicate"
    RESAVED = "resaved"
    SOME_ERRORS = "some_errors"
    ALL_ERRORS = "all_errors"
    INCOMPLETE_BATTERIES = "incomplete_batteries"
    NO_DEMAND = "no_demand"
    YEAR_OUTSIDE = "year_outside"
    CLASS_OUTSIDE = "class_outside"
    SAME_ITEM_OTHER_QUANTITY = "same_item_other_quantity"
    MISSING_COLUMN = "missing_column"
    YEAR_TWICE = "year_twice"
    BROKEN = "broken"
    SCAN = "scan"
    EMPTY_FORM = "empty_form"
    NIL_RETURN = "nil_return"
    OTHERS_INN = "others_inn"
    NOT_ON_ROSTER = "not_on_roster"
    LATE = "late"
    UNKNOWN_AGENCY = "unknown_agency"
    UNKNOWN_SURVEY = "unknown_survey"
    MISPLACED = "misplaced"
    NOT_A_DROP = "not_a_drop"


class Look(Flag):
    """How the form is laid out. A plain form has its headings in the first row."""

    PLAIN = 0
    TITLE = auto()  # «Организация», «ИНН», «КПП» above the table
    MERGED = auto()  # two rows of headings, «Потребность» merged over the years
    NUMBERED = auto()  # a row that numbers the columns
    TOTALS = auto()  # «Итого» below the lines
    SYNONYMS = auto()  # the survey's first synonym of each heading
    FOOTER = auto()  # «Исп. …, тел. …» below the table
    UNIT_CODES = auto()  # 796 for шт
    UNIT_NAMES = auto()  # Штука for шт


FORM = Look.TITLE | Look.MERGED | Look.NUMBERED | Look.TOTALS


@dataclass(frozen=True)
class Drop:
    """One file of the inbox and what is expected of it.

    `path` is relative to the inbox; `left_at` is the Moscow time at which it was left, to the minute
    (the seed adds seconds). `verdict` is None for what is no drop, or not yet one. `lines_delivered` is
    None where nobody can say before the survey or the agency is known; `later_lines` is what such a
    drop delivers once its survey is. `rules` are those that must be among its findings. `encoding` is
    that of a CSV's text or of a ZIP's names. `repeats` names the drop whose lines this one starts from.
    """

    path: str
    left_at: str
    intent: Intent
    verdict: Verdict | None
    lines_delivered: int | None
    lines_rejected: int = 0
    lines_duplicate: int = 0
    rules: tuple[str, ...] = ()
    look: Look = Look.PLAIN
    encoding: str = "utf-8-sig"
    delimiter: str = ";"
    repeats: str | None = None
    later_lines: int | None = None

    @property
    def moment(self) -> datetime:
        """When it was left, to the minute, in Moscow."""
        return datetime.strptime(self.left_at, "%Y-%m-%d %H:%M").replace(tzinfo=MOSCOW)

    @property
    def drop_date(self) -> date:
        """The Moscow date of arrival less one hour: the night begins at 01:00."""
        return (self.moment - timedelta(hours=1)).date()

    @property
    def survey_code(self) -> str:
        """The folder under the inbox."""
        return self.path.split("/")[0]

    @property
    def agency_code(self) -> str | None:
        """The folder under the survey's; None for a misplaced file."""
        parts = self.path.split("/")
        return parts[1] if len(parts) == 3 else None

    @property
    def lines_accepted(self) -> int | None:
        """Delivered lines that are neither rejected nor duplicate, when this drop is judged."""
        if self.lines_delivered is None:
            return None
        return self.lines_delivered - self.lines_rejected - self.lines_duplicate


def _accepted(path: str, left_at: str, lines: int, intent: Intent = Intent.CLEAN, **rest) -> Drop:
    return Drop(path, left_at, intent, Verdict.ACCEPTED, lines, **rest)


def _warned(path: str, left_at: str, lines: int, intent: Intent, rule: str, **rest) -> Drop:
    return Drop(path, left_at, intent, Verdict.ACCEPTED_WITH_WARNINGS, lines, rules=(rule,), **rest)


def _partly(path: str, left_at: str, lines: int, intent: Intent, **rest) -> Drop:
    return Drop(path, left_at, intent, Verdict.PARTLY_ACCEPTED, lines, **rest)


def _rejected(path: str, left_at: str, lines: int, intent: Intent, *rules: str, **rest) -> Drop:
    return Drop(path, left_at, intent, Verdict.REJECTED, lines, lines_rejected=lines, rules=rules, **rest)


def _duplicate(path: str, left_at: str, lines: int, intent: Intent, repeats: str, **rest) -> Drop:
    return Drop(
        path,
        left_at,
        intent,
        Verdict.DUPLICATE,
        lines,
        lines_duplicate=lines,
        rules=("F03",),
        repeats=repeats,
        **rest,
    )


def _quarantined(path: str, left_at: str, intent: Intent, later_lines: int | None = None, **rest) -> Drop:
    return Drop(path, left_at, intent, Verdict.QUARANTINED, None, later_lines=later_lines, **rest)


def _ignored(path: str, left_at: str) -> Drop:
    return Drop(path, left_at, Intent.NOT_A_DROP, None, None)


_SYNONYM_FORM = Look.TITLE | Look.SYNONYMS

# fmt: off
CATALOGUE: tuple[Drop, ...] = (
    # ---- ecb-2026, drop date 2026-11-10 ------------------------------------------------------------
    # Over 80 types of microchip and over 100 types of other products: the largest answer of all.
    _accepted("ecb-2026/design-bureau/Потребность ЭКБ КБ приборостроения 2026-2030.xlsx",
              "2026-11-10 09:12", 207, Intent.LARGEST, look=FORM),
    _accepted("ecb-2026/traffic-centre/ЭКБ ЦОДД.xlsx", "2026-11-10 09:31", 24, look=FORM),
    _accepted("ecb-2026/metro-fict/Заявка метрополитен ЭКБ.xlsx", "2026-11-10 09:47", 42,
              look=Look.TITLE | Look.TOTALS),
    _accepted("ecb-2026/gorsvet/потребность_эк.csv", "2026-11-10 10:05", 18, encoding="cp1251"),
    _accepted("ecb-2026/gorlift/Условлифт - ЭКБ.xls", "2026-11-10 10:22", 15),
    _accepted("ecb-2026/video-watch/form.csv", "2026-11-10 10:58", 16),
    _accepted("ecb-2026/med-tech/Медтехника ЭКБ (форма).ods", "2026-11-10 11:20", 14),
    _accepted("ecb-2026/college-communications/Колледж связи.xlsx", "2026-11-10 11:41", 9,
              look=_SYNONYM_FORM),
    _accepted("ecb-2026/city-cards/Городские карты.xlsx", "2026-11-10 12:06", 6, Intent.THOUSANDS),
    _accepted("ecb-2026/school-1501/Школа 1501 ЭКБ.xlsx", "2026-11-10 12:33", 7, look=FORM),
    _partly("ecb-2026/vodokanal-fict/ЭКБ водоканал.xlsx", "2026-11-10 13:02", 20, Intent.SOME_ERRORS,
              lines_rejected=8, lines_duplicate=1, rules=("L03", "L05", "L07", "D01"), look=Look.TITLE),
    _accepted("ecb-2026/alert-centre/Оповещение.csv", "2026-11-10 13:44", 11, encoding="utf-16",
              delimiter="\t"),
    _accepted("ecb-2026/tram-depot-east/Депо Восточное ЭКБ.xlsx", "2026-11-10 14:18", 13, Intent.LOOK_ALIKE),
    _rejected("ecb-2026/ambulance-fict/скорая экб.xlsx", "2026-11-10 15:09", 0, Intent.BROKEN, "F01"),
    _accepted("ecb-2026/data-centre/ЦОД ЭКБ.xlsx", "2026-11-10 16:27", 12, Intent.NBSP, look=Look.TITLE),
    _quarantined("ecb-2026/Заявка без папки.xlsx", "2026-11-10 17:03", Intent.MISPLACED),
    _ignored("ecb-2026/school-1501/Thumbs.db", "2026-11-10 17:20"),
    # ---- battery-2026, drop date 2026-11-10 --------------------------------------------------------
    _accepted("battery-2026/mosgortrans-fict/Батареи Условгортранс 2026-2030.xlsx", "2026-11-10 09:05", 22,
              look=FORM),
    _accepted("battery-2026/e-bus-park-1/АКБ парк 1.xlsx", "2026-11-10 09:38", 9, look=FORM),
    _accepted("battery-2026/river-port/Речной транспорт АКБ.xlsx", "2026-11-10 10:14", 8, look=Look.TITLE),
    _accepted("battery-2026/bike-share/велопрокат.csv", "2026-11-10 10:49", 7, encoding="cp1251"),
    _accepted("battery-2026/data-centre/ИБП ЦОД.xlsx", "2026-11-10 11:07", 12, look=FORM),
    _accepted("battery-2026/fire-rescue/ПСЦ аккумуляторы.xls", "2026-11-10 11:52", 15),
    _accepted("battery-2026/gkb-71-branch/ГКБ 71 филиал.xlsx", "2026-11-10 12:19", 6, look=FORM),
    # Counted twice: the hospital's answer holds its branch's lines once more.
    _warned("battery-2026/gkb-71/ГКБ 71 батареи.ods", "2026-11-10 13:11", 10, Intent.SUMS_UP, "X04",
            repeats="battery-2026/gkb-71-branch/ГКБ 71 филиал.xlsx"),
    _partly("battery-2026/zhilischnik-south/АКБ Южный.xlsx", "2026-11-10 14:36", 14,
              Intent.INCOMPLETE_BATTERIES, lines_rejected=4, rules=("L05", "L12"), look=Look.TITLE),
    _accepted("battery-2026/library-net/Библиотеки.xlsx", "2026-11-10 15:41", 0, Intent.NIL_RETURN,
              look=Look.TITLE),
    # ---- ecb-2026, drop date 2026-11-11 ------------------------------------------------------------
    _accepted("ecb-2026/traffic-centre/ЭКБ ЦОДД (исправлено).xlsx", "2026-11-11 09:16", 24,
              Intent.CORRECTION, look=FORM, repeats="ecb-2026/traffic-centre/ЭКБ ЦОДД.xlsx"),
    _duplicate("ecb-2026/gorsvet/копия потребности.csv", "2026-11-11 09:25", 18, Intent.EXACT_DUPLICATE,
              "ecb-2026/gorsvet/потребность_эк.csv", encoding="cp1251"),
    _accepted("ecb-2026/teploset/Теплосеть две заявки.zip", "2026-11-11 09:58", 19, look=Look.TITLE),
    _rejected("ecb-2026/parking-admin/ЭКБ парковки.xlsx", "2026-11-11 10:31", 8, Intent.ALL_ERRORS, "L05",
              "L07"),
    _rejected("ecb-2026/museum-tech/форма.xlsx", "2026-11-11 10:46", 0, Intent.EMPTY_FORM, "F04", look=FORM),
    _accepted("ecb-2026/theatre-fict/Театр.xlsx", "2026-11-11 11:02", 0, Intent.NIL_RETURN, look=FORM),
    _rejected("ecb-2026/zoo-fict/Зоопарк ЭКБ.xlsx", "2026-11-11 11:33", 5, Intent.NOT_ON_ROSTER, "F07",
              look=Look.TITLE),
    _quarantined("ecb-2026/mystery-office/Заявка.xlsx", "2026-11-11 11:48", Intent.UNKNOWN_AGENCY),
    _warned("ecb-2026/college-automation/Партномера латиницей.xlsx", "2026-11-11 12:24", 9,
            Intent.SPELLINGS, "L11"),
    _accepted("ecb-2026/dorogi-fict/Дороги ЭКБ.xlsx", "2026-11-11 13:27", 10, Intent.PACKS, look=Look.TITLE),
    _warned("ecb-2026/gkb-15-fict/ЭКБ ГКБ 15.xlsx", "2026-11-11 14:04", 11, Intent.NO_DEMAND, "L06",
              look=FORM),
    _warned("ecb-2026/technopark-children/Технопарк.xlsx", "2026-11-11 14:29", 8, Intent.CLASS_OUTSIDE,
              "L04"),
    _rejected("ecb-2026/rehab-tech/ресурсный центр.xlsx", "2026-11-11 15:12", 6, Intent.MISSING_COLUMN,
              "F02"),
    _rejected("ecb-2026/school-57-fict/ЭКБ школа.xlsx", "2026-11-11 15:55", 5, Intent.OTHERS_INN, "F10",
              look=Look.TITLE),
    _accepted("ecb-2026/water-rescue/Спасатели.xlsx", "2026-11-11 16:38", 6, Intent.PERSONAL_DATA,
              look=FORM | Look.FOOTER),
    _ignored("ecb-2026/city-telecom/Условсвязь ЭКБ.xlsx.part", "2026-11-11 18:10"),
    # Left after midnight: still the night of the 11th.
    _accepted("ecb-2026/e-bus-park-1/ночная смена.xlsx", "2026-11-12 00:40", 7),
    # ---- battery-2026, drop date 2026-11-11 --------------------------------------------------------
    _accepted("battery-2026/mosgortrans-fict/Батареи Условгортранс уточнение.xlsx", "2026-11-11 09:09", 22,
              Intent.CORRECTION, look=FORM,
              repeats="battery-2026/mosgortrans-fict/Батареи Условгортранс 2026-2030.xlsx"),
    _duplicate("battery-2026/data-centre/ИБП ЦОД (пересохранено).xlsx", "2026-11-11 09:43", 12,
              Intent.RESAVED, "battery-2026/data-centre/ИБП ЦОД.xlsx", look=FORM),
    _accepted("battery-2026/tram-depot-east/трамвай.csv", "2026-11-11 10:17", 8, delimiter=","),
    _accepted("battery-2026/city-telecom/Связь АКБ.xlsx", "2026-11-11 10:53", 11,
              Intent.UNIT_WITHOUT_PIECES, look=_SYNONYM_FORM),
    _accepted("battery-2026/ambulance-fict/Скорая АКБ.zip", "2026-11-11 11:26", 13, encoding="cp866"),
    _rejected("battery-2026/polyclinic-68/скан.pdf", "2026-11-11 11:59", 0, Intent.SCAN, "F01"),
    _warned("battery-2026/taxi-fleet/Такси.xlsx", "2026-11-11 12:42", 7, Intent.YEAR_OUTSIDE, "L08"),
    _rejected("battery-2026/sport-arena/Арена.xlsx", "2026-11-11 13:16", 5, Intent.YEAR_TWICE, "F02"),
    _accepted("battery-2026/vodokanal-fict/Насосные станции.xlsx", "2026-11-11 14:11", 12,
              look=FORM | Look.UNIT_CODES),
    _accepted("battery-2026/teploset/Теплосеть.xlsx", "2026-11-11 14:50", 9,
              look=Look.TITLE | Look.UNIT_NAMES),
    _warned("battery-2026/gorlift/Лифты.xlsx", "2026-11-11 15:34", 8, Intent.SAME_ITEM_OTHER_QUANTITY,
              "D01", look=FORM),
    _rejected("battery-2026/zoo-fict/Зоопарк.xlsx", "2026-11-11 16:05", 4, Intent.NOT_ON_ROSTER, "F07"),
    _quarantined("battery-2026/depot-77/АКБ.xlsx", "2026-11-11 16:44", Intent.UNKNOWN_AGENCY,
              look=Look.TITLE),
    # ---- ecb-2026, drop date 2026-11-12 ------------------------------------------------------------
    # The agency went back to its first answer: a copy of an older revision is a new one.
    _accepted("ecb-2026/traffic-centre/ЭКБ ЦОДД верный вариант.xlsx", "2026-11-12 09:14", 24,
              Intent.WENT_BACK, look=FORM, repeats="ecb-2026/traffic-centre/ЭКБ ЦОДД.xlsx"),
    _partly("ecb-2026/metro-fict/Заявка метрополитен ЭКБ ред 2.xlsx", "2026-11-12 09:52", 42,
              Intent.PARTIAL_CORRECTION, lines_rejected=3, rules=("L05", "L07"),
              look=Look.TITLE | Look.TOTALS, repeats="ecb-2026/metro-fict/Заявка метрополитен ЭКБ.xlsx"),
    # A second half sent as a file of its own replaces the first.
    _accepted("ecb-2026/gorlift/Условлифт - вторая часть.xls", "2026-11-12 10:36", 8, Intent.OTHER_HALF,
              repeats="ecb-2026/gorlift/Условлифт - ЭКБ.xls"),
    _accepted("ecb-2026/dep-it/Департамент ЭКБ.xlsx", "2026-11-12 11:03", 10, Intent.INSTRUCTIONS_FIRST,
              look=FORM),
    _accepted("ecb-2026/dep-transport/Свод.xlsx", "2026-11-12 11:38", 8, Intent.FORMULA_TEXT),
    _warned("ecb-2026/gkb-71/ГКБ 71 ЭКБ.xlsx", "2026-11-12 12:15", 9, Intent.LOST_ZERO, "F10",
              look=Look.TITLE),
    _accepted("ecb-2026/zhilischnik-north/заявка.csv", "2026-11-12 14:22", 6, encoding="utf-8",
              delimiter=","),
    _accepted("ecb-2026/ambulance-fict/скорая экб повторно.xlsx", "2026-11-12 15:47", 12, look=FORM),
    _accepted("ecb-2026/planetarium-fict/Планетарий.xlsx", "2026-11-12 16:30", 5,
              look=Look.TITLE | Look.SYNONYMS | Look.MERGED),
    # One minute before the end of the closing day.
    _accepted("ecb-2026/parking-admin/ЭКБ парковки исправлено.xlsx", "2026-11-12 23:58", 8),
    # ---- battery-2026, drop date 2026-11-12 --------------------------------------------------------
    _accepted("battery-2026/e-bus-park-2/Парк 2 батареи.xlsx", "2026-11-12 09:33", 10,
              look=FORM | Look.FOOTER),
    _accepted("battery-2026/metro-fict/Метрополитен АКБ.csv", "2026-11-12 10:09", 20, encoding="utf-16",
              delimiter="\t"),
    _accepted("battery-2026/school-1501/АКБ школа.xlsx", "2026-11-12 11:14", 5),
    _accepted("battery-2026/ecotechprom-fict/Спецтехника.xlsx", "2026-11-12 13:08", 9, Intent.NBSP,
              look=Look.TITLE),
    _accepted("battery-2026/gorsvet/Опоры освещения.xlsx", "2026-11-12 14:57", 8, look=FORM),
    _ignored("battery-2026/gorsvet/~$Опоры освещения.xlsx", "2026-11-12 14:55"),
    # ---- a survey that does not exist yet ----------------------------------------------------------
    _quarantined("ecb-2027/design-bureau/ЭКБ 2027-2031.xlsx", "2026-11-10 18:02", Intent.UNKNOWN_SURVEY, 30,
              look=FORM),
    _quarantined("ecb-2027/traffic-centre/ЭКБ ЦОДД 2027.xlsx", "2026-11-11 17:14", Intent.UNKNOWN_SURVEY,
              14, look=FORM),
    _quarantined("ecb-2027/gorsvet/ЭКБ 2027.csv", "2026-11-12 17:29", Intent.UNKNOWN_SURVEY, 10,
              encoding="cp1251"),
    # ---- after the closing date --------------------------------------------------------------------
    _warned("ecb-2026/fire-rescue/ПСЦ ЭКБ.xlsx", "2026-11-13 10:21", 9, Intent.LATE, "F08", look=FORM),
    _warned("battery-2026/dep-social/Соцзащита АКБ.xlsx", "2026-11-13 11:45", 6, Intent.LATE, "F08"),
)
# fmt: on
