"""Bytes → text by an encoding that is known → rows. What reads as Russian in two ways is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.city_order.formats import Unreadable, open_drop
from include.city_order.readings import Limits
from include.city_order.text_tables import decode

LIMITS = Limits()
RUSSIAN = "№ п/п;Наименование изделия;Единица измерения\r\n1;Микросхема К1986ВЕ92QI «Миландр» — 5 В;шт\r\n"


def rows_of(data: bytes, limits: Limits = LIMITS) -> list[list[str]]:
    return [row for sheet in open_drop(data, limits).sheets for row in sheet.rows]


def reason_of(data: bytes, limits: Limits = LIMITS) -> str:
    with pytest.raises(Unreadable) as fault:
        rows_of(data, limits)
    return fault.value.reason


# Encodings


@pytest.mark.parametrize(
    ("encoding", "told", "ground"),
    [
        ("utf-8", "utf-8", "strict"),
        ("utf-8-sig", "utf-8", "mark"),
        ("utf-16", "utf-16-le", "mark"),
        ("utf-16-le", "utf-16-le", "letters"),
        ("utf-16-be", "utf-16-be", "letters"),
        ("cp1251", "cp1251", "letters"),
        ("cp866", "cp866", "letters"),
        ("koi8-r", "koi8-r", "letters"),
    ],
)
@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
def test_text_is_decoded_and_cut(answer, text_file, encoding, told, ground, delimiter):
    rows = [[str(cell).replace("№", "N") for cell in row] for row in answer]
    opened = open_drop(text_file(rows, encoding, delimiter), LIMITS)
    assert (opened.format, opened.encoding, opened.encoding_ground) == ("csv", told, ground)
    assert [row for sheet in opened.sheets for row in sheet.rows] == rows


@pytest.mark.parametrize("text", ["Потребность отсутствует", "ПОТРЕБНОСТЬ ОТСУТСТВУЕТ", "микросхема", "МИКРОСХЕМА;ШТ"])
@pytest.mark.parametrize("encoding", ["cp1251", "cp866", "koi8-r"])
def test_a_few_words_are_enough_also_in_capitals(text, encoding):
    assert decode(text.encode(encoding))[:2] == (text, encoding)


@pytest.mark.parametrize("encoding", ["cp1251", "cp866"])
def test_signs_beside_letters_do_not_mislead(encoding):
    text = RUSSIAN if encoding == "cp1251" else RUSSIAN.replace("«", '"').replace("»", '"').replace("—", "-")
    assert decode(text.encode(encoding))[:2] == (text, encoding)


def test_latin_text_with_a_sign_is_of_windows():
    assert decode("a;b\n±5 °C;№ 1".encode("cp1251"))[:2] == ("a;b\n±5 °C;№ 1", "cp1251")


@pytest.mark.parametrize(
    "data",
    [
        # A name of western Europe, Greek, Chinese.
        "Café;Müller\n".encode("cp1252"),
        "Ποσότητα;Μονάδα\n".encode("cp1253"),
        "数量;单位;备注\n".encode("gb18030"),
        # An old Mac.
        RUSSIAN.replace("№", "N").encode("mac-cyrillic"),
        # Letters that are as likely in one code page as in the other.
        "ф".encode("cp1251"),
        # Two texts put together.
        (RUSSIAN * 3).encode("cp1251") + (RUSSIAN * 3).encode(),
        # Encoded twice: each letter became two.
        RUSSIAN.encode().decode("cp1251", errors="replace").encode(),
        # A word of code page 866 that happens to be UTF-8.
        "рабраб".encode("cp866"),
        # A byte that Windows gives no sign.
        RUSSIAN.encode("cp1251") + b"\x98",
    ],
    ids=["west", "greek", "chinese", "mac", "short", "two texts", "twice", "by chance", "no sign"],
)
def test_an_encoding_that_could_be_another_is_refused(data):
    assert reason_of(data) == "unknown_encoding"


def test_a_text_that_belies_its_mark_is_broken():
    assert reason_of(b"\xef\xbb\xbf" + RUSSIAN.encode("cp1251")) == "broken"
    assert reason_of(b"\xff\xfe" + "аб".encode("utf-16-le") + b"\x00") == "broken"


@pytest.mark.parametrize("data", [b"text\0text", bytes(range(1, 32)) * 10, b"\0" * 1000, bytes(range(256)) * 4])
def test_bytes_that_are_no_text_are_of_unknown_format(data):
    assert reason_of(data) == "unknown_format"


def test_the_end_sign_of_dos_is_no_cell():
    assert rows_of("шт;два\r\n\x1a".encode("cp866")) == [["шт", "два"]]


_FORM_WORDS = (
    "номер наименование изделия вид обозначение тип марка единица измерения количество потребность на год остаток "
    "склад цена руб примечание микроконтроллер микросхема память статическая триггер резистор конденсатор разъём "
    "кабель аккумулятор батарея тяговая свинцовый стартерный светофор станция школа больница городской электробус шт "
    "упаковка срочно замена импортного отечественный аналог нет октября ноября декабря всего файл пустой чтобы это итог"
)
_CASES = (str.lower, str.upper, str.capitalize)


@given(
    st.lists(
        st.tuples(st.sampled_from(_FORM_WORDS.split()), st.sampled_from(" ;,\n0123456789")), min_size=1, max_size=40
    ),
    st.sampled_from(_CASES),
    st.sampled_from(["cp1251", "cp866", "koi8-r", "utf-8", "utf-16-le", "utf-16-be"]),
)
def test_no_answer_is_read_in_another_encoding_than_it_was_written_in(words, case, encoding):
    """Refused, perhaps, if it is short; read wrongly, never."""
    text = "".join(case(word) + sign for word, sign in words)
    try:
        decoded = decode(text.encode(encoding))
    except Unreadable as fault:
        assert fault.reason == "unknown_encoding"
    else:
        assert decoded.text == text


# Rows


def test_decimal_commas_do_not_cut_a_semicolon_file():
    text = "Напряжение, В;Ёмкость, А·ч;Цена, руб.\n12,5;60,0;1,5\n12,8;7,2;2,5\n"
    assert rows_of(text.encode())[1] == ["12,5", "60,0", "1,5"]


def test_excels_separator_line_names_the_delimiter_and_is_no_row():
    assert rows_of(b"sep=|\r\na;b|c\r\n") == [["a;b", "c"]]


def test_excels_way_to_keep_a_number_as_text_is_undone():
    assert rows_of('а;б;в\n="0012";=1+1;="x"y\n'.encode())[1] == ["0012", "=1+1", '="x"y']


def test_quoted_cells_keep_delimiters_quotes_and_line_breaks():
    assert rows_of('а;"б;""в""\nг";д\n'.encode()) == [["а", 'б;"в"\nг', "д"]]


def test_quotes_inside_a_cell_that_close_lose_no_row():
    assert len(rows_of('а;б;в\n1;ООО "Рога" и "Копыта";2\n3;4;5\n'.encode())) == 3


@pytest.mark.parametrize(
    "text",
    [
        'а;б;в\n1;"Рога;2\n3;4;5\n',
        'а;б;в\n1;"Рога;2\n3;4;5\n6;"Копыта;7\n8;9;10\n',
        'а;б;в\n1;"Рога;2\n3;"Копыта";5\n',
        'а;б;в\n1;"Рога;2\n' + "3;4;5\n" * 300_000,
    ],
)
def test_a_stray_quote_never_swallows_rows_unseen(text):
    assert reason_of(text.encode()) == "broken"


# Limits


def test_too_many_rows_with_content():
    limits = Limits(rows=3)
    assert rows_of(b"a;b;c\n1;2;3\n4;5;6\n;;\n;;\n", limits)
    assert reason_of(b"a;b;c\n1;2;3\n4;5;6\n;;\n1;;\n", limits) == "too_many_rows"


def test_too_many_columns_with_content():
    limits = Limits(columns=3)
    assert rows_of(b"a;b;c;;\n1;2;3;;\n", limits)
    assert reason_of(b"a;b;c\n1;2;3;;4\n", limits) == "too_many_columns"


@pytest.mark.parametrize("length", [40_000, 2_000_000])
def test_a_cell_longer_than_any_spreadsheet_holds(length):
    assert reason_of(b"a;b;c\n1;" + b"x" * length + b";3\n") == "long_cell"
