"""A release as Parquet files, one a table: exact numbers, texts as they are, the facts in the file's metadata. Pure."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal
from io import BytesIO

from include.city_order.release_tables import Column, Kind, ReleaseExport, Table, Value

#: Digits after the point: more than any unit's conversion needs.
SCALE = 9
_UNIT = Decimal(1).scaleb(-SCALE)
_PRECISION = 38
_EXACT = Context(prec=_PRECISION, rounding=ROUND_HALF_EVEN)


def render(export: ReleaseExport) -> dict[str, bytes]:
    """The files by their names. Equal exports give equal bytes, under one version of pyarrow."""
    return {f"{table.name}.parquet": _table(export, table) for table in export.tables}


def _table(export: ReleaseExport, table: Table) -> bytes:
    # Here, because few need it and it is heavy.
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {Kind.STRING: pa.string(), Kind.INTEGER: pa.int64(), Kind.NUMBER: pa.decimal128(_PRECISION, SCALE)}
    schema = pa.schema(
        [
            pa.field(
                column.name,
                types[column.kind],
                nullable=not column.required,
                metadata={"title": column.heading, "description": column.description},
            )
            for column in table.columns
        ],
        metadata={
            **{name: value for name, _, value in export.facts},
            "tier": export.tier.value,
            "title": table.heading,
            "description": table.description,
        },
    )
    columns = [
        pa.array([_exact(column, row[place]) for row in table.rows], type=types[column.kind])
        for place, column in enumerate(table.columns)
    ]
    buffer = BytesIO()
    pq.write_table(pa.Table.from_arrays(columns, schema=schema), buffer, compression="zstd", version="2.6")
    return buffer.getvalue()


def _exact(column: Column, value: Value) -> Value:
    if column.kind is Kind.NUMBER and value is not None:
        return Decimal(value).quantize(_UNIT, context=_EXACT)
    return value
