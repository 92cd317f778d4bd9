"""What a person is asked about, what nobody is asked about, and why: names that look alike, and parts that differ."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.city_order.identity import manufacturer_key, matching_key
from include.city_order.likeness import (
    BEST,
    LISTED_FROM,
    Likeness,
    Name,
    manufacturer_likeness,
    manufacturer_proposals,
    part_likeness,
    part_proposals,
    twin_proposals,
)

#: Part numbers, as orders have them.
DESIGNATIONS = st.text(alphabet="KМЕ12530ОOТTIL-,./", min_size=3, max_size=10)


def part(spelled: str) -> Name:
    return Name(matching_key(spelled), spelled)


def parts(*spelled: str) -> list[Name]:
    return [part(text) for text in spelled]


def like(typed: str, known: str) -> Likeness | None:
    return part_likeness(part(typed), part(known))


@pytest.mark.parametrize(
    ("typed", "known", "score", "reason"),
    [
        # By sound, by keyboard: nothing but the letters differs.
        ("K1986VE92QI", "К1986ВЕ92QI", 95, "the same by sound"),
        ("1986BE1U", "1986ВЕ1У", 95, "the same by sound"),
        ("СТМ32Ф103Ц8Т6", "STM32F103C8T6", 95, "the same by sound"),
        ("ЫЕЬ32А103С8Е6", "STM32F103C8T6", 95, "the same keys"),
        ("R1986DT92QI", "К1986ВЕ92QI", 95, "the same keys"),
        # Signs that look alike.
        ("STM32F1O3C8T6", "STM32F103C8T6", 90, "signs that look alike: «O» for «0»"),
        ("КТЗ102А", "КТ3102А", 90, "«З» for «3»"),
        ("К1986ВЕ92Ql", "К1986ВЕ92QI", 75, "«L» for «I»"),
        # What stands around a designation.
        ("К1986ВЕ92QI АЕЯР.431290.711ТУ", "К1986ВЕ92QI", 95, "technical conditions"),
        ("Микросхема К1986ВЕ92QI", "К1986ВЕ92QI", 85, "words stand before it"),
        ("К1986ВЕ92QI Миландр", "К1986ВЕ92QI", 85, "words stand behind it"),
        ("STM32F103C8T6TR", "STM32F103C8T6", 90, "more by «TR»: reel or tape"),
        ("MAX485ESA", "MAX485ESA+", 80, "less by «+»: lead-free finish"),
        # What makes the orderable part: a person must ask.
        ("STM32F103C8", "STM32F103C8T6", 50, "less by «T6»: package, temperature range or acceptance is not stated"),
        ("1986ВЕ1", "1986ВЕ1Т", 50, "less by «T»"),
        ("STM32F103C8T6A", "STM32F103C8T6", 50, "perhaps another package"),
        ("1986ВЕ92QI", "К1986ВЕ92QI", 45, "less by «K» in front: perhaps another acceptance"),
        # Slips of the hand.
        ("LM2596S-5,0", "LM2596S-5.0", 93, "a comma for a point"),
        ("MCP2515-ISO", "MCP2515-I/SO", 82, "«/» less"),
        ("SMT32F103C8T6", "STM32F103C8T6", 85, "«TM» exchanged"),
        ("ATMEEGA328P-AU", "ATMEGA328P-AU", 75, "a doubled letter"),
        ("ATMGA328P-AU", "ATMEGA328P-AU", 70, "one letter less within a word: «E»"),
        ("ATMEHA328P-AU", "ATMEGA328P-AU", 65, "within a word: «H» for «G»"),
        # What is usually another part ranks last.
        ("ATMEGA328-AU", "ATMEGA328P-AU", 45, "usually another version"),
        ("STM32F130C8T6", "STM32F103C8T6", 40, "usually another part"),
        ("LM2596S-50", "LM2596S-5.0", 40, "5.0 is not 50"),
    ],
)
def test_what_looks_alike_says_how(typed: str, known: str, score: int, reason: str):
    found = like(typed, known)
    assert found is not None
    assert found.score == score
    assert reason in found.reason


@pytest.mark.parametrize(
    ("typed", "known"),
    [
        # Another digit is another part.
        ("К1986ВЕ3QI", "К1986ВЕ1QI"),
        ("STM32F103CBT6", "STM32F103C8T6"),
        ("STM32F103C8T7", "STM32F103C8T6"),
        ("1564ЛА3", "1564ЛА4"),
        ("К561ЛА77", "К561ЛА7"),
        ("STM32F03C8T6", "STM32F103C8T6"),
        ("С2-33Н-0,25-10 Ом", "С2-33Н-0,25-100 Ом"),
        ("1986ВЕ9", "1986ВЕ91Т"),
        ("533ЛА3", "1533ЛА3"),
        # Another letter is another package, group or series.
        ("К1986ВЕ92FI", "К1986ВЕ92QI"),
        ("1986ВЕ92Т", "1986ВЕ92У"),
        ("КТ815Б", "КТ815Г"),
        ("IRLZ44NPBF", "IRFZ44NPBF"),
        ("RC0805FR-074K7L", "RC0805FR-0747KL"),
        ("Р1-12-0,125-1 МОм", "Р1-12-0,125-1 кОм"),
        ("S5", "Z2"),
        # Nothing to go by, or nothing to ask.
        ("LM", "LM358DR"),
        ("МИКРОСХЕМА", "МИКРОСХЕМЫ"),
        ("К1986ВЕ92QI", "K1986BE92QI"),
    ],
)
def test_parts_that_differ_are_not_proposed(typed: str, known: str):
    assert like(typed, known) is None
    assert part_proposals(parts(typed), parts(known)) == []
    assert twin_proposals(parts(typed), parts(typed, known)) == []


def test_a_short_designation_says_less():
    assert like("ВАV99", "ВАУ99") is None
    low, high = like("BСS13,8", "BСS13.8"), like("BC1,8", "BC1.8")
    assert low and high and low.score - high.score == 15
    assert "a short designation" in high.reason


def test_several_that_are_as_near_say_so_and_count_less():
    known = parts("К1986ВЕ92QI", "К1986ВЕ92FI", "К1986ВЕ92GI", "К1986ВЕ92HI", "STM32F103C8T6")
    assert part_proposals(parts("К1986ВЕ92"), known) == []
    (only,) = part_proposals(parts("К1986ВЕ92"), known[:1])
    assert only.score == 50
    first, second = part_proposals(parts("ATMEGA328PA"), parts("ATMEGA328PA-TR", "ATMEGA328PA-RL", "ATTINY13A"))
    assert {first.known.spelled, second.known.spelled} == {"ATMEGA328PA-TR", "ATMEGA328PA-RL"}
    assert first.score == second.score == 75
    assert first.reason.endswith("1 other is as near")


def test_a_list_is_ordered_and_holds_the_best_few_of_each():
    known = parts("AB1234+", "AB1234TR", "AB1234RL", "AB1234TAPE", "AB1234REEL", "STM32F103C8T6")
    found = part_proposals(parts("AB1234", "STM32F1O3C8T6"), known)
    assert [proposal.typed.spelled for proposal in found] == ["STM32F1O3C8T6", *["AB1234"] * BEST]
    assert found == part_proposals(parts("STM32F1O3C8T6", "AB1234"), known[::-1])


@given(st.lists(DESIGNATIONS, max_size=6), st.lists(DESIGNATIONS, max_size=6))
def test_what_is_found_in_bulk_is_what_two_names_say(typed: Sequence[str], known: Sequence[str]):
    """The shortcuts to the pairs that are looked at leave none out that would have something to say."""
    asked, held = {part(text) for text in typed}, {part(text) for text in known}
    found = {(pair.typed, pair.known) for one in asked for other in held for pair in part_proposals([one], [other])}
    assert found == {(one, other) for one in asked for other in held if part_likeness(one, other)}


@given(st.lists(DESIGNATIONS, min_size=2, max_size=6, unique_by=matching_key), st.data())
def test_twins_are_the_same_whichever_came_first(spelled: list[str], data: st.DataObject):
    names = parts(*spelled)
    late = data.draw(st.integers(1, len(names)))
    at_once = twin_proposals(names, names)
    night_after_night = {*twin_proposals(names[:late], names[:late]), *twin_proposals(names[late:], names)}
    assert night_after_night == set(at_once)
    assert all(pair.typed.key > pair.known.key for pair in at_once)


@pytest.mark.parametrize(
    ("typed", "known", "makes_its_parts", "score"),
    [
        ("Милландр", "Миландр", True, 90),
        ("Милландр", "Миландр", False, 60),
        ("Angstrjem", "Ангстрем", True, None),
        ("Эркон-НПО Зеленогорск", "НПО ЭРКОН", True, 80),
        ("Elekond", "Элеконд", True, 95),
        ("Протон Плюс", "Протон", False, 50),
        ("Texas", "Texas Instruments", False, 40),
        ("Рубикон", "Протон", True, None),
        ("ST", "STM", True, None),
    ],
)
def test_a_manufacturer_is_known_by_its_name_and_by_its_parts(
    typed: str, known: str, makes_its_parts: bool, score: int | None
):
    found = manufacturer_likeness(
        Name(manufacturer_key(typed), typed), Name(manufacturer_key(known), known), makes_its_parts
    )
    assert (found.score if found else None) == score


def test_a_manufacturer_is_proposed_once_by_its_nearest_name():
    known = {
        "milandr": [Name("пкк миландр", "ПКК Миландр"), Name("миландр", "Миландр"), Name("milandr", "Milandr")],
        "proton": [Name("протон", "Протон")],
    }
    typed = [Name("милландр", "Милландр"), Name("рубикон", "Рубикон")]
    ((code, proposal),) = manufacturer_proposals(typed, known, {"милландр": {"milandr"}})
    assert (code, proposal.known.spelled, proposal.score) == ("milandr", "Миландр", 90)
    assert "parts asked under it are known of this manufacturer" in proposal.reason


def test_what_is_listed_is_within_its_scale():
    for typed, known in [("K1986VE92QI", "К1986ВЕ92QI"), ("LM2596S-50", "LM2596S-5.0")]:
        found = like(typed, known)
        assert found and LISTED_FROM <= found.score <= 100
