"""What agencies ask for: real designations, invented quantities and prices.

A line of a form is a dict from field name (`vocabulary.FIELDS`, `demand_<year>`) to what the agency typed.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from random import Random

from include.city_order.vocabulary import demand_field

Line = dict[str, object]


@dataclass(frozen=True)
class Component:
    """A part that is asked for; prices and yearly pieces as (from, to)."""

    item_name: str
    component_class: str
    part_number: str
    manufacturer: str
    country: str
    okpd2_code: str
    price_rub: tuple[int, int]
    quantity: tuple[int, int]


@dataclass(frozen=True)
class Battery:
    """A battery that is asked for; yearly pieces as (from, to)."""

    item_name: str
    chemistry: str
    battery_use: str
    voltage_v: Decimal
    capacity_ah: Decimal
    okpd2_code: str
    price_rub: int
    quantity: tuple[int, int]
    manufacturer: str


_COUNTRY = {
    "Миландр": "Россия", "Микрон": "Россия", "НПЦ ЭЛВИС": "Россия", "НИИЭТ": "Россия", "НТЦ Модуль": "Россия",
    "МЦСТ": "Россия", "Байкал Электроникс": "Россия", "Ангстрем": "Россия", "НПО Физика": "Россия",
    "ВЗПП-С": "Россия", "Группа Кремний ЭЛ": "Россия", "Электровыпрямитель": "Россия", "Протон": "Россия",
    "Элеконд": "Россия", "Кулон": "Россия", "НПО ЭРКОН": "Россия", "Северная заря": "Россия",
    "Завод Элекон": "Россия", "Интеграл": "Беларусь", "STMicroelectronics": "Швейцария",
    "Texas Instruments": "США", "NXP": "Нидерланды", "Nexperia": "Нидерланды", "Microchip": "США",
    "Analog Devices": "США", "Infineon": "Германия", "onsemi": "США", "Xilinx": "США", "Altera": "США",
    "Espressif": "Китай", "Winbond": "Тайвань", "Micron Technology": "США", "WCH": "Китай",
    "GigaDevice": "Китай", "Murata": "Япония", "Yageo": "Тайвань", "u-blox": "Швейцария", "Omron": "Япония",
    "Лиотех": "Россия", "РЭНЕРА": "Россия", "Завод Энергия": "Россия", "АКОМ": "Россия",
    "Тюменский аккумуляторный завод": "Россия", "Источник Тока Курский": "Россия", "Ригель": "Россия",
    "Уралэлемент": "Россия", "CSB": "Тайвань", "GS Yuasa": "Япония", "FIAMM": "Италия", "Varta": "Германия",
    "Panasonic": "Япония", "Samsung SDI": "Республика Корея", "CATL": "Китай", "Saft": "Франция",
    "Leoch": "Китай", "Delta": "Китай", "HOPPECKE": "Германия",
}  # fmt: skip

# kind: item name, class, OKPD2, price from–to in roubles, yearly pieces from–to.
_CHIP_KINDS = {
    "mcu": ("Микроконтроллер", "Микросхема", "26.11.30.110", (90, 2400), (40, 2500)),
    "cpu": ("Микропроцессор", "Микросхема", "26.11.30.110", (3500, 62000), (5, 240)),
    "fpga": ("ПЛИС", "Микросхема", "26.11.30.190", (900, 14000), (10, 300)),
    "memory": ("Микросхема памяти", "Микросхема", "26.11.30.120", (40, 1900), (50, 2000)),
    "interface": ("Микросхема интерфейса", "Микросхема", "26.11.30.190", (35, 900), (60, 3000)),
    "power": ("Стабилизатор напряжения", "Микросхема", "26.11.30.190", (20, 450), (100, 5000)),
    "amplifier": ("Усилитель операционный", "Микросхема", "26.11.30.130", (15, 1200), (50, 2500)),
    "logic": ("Микросхема логическая", "Микросхема", "26.11.30.190", (12, 380), (100, 4000)),
    "converter": ("Аналого-цифровой преобразователь", "Микросхема", "26.11.30.190", (350, 4200), (10, 400)),
    "sensor": ("Датчик интегральный", "Микросхема", "26.11.30.190", (110, 900), (50, 1500)),
}
_CHIPS = """
mcu|Миландр|1986ВЕ1Т 1986ВЕ3Т 1986ВЕ4У 1986ВЕ91Т 1986ВЕ94Т К1986ВЕ1QI К1986ВЕ92QI К1986ВЕ92FI К1986ВЕ94GI К1986ВК214
mcu|НИИЭТ|К1921ВК01Т 1921ВК028 К1921ВК035 1874ВЕ36 1830ВЕ32У 1887ВЕ4У
mcu|Микрон|К1948ВК018 К1948ВК015
mcu|STMicroelectronics|STM32F103C8T6 STM32F103RBT6 STM32F407VGT6 STM32F030F4P6 STM32L152RBT6 STM32G071RBT6 STM32F429ZIT6
mcu|Microchip|ATMEGA328P-AU ATMEGA2560-16AU ATTINY13A-SSU PIC16F877A-I/P PIC18F4520-I/PT ATSAMD21G18A-AU
mcu|NXP|LPC1768FBD100 MKL25Z128VLK4 S32K144HAT0MLHT
mcu|Espressif|ESP8266EX
mcu|GigaDevice|GD32F103C8T6
cpu|НПЦ ЭЛВИС|1892ВМ10Я 1892ВМ14Я 1892ВМ15АФ 1892ВА018
cpu|НТЦ Модуль|1879ВМ6Я 1879ВМ8Я
cpu|МЦСТ|1891ВМ10Я 1891ВМ12Я
cpu|Байкал Электроникс|BE-T1000 BE-M1000
cpu|Texas Instruments|TMS320F28335PGFA
fpga|ВЗПП-С|5576ХС4Т 5576ХС6Т
fpga|Xilinx|XC7A35T-1FTG256C XC6SLX9-2TQG144C XC7Z020-1CLG400C
fpga|Altera|EP4CE10E22C8N EPM240T100C5N 10M08SCE144C8G
memory|Миландр|1645РУ1У 1645РУ2Т 1645РУ3У 1636РР1У 1636РР2У
memory|Winbond|W25Q64JVSSIQ W25Q128JVSIQ
memory|Micron Technology|MT41K256M16TW-107:P
memory|Microchip|AT24C256C-SSHL-T
interface|Миландр|5600ВГ1У 5559ИН10АУ
interface|NXP|TJA1050T PCA9548APW SJA1000T
interface|Microchip|MCP2515-I/SO MCP2551-I/SN ENC28J60-I/SS LAN8720A-CP-TR
interface|Analog Devices|MAX485ESA+ MAX232ESE+ ADUM1201ARZ ADM2587EBRWZ
interface|Texas Instruments|SN65HVD230DR MAX3232CPWR ISO1050DUBR ULN2003ADR
interface|WCH|CH340G
power|Texas Instruments|LM2596S-5.0 LM2596S-3.3 LM2596S-ADJ TPS5430DDAR TPS54331DR BQ24650RVAR TL431ACLP
power|STMicroelectronics|L7805CV LD1117V33 VIPER22A
power|onsemi|MC33063ADR2G MC34063ADR2G NCP1117ST33T3G
power|Группа Кремний ЭЛ|КР142ЕН5А КР142ЕН8Б
amplifier|Texas Instruments|LM358DR LM324N INA219AIDR
amplifier|Analog Devices|AD620ARZ AD8232ACPZ
logic|НПО Физика|1564ЛА3 1564ТМ2 1564ИР23
logic|Ангстрем|К561ЛА7 К561ИЕ10
logic|Интеграл|IN74HC00AN IN74HC04AN IN74HC595AN
logic|Nexperia|74HC595D 74LVC1G14GW
converter|Texas Instruments|ADS1256IDBR
converter|Analog Devices|AD7606BSTZ
sensor|Analog Devices|DS18B20+ DS3231SN# ADXL345BCCZ
"""
_OTHER_KINDS = {
    "transistor": ("Транзистор", "Транзистор", "26.11.21.120", (8, 260), (100, 6000)),
    "diode": ("Диод", "Диод", "26.11.21.110", (3, 90), (200, 8000)),
    "thyristor": ("Тиристор", "Тиристор", "26.11.21.130", (900, 6200), (10, 200)),
    "optocoupler": ("Оптопара", "Оптопара", "26.11.22.120", (40, 500), (50, 1500)),
    "led": ("Светодиод", "Светодиод", "26.11.22.210", (5, 60), (500, 20000)),
    "crystal": ("Резонатор кварцевый", "Резонатор", "26.11.22.310", (15, 120), (100, 3000)),
    "capacitor": ("Конденсатор", "Конденсатор", "27.90.52.000", (2, 180), (200, 20000)),
    "resistor": ("Резистор", "Резистор", "27.90.60.110", (1, 25), (500, 40000)),
    "relay": ("Реле электромагнитное", "Реле", "27.12.24.110", (120, 2100), (20, 900)),
    "connector": ("Соединитель электрический", "Соединитель", "27.33.13.120", (60, 3400), (20, 1200)),
}
_OTHERS = """
transistor|Группа Кремний ЭЛ|КТ815Г КТ817Г КТ819Г
transistor|Infineon|IRFZ44NPBF IRF540NPBF IRF3205PBF
transistor|onsemi|2N7002LT1G MMBT2222ALT1G
transistor|Nexperia|BC847C BSS138
transistor|STMicroelectronics|STP55NF06
diode|Nexperia|BAV99
diode|onsemi|BAT54SLT1G
thyristor|Электровыпрямитель|Т161-160
diode|Электровыпрямитель|ДЛ161-200
optocoupler|Протон|АОТ128А АОТ101АС
relay|Северная заря|РЭС48А РЭС60
relay|Omron|G5LE-1-DC12
connector|Завод Элекон|2РМ14КПН4Г1В1 2РМ18КПН7Г1В1 СНЦ23-10/18В-1
"""
# A series is asked for by its ratings: that is how an answer reaches a hundred other products.
_SERIES = (
    ("resistor", "НПО ЭРКОН", "Р1-12-0,125-{} кОм ±5 %",
     "1 1,5 2,2 3,3 4,7 6,8 10 15 22 33 47 68 100 150 220 330 470 680"),
    ("resistor", "НПО ЭРКОН", "С2-33Н-0,25-{} Ом ±5 %", "10 15 22 33 47 68 100 150 220 330 470 680"),
    ("resistor", "Yageo", "RC0805FR-07{}L", "10R 47R 100R 470R 1K 4K7 10K 47K 100K"),
    ("capacitor", "Кулон", "К10-17В-50 В-{} пФ ±10 %", "10 22 47 68 100 220 470 680 1000 2200 4700 6800"),
    ("capacitor", "Кулон", "К10-79-50 В-{} мкФ ±20 %", "0,01 0,022 0,047 0,1 0,22 0,47 1 2,2"),
    ("capacitor", "Элеконд", "К50-68-25 В-{} мкФ", "10 22 47 100 220 470 1000 2200"),
    ("capacitor", "Элеконд", "К53-68-16 В-{} мкФ", "1 2,2 4,7 10 22 47 100"),
    ("capacitor", "Murata", "GRM188R71H{}KA93D", "102 222 472 103 223 473 104"),
    ("crystal", "", "РК374-{} кГц", "4000 8000 12000 16000 25000"),
    ("led", "", "КИПД-21-{}", "К Л Ж С Б"),
)  # fmt: skip


def _components(table: str, kinds: dict) -> list[Component]:
    found = []
    for row in table.split("\n"):
        if row:
            kind, maker, parts = row.split("|")
            found += [_component(kinds[kind], maker, part) for part in parts.split()]
    return found


def _component(kind: tuple, maker: str, part: str) -> Component:
    name, klass, okpd2, price, quantity = kind
    return Component(name, klass, part, maker, _COUNTRY.get(maker, ""), okpd2, price, quantity)


CHIPS: list[Component] = _components(_CHIPS, _CHIP_KINDS)
OTHERS: list[Component] = _components(_OTHERS, _OTHER_KINDS) + [
    _component(_OTHER_KINDS[kind], maker, pattern.format(rating))
    for kind, maker, pattern, ratings in _SERIES
    for rating in ratings.split()
]

# name | chemistry | use | V | Ah | OKPD2 | price | yearly pieces from–to | maker
_BATTERIES = """
Батарея тяговая электробуса LFP|LFP|Электробус|537,6|200|27.20.23.130|4100000|10–60|Лиотех
Батарея тяговая электробуса LFP, увеличенная|LFP|Электробус|537,6|300|27.20.23.130|5900000|5–40|CATL
Батарея тяговая электробуса NMC|NMC|Электробус|612|170|27.20.23.130|5200000|5–40|РЭНЕРА
Батарея тяговая электробуса LTO|литий-титанат|Электробус|552|100|27.20.23.130|6100000|5–30|РЭНЕРА
Батарея автономного хода трамвая|LTO|Трамвай|759|60|27.20.23.130|3900000|4–20|РЭНЕРА
Батарея бортовая трамвая|Ni-Cd|Трамвай|24|160|27.20.23.110|310000|10–60|Завод Энергия
Батарея служебного вагона трамвая|Ni-Cd|Трамвай|72|80|27.20.23.110|690000|8–40|Saft
Батарея тяговая электромобиля|NMC|Электромобиль|345,6|150|27.20.23.130|1200000|5–40|РЭНЕРА
Батарея тяговая лёгкого фургона|LFP|Электромобиль|345,6|120|27.20.23.130|980000|5–30|Лиотех
Батарея тяговая речного судна|LFP|Речной транспорт|640|300|27.20.23.130|7400000|2–12|Лиотех
Батарея тяговая катера|LFP|Речной транспорт|96|200|27.20.23.130|1150000|2–16|Лиотех
Батарея аварийная судовая|свинцово-кислотная|Речной транспорт|24|200|27.20.22.000|96000|2–20|Источник Тока Курский
Батарея самоката|Li-ion|Электросамокат|36|12,8|27.20.23.130|14500|200–2500|Samsung SDI
Батарея самоката усиленная|Li-ion|Электросамокат|46,8|15|27.20.23.130|21000|100–1800|Panasonic
Батарея велосипеда|Li-ion|Электровелосипед|36|14|27.20.23.130|24500|100–1500|Samsung SDI
Батарея грузового велосипеда|LFP|Электровелосипед|48|20|27.20.23.130|39000|20–300|Лиотех
Батарея погрузчика 24 В|свинцово-кислотная|Спецтехника|24|375|27.20.22.000|255000|2–20|Тюменский аккумуляторный завод
Батарея погрузчика 48 В|свинцово-кислотная|Спецтехника|48|625|27.20.22.000|520000|2–14|Тюменский аккумуляторный завод
Батарея погрузчика 80 В|свинцово-кислотная|Спецтехника|80|500|27.20.22.000|760000|1–8|HOPPECKE
Батарея уборочной машины|GEL|Спецтехника|24|240|27.20.22.000|118000|4–40|Leoch
Батарея стартерная 6СТ-60|свинцово-кислотная|Стартерная|12|60|27.20.21.000|6900|20–400|АКОМ
Батарея стартерная 6СТ-75|свинцово-кислотная|Стартерная|12|75|27.20.21.000|8300|20–400|АКОМ
Батарея стартерная 6СТ-90|свинцово-кислотная|Стартерная|12|90|27.20.21.000|9800|20–300|Тюменский аккумуляторный завод
Батарея стартерная 6СТ-132|свинцово-кислотная|Стартерная|12|132|27.20.21.000|15200|10–200|Тюменский аккумуляторный завод
Батарея стартерная 6СТ-190|свинцово-кислотная|Стартерная|12|190|27.20.21.000|19800|10–200|Тюменский аккумуляторный завод
Батарея стартерная 6СТ-225|свинцово-кислотная|Стартерная|12|225|27.20.21.000|24600|5–120|Источник Тока Курский
Батарея ИБП 7 А·ч|AGM|ИБП|12|7,2|27.20.22.000|2300|50–1500|CSB
Батарея ИБП 9 А·ч|AGM|ИБП|12|9|27.20.22.000|2900|50–1200|CSB
Батарея ИБП 12 А·ч|AGM|ИБП|12|12|27.20.22.000|4100|20–600|Delta
Батарея ИБП 18 А·ч|AGM|ИБП|12|18|27.20.22.000|5800|20–400|Delta
Батарея ИБП 40 А·ч|AGM|ИБП|12|40|27.20.22.000|12700|10–300|Leoch
Батарея ИБП 100 А·ч|AGM|ИБП|12|100|27.20.22.000|29500|10–400|CSB
Батарея ИБП 200 А·ч|AGM|ИБП|12|200|27.20.22.000|57000|4–160|FIAMM
Модуль ИБП литиевый|LFP|ИБП|51,2|100|27.20.23.130|235000|2–60|Лиотех
Аккумулятор OPzS 200|OPzS|Стационарная установка|2|200|27.20.22.000|23500|12–240|HOPPECKE
Аккумулятор OPzS 600|OPzS|Стационарная установка|2|600|27.20.22.000|41800|12–240|HOPPECKE
Аккумулятор OPzS 1000|OPzS|Стационарная установка|2|1000|27.20.22.000|66500|12–120|HOPPECKE
Аккумулятор OPzV 800|OPzV|Стационарная установка|2|800|27.20.22.000|59000|12–120|FIAMM
Накопитель энергии контейнерный, стойка|LFP|Стационарная установка|768|280|27.20.23.130|8900000|1–6|РЭНЕРА
Батарея узла связи 100 А·ч|AGM|Связь|12|105|27.20.22.000|33000|8–240|FIAMM
Батарея узла связи 150 А·ч|AGM|Связь|12|150|27.20.22.000|46500|8–200|Leoch
Модуль связи литиевый|LFP|Связь|51,2|50|27.20.23.130|124000|4–80|Лиотех
Батарея аварийного светильника 3,6 В|Ni-Cd|Аварийное освещение|3,6|4|27.20.23.110|1250|50–900|Уралэлемент
Батарея аварийного светильника 4,8 В|Ni-Cd|Аварийное освещение|4,8|2,5|27.20.23.110|1100|50–900|Уралэлемент
Батарея светильника Ni-MH|Ni-MH|Аварийное освещение|3,6|2,1|27.20.23.120|980|50–700|Varta
Батарея прибора сигнализации 7 А·ч|AGM|Охранно-пожарная сигнализация|12|7|27.20.22.000|2150|40–900|Delta
Батарея прибора сигнализации 17 А·ч|AGM|Охранно-пожарная сигнализация|12|17|27.20.22.000|5300|20–300|Delta
Батарея прибора сигнализации 2,2 А·ч|AGM|Охранно-пожарная сигнализация|12|2,2|27.20.22.000|1350|20–300|Delta
Батарея дефибриллятора|Ni-MH|Медицинское оборудование|12|3|27.20.23.120|18700|4–90|Varta
Батарея аппарата ИВЛ|Li-ion|Медицинское оборудование|14,4|6,6|27.20.23.130|32400|4–90|Panasonic
Батарея инфузионного насоса|Ni-MH|Медицинское оборудование|7,2|2|27.20.23.120|6900|10–120|Panasonic
Элемент теплосчётчика|Li-SOCl2|Приборы учёта|3,6|2,4|27.20.11.000|640|100–4000|Saft
Элемент датчика давления|Li-SOCl2|Приборы учёта|3,6|19|27.20.11.000|2200|50–1200|Saft
Батарея радиостанции|Li-ion|Переносное оборудование|7,2|2,6|27.20.23.130|5600|20–500|Ригель
Батарея фонаря спасателя|Ni-MH|Переносное оборудование|4,8|4,5|27.20.23.120|3900|20–300|Ригель
Элемент щелочной AA|щелочная|Переносное оборудование|1,5|2,8|27.20.11.000|48|400–9000|Varta
"""


def _batteries() -> list[Battery]:
    found = []
    for row in filter(None, _BATTERIES.split("\n")):
        name, chemistry, use, volts, hours, okpd2, price, span, maker = row.split("|")
        low, high = span.split("–")
        found.append(
            Battery(
                name,
                chemistry,
                use,
                number(volts),
                number(hours),
                okpd2,
                int(price),
                (int(low), int(high)),
                maker,
            )
        )
    return found


def number(text: str) -> Decimal:
    """«537,6» → Decimal('537.6')."""
    return Decimal(text.replace(",", "."))


BATTERIES: list[Battery] = _batteries()

#: What an agency asks for first; the rest of its answer comes from everything else.
_OWN_USES = {
    "e-bus-park-1": ("Электробус", "Стартерная"),
    "e-bus-park-2": ("Электробус", "ИБП"),
    "mosgortrans-fict": ("Электробус", "Трамвай", "Стартерная"),
    "tram-depot-east": ("Трамвай", "ИБП"),
    "river-port": ("Речной транспорт", "Стартерная"),
    "bike-share": ("Электросамокат", "Электровелосипед"),
    "taxi-fleet": ("Электромобиль", "Стартерная"),
    "data-centre": ("ИБП", "Стационарная установка"),
    "city-telecom": ("Связь", "ИБП"),
    "gkb-71": ("Медицинское оборудование", "ИБП"),
    "gkb-71-branch": ("Медицинское оборудование", "Аварийное освещение", "ИБП"),
    "ambulance-fict": ("Медицинское оборудование", "Стартерная"),
    "fire-rescue": ("Переносное оборудование", "Стартерная"),
    "teploset": ("Приборы учёта", "Стационарная установка"),
    "vodokanal-fict": ("Приборы учёта", "ИБП"),
    "ecotechprom-fict": ("Спецтехника", "Стартерная"),
    "gorsvet": ("Аварийное освещение", "Охранно-пожарная сигнализация"),
}
_PLACES = (
    "Дорожный контроллер", "Блок управления лифтом", "Узел учёта тепла", "Контроллер освещения", "Турникет",
    "Система видеонаблюдения", "Пульт оповещения", "Стенд учебный", "Шкаф автоматики", "Бортовой компьютер",
)  # fmt: skip
_NEEDS = ("Эксплуатация", "Ремонт", "Новое строительство", "Резерв")


def _demand(rng: Random, years: range, span: tuple[int, int]) -> Line:
    """A plausible number of pieces for each year, some blank, never all."""
    base = rng.randint(*span)
    asked: Line = {}
    for year in years:
        pieces = max(1, round(base * rng.uniform(0.7, 1.4)))
        asked[demand_field(year)] = None if rng.random() < 0.12 else pieces
    if not any(asked.values()):
        asked[demand_field(years[0])] = base
    return asked


def _common(rng: Random, span: tuple[int, int]) -> Line:
    return {
        "stock": rng.randint(1, max(2, span[0])) if rng.random() < 0.3 else None,
        "contracted": rng.randint(1, max(2, span[0])) if rng.random() < 0.15 else None,
        "need_kind": rng.choice(_NEEDS),
    }


def _price_rub(rng: Random, part: Component) -> Decimal:
    """What an agency pays for a part: a price that all know, give or take 5 %."""
    low, high = (rubles * 100 for rubles in part.price_rub)
    known_kopecks = Random(part.part_number).randint(low, high)  # noqa: S311 (invented)
    haggled = (rng.randint(low, high) - low) / (high - low)
    return Decimal(round(known_kopecks * (0.95 + haggled / 10))) / 100


def component_lines(rng: Random, count: int, years: range, pool: list[Component]) -> list[Line]:
    """`count` different components of the pool, in the fields of the form."""
    lines = []
    for part in rng.sample(pool, count):
        lines.append(
            {
                "item_name": part.item_name,
                "component_class": part.component_class,
                "part_number": part.part_number,
                "manufacturer": part.manufacturer,
                "country": part.country,
                "okpd2_code": part.okpd2_code,
                "unit": "шт",
                **_demand(rng, years, part.quantity),
                **_common(rng, part.quantity),
                "unit_price_rub": _price_rub(rng, part) if rng.random() < 0.8 else None,
                "used_in": rng.choice(_PLACES),
            }
        )
    return lines


def battery_lines(rng: Random, count: int, years: range, agency_code: str | None) -> list[Line]:
    """`count` different batteries, those of the agency's own uses first, in the fields of the form."""
    uses = _OWN_USES.get(agency_code or "", ())
    own = [battery for battery in BATTERIES if battery.battery_use in uses]
    rest = [battery for battery in BATTERIES if battery.battery_use not in uses]
    chosen = rng.sample(own, min(count, len(own)))
    chosen += rng.sample(rest, count - len(chosen))
    lines = []
    for battery in chosen:
        lines.append(
            {
                "item_name": battery.item_name,
                "chemistry": battery.chemistry,
                "battery_use": battery.battery_use,
                "voltage_v": battery.voltage_v,
                "capacity_ah": battery.capacity_ah,
                "energy_kwh": battery.voltage_v * battery.capacity_ah / 1000 if rng.random() < 0.4 else None,
                "manufacturer": battery.manufacturer,
                "country": _COUNTRY[battery.manufacturer],
                "okpd2_code": battery.okpd2_code,
                "unit": "шт",
                **_demand(rng, years, battery.quantity),
                **_common(rng, battery.quantity),
                "unit_price_rub": Decimal(battery.price_rub) if rng.random() < 0.8 else None,
            }
        )
    return lines
