"""What a file is, told by its content: whatever holds no table has a reason of its own, alone and inside a ZIP."""

from __future__ import annotations

import pytest

from include.city_order.binary_workbooks import OleFile
from include.city_order.formats import Unreadable, open_drop
from include.city_order.kinds import tell
from include.city_order.readings import Limits
from tests.corpus import foreign, handmade
from tests.corpus.handmade import Entry

LIMITS = Limits()

FOREIGN = {
    "pdf": [foreign.PDF, b"\r\n" + foreign.PDF],
    "word_document": [
        foreign.RTF,
        foreign.office("word/document.xml"),
        foreign.word_of_1997(),
        foreign.open_document("text"),
    ],
    "presentation": [
        foreign.office("ppt/presentation.xml"),
        foreign.powerpoint_of_1997(),
        foreign.open_document("presentation"),
    ],
    "picture": [
        foreign.png(),
        b"\xff\xd8\xff\xe0\x00\x10JFIF\0",
        b"GIF89a\1\0\1\0",
        b"II*\0\x08\0\0\0",
        b"BM\x0a\0\0\0\0\0\0\0",
        b"RIFF\x24\0\0\0WEBPVP8 ",
        b"\0\0\0\x18ftypheic\0\0\0\0",
        b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>",
    ],
    "web_page": [
        foreign.HTML,
        foreign.HTML_AS_XLS,
        b"\xff\xfe" + "<table><tr><td>1</td></tr></table>".encode("utf-16-le"),
        b"<!-- saved -->\n<html></html>",
        b"MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=x\r\n\r\n--x\r\n",
    ],
    "email": [foreign.EMAIL, foreign.EMAIL_SHORT, foreign.outlook_message(), b"\x78\x9f\x3e\x22\1\0"],
    "signature": [
        foreign.SIGNATURE,
        foreign.SIGNATURE_STREAMED,
        foreign.SIGNATURE_TEXT,
        foreign.SIGNATURE_TEXT.split(b"\n", 1)[1].split(b"-----")[0],
    ],
    "rar": [foreign.RAR4, foreign.RAR5],
    "seven_zip": [foreign.SEVEN_ZIP],
    "other_archive": [foreign.packed(how, b"1;2\n") for how in ("gz", "bz2", "xz", "tar", "tar.gz")],
    "encrypted": [foreign.encrypted_workbook()],
    "empty": [b""],
    "unknown_format": [
        b"MZ\x90\0\3\0\0\0\4\0\0\0\xff\xff",
        b"<?xml version='1.0'?><Document/>",
        handmade.ole2({"Contents": b"x"}),
        foreign.office("visio/document.xml"),
    ],
}


def told(data: bytes) -> str:
    with pytest.raises(Unreadable) as fault:
        open_drop(data, LIMITS)
    return fault.value.reason


@pytest.mark.parametrize(("reason", "data"), [(reason, data) for reason, files in FOREIGN.items() for data in files])
def test_what_holds_no_table_is_told_alone_and_in_a_zip(reason, data):
    assert told(data) == reason
    if reason == "signature":
        # Beside its file, and alone in a ZIP of two.
        assert told(handmade.plain_zip({"a.sig": data, "b.sig": data})) == reason
    else:
        assert told(handmade.plain_zip({"файл": data})) == reason


def test_a_table_beside_foreign_files_is_read_and_they_are_named(text_file, answer):
    members = {"Ответ.csv": text_file(answer)} | {
        f"{reason}-{number}": data
        for reason, files in FOREIGN.items()
        for number, data in enumerate(files)
        if reason != "encrypted"
    }
    nested = handmade.plain_zip({"a.csv": text_file(answer)})
    opened = open_drop(handmade.plain_zip({**members, "внутри.zip": nested}), LIMITS)
    assert [sheet.member for sheet in opened.sheets] == ["Ответ.csv"]
    assert set(opened.skipped) == {*members, "внутри.zip"} - {"Ответ.csv"}


def test_two_kinds_without_a_table_are_no_member():
    assert told(handmade.plain_zip({"a.pdf": foreign.PDF, "b.png": foreign.png()})) == "no_member"
    assert told(handmade.plain_zip({})) == "no_member"


def test_a_zip_in_a_zip_is_not_opened(text_file, answer):
    inner = handmade.plain_zip({"a.csv": text_file(answer)})
    assert told(handmade.plain_zip({"ответ.zip": inner})) == "nested_archive"


def test_a_workbook_is_told_by_its_root_not_by_what_it_holds():
    assert tell(handmade.ole2({"Workbook": "WordDocument EncryptedPackage".encode("utf-16-le")}), LIMITS) == "xls"
    document = handmade.ole2({"WordDocument": "Workbook".encode("utf-16-le")})
    assert told(document) == "word_document"


@pytest.mark.parametrize("text", ["From;To;Date\n1;2;3\n", "Date: 1;2\n3;4\n", "MZ-80;K1\nBM;2\n"])
def test_a_table_that_begins_like_a_letter_is_none(text):
    assert tell(text.encode(), LIMITS) == "csv"


def test_an_ole_file_whose_chain_bites_its_tail_is_broken():
    data = bytearray(handmade.ole2({"Workbook": bytes(20_000)}))
    table = int.from_bytes(data[76:80], "little") * 512 + 512
    data[table + 4 : table + 8] = (0).to_bytes(4, "little")
    with pytest.raises(Unreadable, match="broken"):
        OleFile(bytes(data)).read("Workbook")
    with pytest.raises(Unreadable, match="broken"):
        OleFile(bytes(data[:60]))


# ZIP


@pytest.mark.parametrize(
    "entry",
    [
        Entry(b"../a.csv", b"1;2"),
        Entry(b"a/../../b.csv", b"1;2"),
        Entry(b"..\\a.csv", b"1;2"),
        Entry(b"/etc/a.csv", b"1;2"),
        Entry(b"C:\\a.csv", b"1;2"),
        Entry(b"a.csv\0.exe", b"1;2"),
        Entry(b"a.csv", b"/etc/passwd", system=3, attributes=0o120777 << 16),
    ],
)
def test_a_name_that_leads_out_of_the_archive_is_unsafe(entry):
    assert told(handmade.raw_zip(Entry(b"good.csv", b"1;2;3\n"), entry)) == "unsafe_name"


@pytest.mark.parametrize(
    ("raw", "flags"), [("Ответ й.csv".encode("cp866"), 0), ("Ответ й.csv".encode(), 0), ("Ответ й.csv".encode(), 0x800)]
)
def test_the_name_of_a_member_is_as_its_sender_saw_it(raw, flags):
    data = handmade.raw_zip(Entry(raw, b"1;2;3\n", flags=flags))
    assert [sheet.member for sheet in open_drop(data, LIMITS).sheets] == ["Ответ й.csv"]


def test_folders_of_windows_and_accents_of_macos_are_spelled_one_way():
    data = handmade.raw_zip(Entry("папка\\йод.csv".encode(), b"1;2;3\n", flags=0x800))
    assert [sheet.member for sheet in open_drop(data, LIMITS).sheets] == ["папка/йод.csv"]


def test_a_changed_byte_is_seen_by_its_checksum():
    assert told(handmade.raw_zip(Entry(b"a.csv", b"1;2;3\n", method=0, crc=1))) == "broken"


def test_another_way_of_packing_is_another_archive():
    assert told(handmade.raw_zip(Entry(b"a.csv", b"1;2;3\n", method=12))) == "other_archive"
