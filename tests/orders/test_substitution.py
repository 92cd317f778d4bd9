"""What is imported, what could replace it, and the order across surveys: each view by a case checked by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from include.city_order import warehouse
from include.city_order.disclosure import class_of

from .conftest import table

pytestmark = pytest.mark.warehouse

TODAY = "(now() at time zone 'Europe/Moscow')::date"
SOURCED = {"source": "test", "source_date": "2026-09-15"}


@pytest.fixture
def makers(desk: Any) -> Any:
    """A desk that knows two domestic makers, two foreign ones, and a part or two of each."""
    desk.insert("reference.domestic_country", country="Россия", **SOURCED)
    for code, country in (("mikron", "Россия"), ("integral", "Россия"), ("st", "Швейцария"), ("ti", "США")):
        desk.insert("reference.manufacturer", manufacturer_code=code, name=code.upper(), country=country, **SOURCED)
        desk.insert(
            "reference.manufacturer_alias", manufacturer_key=code, alias=code, manufacturer_code=code, **SOURCED
        )
    for key, code in (("REG", "st"), ("REG", "ti"), ("TIMER", "ti"), ("EN5", "mikron"), ("EN8", "integral")):
        desk.insert("reference.part", matching_key=key, manufacturer_code=code, part_number=f"{key}-1", **SOURCED)
    return desk


def analog(desk: Any, key: str, maker: str, other: str, other_maker: str, grade: str, **more: Any) -> None:
    desk.insert(
        "reference.domestic_analog",
        matching_key=key,
        manufacturer_code=maker,
        analog_matching_key=other,
        analog_manufacturer_code=other_maker,
        grade=grade,
        **{"reason": "тест", "proposed_by": "рабочая группа", **SOURCED, **more},
    )


def survey(desk: Any, code: str, closes: str, years: range, programme: str = "ecb") -> str:
    """A survey that closes so many days from today, or on a day."""
    desk.survey(code, programme, years)
    desk.execute(
        f"update reference.survey set opens_date = '2000-01-01', closes_date = {closes} where survey_code = %s", code
    )
    return code


def shown(desk: Any, view: str, columns: str) -> list[tuple[Any, ...]]:
    """Some columns of a view as the analyst sees it, products by their names; in order."""
    names = dict(desk.execute("select product_id, coalesce(name_key, matching_key, battery_use) from core.product"))
    with warehouse.transaction(desk.dsns.analyst) as cursor:
        cursor.execute(f"select {columns} from city_order.{view}")
        rows = [tuple(map(plain, (names.get(value, value) for value in row))) for row in cursor.fetchall()]
    return sorted(rows, key=repr)


def plain(value: Any) -> Any:
    """3.00 is 3."""
    return int(value) if isinstance(value, Decimal) and value == int(value) else value


class TestTheCurrentOrder:
    def lines(self, desk: Any, survey_code: str, text: str) -> None:
        for line in table(text):
            desk.submit(line.pop("agency"), [line], survey_code=survey_code)
        desk.publish(survey_code)

    def test_the_survey_that_closed_last_speaks_for_its_years(self, desk: Any) -> None:
        old = survey(desk, "ecb-2001", "'2001-12-31'", range(2026, 2029))
        new = survey(desk, "ecb-2002", "'2002-12-31'", range(2027, 2030))
        other = survey(desk, "battery-2001", "'2001-12-31'", range(2026, 2028), "battery")
        self.lines(desk, old, "agency,product,demand_2026,demand_2027,demand_2028\ndepot,chip,1,2,3")
        # Of 2028 the new survey has no need: a year of its horizon is its own all the same.
        self.lines(desk, new, "agency,product,demand_2027,demand_2029\ndepot,chip,20,40")
        desk.product("block", "battery", battery_use="tram", voltage_v=12, capacity_ah=100)
        self.lines(desk, other, "agency,product,demand_2026\ndepot,block,7")
        assert shown(desk, "current_order", "programme, year, product_id, gross_quantity, gross_energy_kwh") == [
            ("battery", 2026, "tram", 7, Decimal("8.4000")),
            ("ecb", 2026, "chip", 1, None),
            ("ecb", 2027, "chip", 20, None),
            ("ecb", 2029, "chip", 40, None),
        ]
        assert shown(desk, "order_year", "survey_code, year, is_current") == [
            ("battery-2001", 2026, True),
            ("battery-2001", 2027, True),
            ("ecb-2001", 2026, True),
            ("ecb-2001", 2027, False),
            ("ecb-2001", 2028, False),
            ("ecb-2002", 2027, True),
            ("ecb-2002", 2028, True),
            ("ecb-2002", 2029, True),
        ]

    def test_an_open_survey_speaks_only_for_years_of_which_no_closed_one_does(self, desk: Any) -> None:
        old = survey(desk, "ecb-2001", f"{TODAY} - 1", range(2026, 2028))
        new = survey(desk, "ecb-2002", TODAY, range(2027, 2029))
        self.lines(desk, old, "agency,product,demand_2026,demand_2027\ndepot,chip,1,2")
        self.lines(desk, new, "agency,product,demand_2027,demand_2028\ndepot,chip,20,30")
        columns = "survey_code, year, gross_quantity"
        years_of_old = [("ecb-2001", 2026, 1), ("ecb-2001", 2027, 2)]
        assert shown(desk, "current_order", columns) == [*years_of_old, ("ecb-2002", 2028, 30)]
        desk.execute(f"update reference.survey set closes_date = {TODAY} - 1 where survey_code = %s", new)
        assert shown(desk, "current_order", columns) == [
            years_of_old[0],
            ("ecb-2002", 2027, 20),
            ("ecb-2002", 2028, 30),
        ]

    def test_a_survey_whose_file_is_gone_keeps_its_years(self, desk: Any) -> None:
        old = survey(desk, "ecb-2001", "'2001-12-31'", range(2026, 2028))
        self.lines(desk, old, "agency,product,demand_2027\ndepot,chip,2")
        desk.execute("delete from reference.survey_year where survey_code = %s", old)
        assert shown(desk, "order_year", "survey_code, year, certainty, is_current") == [
            ("ecb-2001", year, "planned", True) for year in (2026, 2027)
        ]
        assert shown(desk, "current_order", "survey_code, year, gross_quantity") == [("ecb-2001", 2027, 2)]

    def test_a_survey_is_compared_with_the_last_of_its_programme(self, desk: Any) -> None:
        survey(desk, "ecb-2000", "'2000-12-31'", range(2026, 2031))
        old = survey(desk, "ecb-2001", "'2001-12-31'", range(2026, 2029))
        new = survey(desk, "ecb-2002", "'2002-12-31'", range(2027, 2030))
        battery = survey(desk, "battery-2001", "'2001-06-30'", range(2026, 2029), "battery")
        desk.family("department", "institute")
        self.lines(desk, "ecb-2000", "agency,product,demand_2027\ndepot,chip,1000")
        self.lines(desk, battery, "agency,product,demand_2027\ndepot,chip,1000")
        desk.submit(
            "depot",
            [
                {"product": "chip", "demand_2026": 9, "demand_2027": 4, "demand_2028": 5, "stock": 1},
                {"product": "relay", "demand_2027": 6, "unit_price_rub": "2.50"},
                {"product": "kit", "unit": "839", "demand_2027": 8},
            ],
            survey_code=old,
        )
        self.lines(desk, old, "agency,product,demand_2028\npark,chip,7")
        desk.submit("depot", [{"product": "chip", "demand_2027": 40, "demand_2029": 9}], survey_code=new)
        desk.submit("department", [{"product": "pump", "demand_2028": 3}], survey_code=new)
        desk.submit("institute", [{"product": "pump", "demand_2028": 3}], survey_code=new)
        desk.publish(new)

        columns = "survey_code, product_id, year, gross_before, gross_after, net_before, agencies_before"
        columns += ", agencies_after"
        compared = [row for row in shown(desk, "survey_comparison", columns) if row[0] == new]
        assert compared == [
            ("ecb-2002", "chip", 2027, 4, 40, 4, 1, 1),
            ("ecb-2002", "chip", 2028, 12, 0, 12, 2, 0),
            ("ecb-2002", "pump", 2028, 0, 3, 0, 0, 1),
            ("ecb-2002", "relay", 2027, 6, 0, 6, 1, 0),
        ]
        assert set(shown(desk, "survey_comparison", "survey_code, last_survey_code")) == {
            ("ecb-2001", "ecb-2000"),
            ("ecb-2002", "ecb-2001"),
        }
        prices = "product_id, price_median_before_kopecks, price_median_after_kopecks"
        assert ("relay", 250, None) in shown(desk, "survey_comparison", prices)
        # Who did not answer is not known to need nothing; what a subordinate answers for is still asked.
        columns = "survey_code, agency_code, product_id, year, gross_before, gross_after"
        assert [row for row in shown(desk, "survey_comparison_by_agency", columns) if row[0] == new] == [
            ("ecb-2002", "department", "pump", 2028, None, 3),
            ("ecb-2002", "depot", "chip", 2027, 4, 40),
            ("ecb-2002", "depot", "chip", 2028, 5, 0),
            ("ecb-2002", "depot", "relay", 2027, 6, 0),
            ("ecb-2002", "institute", "pump", 2028, None, 3),
            ("ecb-2002", "park", "chip", 2028, 7, None),
        ]

    def test_the_first_survey_of_a_programme_has_nothing_to_compare_with(self, desk: Any) -> None:
        desk.submit("depot", [{"product": "chip", "demand_2026": 1}])
        desk.publish()
        assert shown(desk, "published_survey", "survey_code, last_survey_code") == [("ecb-2026", None)]
        assert shown(desk, "survey_comparison", "*") == []
        assert shown(desk, "survey_comparison_by_agency", "*") == []


class TestAnalogs:
    def test_candidates_tell_who_judged_and_whether_the_register_holds(self, makers: Any) -> None:
        desk = makers
        desk.product("regulator", matching_key="REG", manufacturer_code="st")
        desk.product("regulator of somebody", matching_key="REG")
        desk.product("regulator of a stranger", matching_key="REG", manufacturer_key="noname")
        desk.product("timer", matching_key="TIMER", manufacturer_code="ti")
        desk.product("domestic", matching_key="EN5", manufacturer_code="mikron")
        analog(desk, "REG", "st", "EN5", "mikron", "pin_compatible", approved_by="совет", approved_date="2026-09-01")
        analog(desk, "REG", "st", "EN8", "integral", "redesign")
        analog(desk, "REG", "ti", "EN8", "integral", "functional")
        registers = "matching_key = 'REG' and manufacturer_code = 'st' and analog_matching_key"
        for key, expiry in (("EN5", f"{TODAY} - 1"), ("EN8", TODAY)):
            desk.execute(
                f"update reference.domestic_analog set register_entry = 'запись', register_expiry_date = {expiry}"
                f" where {registers} = %s",
                key,
            )
        rows = shown(
            desk,
            "analog_candidate inner join core.product using (product_id)",
            "coalesce(product.manufacturer_code, product.manufacturer_key), manufacturer, analog_part_number,"
            " analog_country, grade, status, register_status, analog_product_id",
        )
        assert rows == [
            ("st", "ST", "EN5-1", "Россия", "pin_compatible", "approved", "expired", "EN5"),
            ("st", "ST", "EN8-1", "Россия", "redesign", "proposed", "valid", None),
            (None, "ST", "EN5-1", "Россия", "pin_compatible", "approved", "expired", "EN5"),
            (None, "ST", "EN8-1", "Россия", "redesign", "proposed", "valid", None),
            (None, "TI", "EN8-1", "Россия", "functional", "proposed", "none", None),
        ]

    def test_what_agencies_name_themselves_is_listed_as_typed(self, desk: Any) -> None:
        asks = {"product": "chip", "demand_2026": 1}
        desk.submit("depot", [{**asks, "domestic_analog": "К1"}, {**asks, "domestic_analog": "К1"}, asks])
        desk.submit("depot", [{**asks, "domestic_analog": "К1"}, {**asks, "domestic_analog": "к-1"}])
        desk.submit("park", [{**asks, "domestic_analog": "К1"}])
        desk.publish()
        assert shown(desk, "named_analog", "product_id, domestic_analog, agencies, lines") == [
            ("chip", "К1", 2, 2),
            ("chip", "к-1", 1, 1),
        ]


class TestCriticality:
    COLUMNS = "product_id, place, value_kopecks, agencies, import_share, origin_known_share, okpd2_class, hhi, score"

    def ask(self, desk: Any, agency: str, text: str, survey_code: str = "ecb-2026") -> None:
        desk.submit(agency, table(text), survey_code=survey_code)

    def test_volume_price_agencies_import_and_concentration_make_the_score(self, makers: Any) -> None:
        desk = makers
        desk.product("reg", matching_key="REG", manufacturer_code="st")
        desk.product("timer", matching_key="TIMER", manufacturer_code="ti")
        desk.product("en5", matching_key="EN5", manufacturer_code="mikron")
        desk.product("strange", matching_key="STRANGE", manufacturer_key="noname")
        desk.product("unpriced", matching_key="U", manufacturer_code="ti")
        desk.product("nobody's", name_key="NOBODY")
        desk.product("sole", matching_key="SOLE", manufacturer_code="ti")
        self.ask(
            desk,
            "depot",
            """
            product,  okpd2_code,    unit_price_rub, demand_2026, demand_2027
            reg,      26.11.30.110,  10,             60,          30
            timer,    26.11.30.190,  5,              20,
            en5,      26.11.30.110,  2,              100,
            strange,  26.11.30.110,  1,              100,
            unpriced, 26.11.30.110,  ,               1000000,
            nobody's, 26.11.30.110,  7,              100,
            sole,     26.12.10.110,  1,              30,
            """,
        )
        self.ask(desk, "park", "product, okpd2_code, unit_price_rub, demand_2026\nreg, 26.11.30.110, 10, 10")
        desk.publish()
        analog(desk, "REG", "st", "EN5", "mikron", "pin_compatible", approved_by="совет", approved_date="2026-09-01")
        analog(desk, "REG", "st", "EN8", "integral", "redesign")
        # Of 26.11.30: reg 1000, timer 100, en5 200, strange 100 roubles: 1400. Nobody's pieces take no part.
        hhi = round((1000**2 + 100**2 + 200**2 + 100**2) / 1400**2, 4)
        assert hhi == 0.5408
        assert shown(desk, "criticality", self.COLUMNS) == [
            ("EN5", None, 20000, 1, 0, 1, "26.11.30", Decimal("0.5408"), 0),
            ("NOBODY", None, 70000, 1, None, 0, "26.11.30", Decimal("0.5408"), None),
            ("REG", 1, 100000, 2, 1, 1, "26.11.30", Decimal("0.5408"), Decimal("1081.60")),
            ("SOLE", 3, 3000, 1, 1, 1, "26.12.10", 1, 30),
            ("STRANGE", None, 10000, 1, None, 0, "26.11.30", Decimal("0.5408"), None),
            ("TIMER", 2, 10000, 1, 1, 1, "26.11.30", Decimal("0.5408"), Decimal("54.08")),
            ("U", None, None, 1, 1, 1, "26.11.30", Decimal("0.5408"), None),
        ]
        assert ("REG", 1, 1) in shown(desk, "criticality", "product_id, approved_analogs, proposed_analogs")
        assert ("TIMER", 0, 0) in shown(desk, "criticality", "product_id, approved_analogs, proposed_analogs")

    def test_an_agency_is_one_however_many_years_and_surveys_it_asks_in(self, makers: Any) -> None:
        desk = makers
        new = survey(desk, "ecb-2002", "'2002-12-31'", range(2028, 2030))
        old = survey(desk, "ecb-2001", "'2001-12-31'", range(2026, 2029))
        desk.family("office", "branch")
        for name, key in (("reg", "REG"), ("timer", "TIMER")):
            desk.product(name, matching_key=key, manufacturer_code="ti")
        heading = "product, demand_2026, demand_2027, demand_2028, demand_2029, unit, outside_horizon\n"
        for agency, lines in {
            "a": "reg,,3,,,,\ntimer,,1,,,,\nreg,1,,,,,",
            "b": "reg,,,4,,,",  # That year is the other survey's.
            "c": "reg,,,,,,2040:9\nreg,,,,,839,",
            "d": "timer,0,2,,,,",
            "office": "reg,,5,,,,",  # Its branch asks for the same.
            "branch": "reg,,5,,,,",
        }.items():
            self.ask(desk, agency, heading + lines, old)
        desk.publish(old)
        for agency, lines in {"a": "reg,,,2,2,,", "e": "reg,,,7,,,"}.items():
            self.ask(desk, agency, heading + lines, new)
        desk.publish(new)
        # Of reg: a in both surveys, e in the new one, branch in the old one; nobody asks in a year for more than two.
        assert shown(desk, "current_order", "product_id, year, agencies") == [
            ("REG", 2026, 1), ("REG", 2027, 2), ("REG", 2028, 2), ("REG", 2029, 1), ("TIMER", 2027, 2),
        ]  # fmt: skip
        assert shown(desk, "criticality", "product_id, agencies") == [("REG", 3), ("TIMER", 2)]

    def test_two_agencies_that_ask_in_different_years_are_two(self, makers: Any) -> None:
        desk = makers
        desk.product("reg", matching_key="REG", manufacturer_code="ti")
        line = {"product": "reg", "okpd2_code": "26.11.30", "unit_price_rub": 10}
        desk.submit("depot", [{**line, "demand_2027": 3}])
        desk.submit("park", [{**line, "demand_2028": 4}])
        desk.publish()
        assert shown(desk, "criticality", "product_id, value_kopecks, agencies, score") == [("REG", 7000, 2, 140)]

    def test_a_class_is_that_under_which_figures_are_published(self, makers: Any) -> None:
        desk = makers
        codes = ("26.11.30.110", "26.11.30", "26.11.3", "26.11", "26", "26.1", None)
        for number, code in enumerate(codes):
            desk.product(f"part {number}", matching_key=f"PART{number}", manufacturer_code="ti")
            desk.submit(f"agency-{number}", [
                {"product": f"part {number}", "okpd2_code": code, "unit_price_rub": 1, "demand_2026": 1},
            ])  # fmt: skip
        desk.publish()
        rows = shown(desk, "criticality", "product_id, okpd2_code, okpd2_class, hhi, place is not null")
        assert rows == [
            (f"PART{number}", code, class_of(code), *((1, True) if class_of(code) else (None, False)))
            for number, code in enumerate(codes)
        ]
        assert [row[2] for row in rows] == ["26.11.30", "26.11.30", *[None] * 5]

    def test_a_battery_is_imported_as_far_as_its_lines_say(self, makers: Any) -> None:
        desk = makers
        code = survey(desk, "battery-2001", "'2001-12-31'", range(2026, 2028), "battery")
        desk.family("department", "institute")
        desk.product("block", "battery", battery_use="tram", voltage_v=12, capacity_ah=100)
        block = {"product": "block", "okpd2_code": "27.20.23.130", "unit_price_rub": 100}
        desk.submit(
            "depot",
            [
                {**block, "demand_2026": 30, "stated_manufacturer_key": "mikron"},
                {**block, "demand_2026": 20, "demand_2027": 10, "stated_manufacturer_key": "st"},
                {**block, "demand_2026": 15, "stated_manufacturer_key": "noname"},
                {**block, "demand_2026": 25},
                # Out of the horizon: asked for, and not ordered.
                {**block, "outside_horizon": "2030:1000", "stated_manufacturer_key": "st"},
            ],
            survey_code=code,
        )
        for agency in ("department", "institute"):
            desk.submit(agency, [{**block, "demand_2027": 40, "stated_manufacturer_key": "ti"}], survey_code=code)
        desk.publish(code)
        columns = "product_id, manufacturer_code, manufacturer_key, is_domestic, gross_quantity"
        assert shown(desk, "product_supply", columns) == [
            ("tram", "mikron", None, True, 30),
            ("tram", "st", None, False, 30),
            ("tram", "ti", None, False, 40),
            ("tram", None, "noname", None, 15),
            ("tram", None, None, None, 25),
        ]
        # Of 100 pieces whose makers we know 70 are foreign; of the 115 whose makers are stated each has its share.
        hhi = round((30**2 + 30**2 + 40**2 + 15**2) / 115**2, 4)
        assert hhi == 0.2741
        assert shown(desk, "criticality", self.COLUMNS) == [
            (
                "tram",
                1,
                1400000,
                2,
                Decimal("0.7"),
                Decimal("0.7143"),
                "27.20.23",
                Decimal("0.2741"),
                Decimal("5372.36"),
            )
        ]

    def test_programmes_have_places_of_their_own_and_ties_are_settled(self, makers: Any) -> None:
        desk = makers
        code = survey(desk, "battery-2001", "'2001-12-31'", range(2026, 2028), "battery")
        desk.product("block", "battery", battery_use="tram", voltage_v=12, capacity_ah=100)
        block = {"product": "block", "okpd2_code": "27.20.23", "unit_price_rub": 1000, "stated_manufacturer_key": "st"}
        desk.submit("depot", [{**block, "demand_2026": 1000}], survey_code=code)
        desk.publish(code)
        for name in ("a", "b"):
            desk.product(name, matching_key=name.upper(), manufacturer_code="ti")
        self.ask(
            desk, "depot", "product,okpd2_code,unit_price_rub,demand_2026\na,26.11.30,1,1\nb,26.11.30,1,1", "ecb-2026"
        )
        desk.publish()
        places = shown(desk, "criticality", "programme, place, product_id")
        first, second = sorted(("A", "B"), key=lambda key: desk.product_id(key.lower()))
        assert places == [("battery", 1, "tram"), ("ecb", 1, first), ("ecb", 2, second)]


def test_a_judgement_is_approved_by_somebody_on_a_day(makers: Any) -> None:
    for half in ({"approved_by": "совет"}, {"approved_date": "2026-09-01"}, {"register_expiry_date": "2027-01-01"}):
        with pytest.raises(Exception, match="violates check constraint"):
            analog(makers, "REG", "st", "EN5", "mikron", "functional", **half)
