"""A release as CSV files with a description for machines: `datapackage.json`, a Frictionless Tabular Data Package.

Pure. Texts come from agencies' files and may begin like a formula; such a cell is guarded, as in a protocol's CSV.
The Parquet files have the texts as they are.
"""

from __future__ import annotations

import csv
import hashlib
import json
from decimal import Decimal
from io import StringIO
from typing import Any

from include.city_order.protocol_data import guarded
from include.city_order.release_tables import Kind, ReleaseExport, Table, Value

_GUARD = (
    "Текст, который начинается (хотя бы и после пробелов) со знака = + - @, обычного или полноширинного, или с "
    "апострофа, а также с табуляции или перевода строки, записан с апострофом в начале: так электронная таблица не "
    "примет его за формулу. Чтобы получить сам текст, уберите из начала один апостроф."
)


def render(export: ReleaseExport) -> dict[str, bytes]:
    """The files by their names. Equal exports give equal bytes."""
    files = {f"{table.name}.csv": _table(table) for table in export.tables}
    package = _package(export, files)
    files["datapackage.json"] = (json.dumps(package, ensure_ascii=False, indent=2) + "\n").encode()
    return files


def plain(value: Decimal) -> str:
    """A number without an exponent and without trailing zeros: 5, 0.25."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _table(table: Table) -> bytes:
    buffer = StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(column.name for column in table.columns)
    writer.writerows([_cell(value) for value in row] for row in table.rows)
    return buffer.getvalue().encode()


def _cell(value: Value) -> str:
    return plain(value) if isinstance(value, Decimal) else guarded(value)


def _package(export: ReleaseExport, files: dict[str, bytes]) -> dict[str, Any]:
    return {
        "profile": "tabular-data-package",
        "name": f"{export.survey_code}-release-{export.release_id}-{export.tier}",
        "title": export.title,
        "description": "\n\n".join((*export.notes, _GUARD)),
        "version": str(export.release_id),
        "created": export.published_at.isoformat(),
        "keywords": [export.programme.value, export.survey_code],
        "city_order": {
            **{name: value for name, _, value in export.facts},
            "release_id": export.release_id,
            "published_at": export.published_at.isoformat(),
            "tier": export.tier.value,
            "roster_agencies": export.roster_agencies,
            "answered_agencies": export.answered_agencies,
            "certainties": {str(year): certainty for year, certainty in export.certainties},
        },
        "resources": [_resource(table, files[f"{table.name}.csv"]) for table in export.tables],
    }


def _resource(table: Table, content: bytes) -> dict[str, Any]:
    return {
        "profile": "tabular-data-resource",
        "name": table.name,
        "path": f"{table.name}.csv",
        "title": table.heading,
        "description": table.description,
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "bytes": len(content),
        "hash": f"sha256:{hashlib.sha256(content).hexdigest()}",
        "dialect": {"delimiter": ",", "lineTerminator": "\r\n", "quoteChar": '"', "doubleQuote": True, "header": True},
        "schema": {
            "fields": [
                {
                    "name": column.name,
                    "title": column.heading,
                    "type": column.kind.value,
                    "description": column.description,
                    **({"decimalChar": ".", "bareNumber": True} if column.kind is Kind.NUMBER else {}),
                    "constraints": {"required": column.required},
                }
                for column in table.columns
            ],
            "primaryKey": list(table.key),
            "missingValues": [""],
        },
    }
