"""The beginnings of files that are no tables: enough of each for any program to know what it is."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zlib

from tests.corpus import handmade

PDF = (
    b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n"
    b"2 0 obj\n<</Type/Pages/Kids[]/Count 0>>\n"
    b"endobj\ntrailer\n<</Root 1 0 R>>\n%%EOF\n"
)
RTF = rb"{\rtf1\ansi\ansicpg1251{\fonttbl\f0\fswiss Helvetica;}\f0 \'c7\'e0\'ff\'e2\'ea\'e0\par}"
JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\1\0H\0H\0\0" + bytes(range(256)) + b"\xff\xd9"
EXIF = b"\xff\xd8\xff\xe1\0\x18Exif\0\0II*\0" + bytes(400) + b"\xff\xd9"
GIF = b"GIF89a\1\0\1\0\x80\0\0\xff\xff\xff\0\0\0!\xf9\4\0\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0;"
BMP = b"BM" + struct.pack("<IHHIIiiHHIIiiII", 58, 0, 0, 54, 40, 1, 1, 1, 24, 0, 4, 2835, 2835, 0, 0) + b"\xff\xff\xff\0"
TIFF = b"II*\0" + struct.pack("<IH", 8, 1) + struct.pack("<HHII", 256, 4, 1, 1) + b"\0" * 60
BIG_TIFF = b"MM\0*" + struct.pack(">IH", 8, 1) + struct.pack(">HHII", 256, 4, 1, 1) + b"\0" * 60
WEBP = (
    b"RIFF" + struct.pack("<I", 26) + b"WEBPVP8L" + struct.pack("<I", 14) + b"/\0\0\0\x10\7\x10\x11\x11\x88\x88\xfe\7\0"
)
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0\0\0\x08free" + bytes(200)
RAR4 = b"Rar!\x1a\7\0" + b"\xcf\x90s\0\0\r\0\0\0\0\0\0\0" + bytes(range(200))
RAR5 = b"Rar!\x1a\7\1\0" + b"3\x92\xb5\xe5\n\1\5\6\0\5\1\1\x80\x80\0" + bytes(range(200))
SEVEN_ZIP = b"7z\xbc\xaf\x27\x1c\0\4" + bytes(range(200))


def png() -> bytes:
    """A picture of one pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(b"\0\xff\xff\xff"))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


def _der(tag: int, content: bytes) -> bytes:
    length = len(content)
    head = bytes([length]) if length < 128 else b"\x82" + struct.pack(">H", length)
    return bytes([tag]) + head + content


#: PKCS #7 signed data, in DER: what КриптоПро leaves beside the file that was signed, or around it.
_SIGNED_DATA = _der(6, bytes.fromhex("2a864886f70d010702"))
SIGNATURE = _der(0x30, _SIGNED_DATA + _der(0xA0, _der(0x30, _der(2, b"\1") + _der(0x31, b"") + bytes(300))))
#: The same without a length, as a program writes that does not know it yet.
SIGNATURE_STREAMED = b"\x30\x80" + _SIGNED_DATA + b"\xa0\x80\x30\x80" + _der(2, b"\1") + bytes(300)
SIGNATURE_TEXT = (
    b"-----BEGIN PKCS7-----\r\n" + b"MIIGPQYJKoZIhvcNAQcCoIIGLjCCBioCAQExDjAMBggqhQMHAQECAgUAMAsGCSqG\r\n" * 5
    + b"-----END PKCS7-----\r\n"
)  # fmt: skip

EMAIL = (
    "Received: from mail.example.org by mx.example.org; Tue, 10 Nov 2026 12:00:00 +0300\r\n"
    "From: =?utf-8?B?0JPQkdCj?= <office@example.org>\r\nTo: survey@example.org\r\n"
    "Subject: =?utf-8?B?0JfQsNGP0LLQutCw?=\r\n"
    "Date: Tue, 10 Nov 2026 12:00:00 +0300\r\nMessage-ID: <1@example.org>\r\nMIME-Version: 1.0\r\n"
    'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n'
    "Добрый день! Заявка; во; вложении\r\n--b--\r\n"
).encode()
EMAIL_SHORT = (
    "From: office@example.org\nTo: survey@example.org\nSubject: zayavka\nDate: Tue, 10 Nov 2026 12:00:00 +0300\n"
    "MIME-Version: 1.0\nContent-Type: text/plain; charset=koi8-r\n\nСм. вложение\n"
).encode("koi8-r")

HTML = (
    '<!DOCTYPE html>\n<html><head><meta charset="utf-8"><title>Заявка</title></head><body><table><tr><td>Наименование '
    "изделия</td><td>Код ОКПД2</td></tr></table></body></html>"
).encode()
#: What many accounting programs call an XLS.
HTML_AS_XLS = (
    '<html xmlns:o="urn:schemas-microsoft-com:office:office" xmlns:x="urn:schemas-microsoft-com:office:excel">'
    '<head><meta http-equiv="Content-Type" content="text/html; charset=windows-1251"></head><body><table border=1>'
    "<tr><td>Наименование изделия</td><td>10</td></tr></table></body></html>"
).encode("cp1251")


def office(part: str, kind: str = "application/xml") -> bytes:
    """A document or a presentation of Office: its main part is named, and nothing of it is a sheet."""
    types = (
        '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        f'<Override PartName="/{part}" ContentType="{kind}"/></Types>'
    )
    return handmade.plain_zip({"[Content_Types].xml": types.encode(), "_rels/.rels": b"<x/>", part: b"<document/>"})


def open_document(kind: str) -> bytes:
    """A document of OpenDocument that is no spreadsheet: `text`, `presentation`, `graphics`."""
    return handmade.plain_zip(
        {
            "mimetype": f"application/vnd.oasis.opendocument.{kind}".encode(),
            "content.xml": b"<office:document-content/>",
            "META-INF/manifest.xml": b"<manifest:manifest/>",
        }
    )


def word_of_1997() -> bytes:
    """A DOC."""
    return handmade.ole2({"WordDocument": b"\xec\xa5\xc1\0" + bytes(2000), "1Table": bytes(100)})


def powerpoint_of_1997() -> bytes:
    """A PPT."""
    return handmade.ole2({"PowerPoint Document": bytes(2000), "Current User": bytes(40)})


def outlook_message() -> bytes:
    """A MSG."""
    return handmade.ole2({"__properties_version1.0": bytes(64), "__substg1.0_0037001F": "Заявка".encode("utf-16-le")})


def encrypted_workbook() -> bytes:
    """A workbook with a password: Office puts the encrypted package into a compound file."""
    return handmade.ole2({"EncryptionInfo": bytes([4, 0, 4, 0]) + b"<encryption/>", "EncryptedPackage": bytes(5000)})


def tar(content: bytes) -> bytes:
    """A TAR with one file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo("answer.csv")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def packed(how: str, content: bytes) -> bytes:
    """`content` packed by a program that is none of those we take."""
    if how == "gz":
        return gzip.compress(content, mtime=0)
    if how == "tar.gz":
        return gzip.compress(tar(content), mtime=0)
    return {"bz2": bz2.compress, "xz": lzma.compress, "tar": tar}[how](content)
