"""A release as one HTML page with plots: self-contained, without scripts, and laid out to be printed.

Pure: the same export gives the same bytes; every text is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from html import escape
from itertools import groupby

from include.city_order.release_tables import Chart, Kind, ReleaseExport, Table, Value, number

#: Rows of a table that the page shows; the files hold all.
ROWS_SHOWN = 200

_COLOURS = (
    "#1f5f8b",
    "#d98032",
    "#4f8f5b",
    "#8a5a9e",
    "#b8483c",
    "#5c6b78",
    "#c2a33a",
    "#3b8f96",
    "#96694c",
    "#7b8f3a",
)

_WIDTH = 960
_PLOT_HEIGHT = 260
_LEFT = 90
_BAR_HEIGHT = 20
_LABEL_WIDTH = 330

_STYLE = """
:root { color: #1d252c; font: 15px/1.45 "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif; }
body { margin: 2rem auto; max-width: 62rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; line-height: 1.25; } h2 { font-size: 1.15rem; margin-top: 2rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.2rem; }
dt { color: #5c6b78; } dd { margin: 0; overflow-wrap: anywhere; }
.bar { background: #e3e8ec; height: .8rem; max-width: 30rem; } .bar div { background: #1f5f8b; height: 100%; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .85rem; } caption { text-align: left; color: #5c6b78; }
th, td { border-bottom: 1px solid #d5dce2; padding: .2rem .5rem; text-align: left; vertical-align: top; }
th small { color: #5c6b78; display: block; font-weight: normal; } td.n, th.n { text-align: right; white-space: nowrap; }
svg { height: auto; max-width: 100%; } svg text { fill: #1d252c; font-size: 12px; }
figure { break-inside: avoid; margin: 1rem 0; } figcaption { color: #5c6b78; font-size: .85rem; }
@page { margin: 12mm; size: A4 landscape; }
@media print {
  body { margin: 0; max-width: none; } .wide { overflow: visible; } thead { display: table-header-group; }
  tr { break-inside: avoid; } h2 { break-after: avoid; } table { font-size: 7.5pt; }
}
"""


def render(export: ReleaseExport) -> bytes:
    """The release as a page. Equal exports give equal bytes."""
    parts = [
        "<!DOCTYPE html>",
        '<html lang="ru"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>{escape(export.title)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(export.title)}</h1>",
        *_facts(export),
        *(f"<p>{escape(note)}</p>" for note in export.notes),
        *_legend(export),
        *(_figure(chart) for chart in export.charts if chart.series),
        *(_table(table) for table in export.tables),
        "</body></html>",
    ]
    return "\n".join(parts).encode() + b"\n"


def _facts(export: ReleaseExport) -> Iterable[str]:
    yield "<dl>"
    for name, heading, value in export.facts:
        yield f"<dt>{escape(heading)}</dt><dd>{escape(value)}"
        if name == "completeness" and export.answered_share is not None:
            percent = f"{export.answered_share * 100:.1f}"
            yield f'<div class="bar" role="img" aria-label="{percent} %"><div style="width:{percent}%"></div></div>'
        yield "</dd>"
    years = "; ".join(export.year_heading(year) for year, _ in export.certainties)
    if years:
        yield f"<dt>Годы</dt><dd>{escape(years)}</dd>"
    yield "</dl>"


def _legend(export: ReleaseExport) -> Iterable[str]:
    """What the codes of the tables mean, a list for each column that has some."""
    if not export.legend:
        return
    yield "<h2>Обозначения</h2>\n<dl>"
    for heading, codes in groupby(export.legend, key=lambda coded: coded[0]):
        meanings = "; ".join(f"<code>{escape(code)}</code> — {escape(meaning)}" for _, code, meaning in codes)
        yield f"<dt>{escape(heading)}</dt><dd>{meanings}</dd>"
    yield "</dl>"


def _figure(chart: Chart) -> str:
    drawn = _horizontal(chart) if chart.horizontal else _vertical(chart)
    heading = escape(chart.heading)
    return f"<h2>{heading}</h2>\n<figure>{drawn}<figcaption>{escape(chart.unit)}</figcaption></figure>"


def _svg(width: int, height: int, chart: Chart, shapes: Iterable[str]) -> str:
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img"'
            f' aria-label="{escape(chart.heading)}">',
            *shapes,
            "</svg>",
        ]
    )


def _vertical(chart: Chart) -> str:
    """Groups of standing bars over an axis with four lines."""
    highest = max((value or Decimal(0) for _, values in chart.series for value in values), default=None) or Decimal(1)
    bottom = 16 + _PLOT_HEIGHT
    legend = 24 if len(chart.series) > 1 else 0
    group = (_WIDTH - _LEFT) / len(chart.categories)
    bar = group * 0.8 / len(chart.series)
    shapes = []
    for step in range(5):
        y = bottom - _PLOT_HEIGHT * step / 4
        shapes.append(f'<line x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#d5dce2"/>')
        label = number(highest * step / 4, 0 if highest >= 20 else 2)
        shapes.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
    for place, category in enumerate(chart.categories):
        left = _LEFT + group * place + group * 0.1
        for series, (name, values) in enumerate(chart.series):
            value = values[place]
            if value is None:
                continue
            height = float(value / highest) * _PLOT_HEIGHT
            shapes.append(
                f'<rect x="{left + bar * series:.1f}" y="{bottom - height:.1f}" width="{bar * 0.92:.1f}"'
                f' height="{height:.1f}" fill="{_COLOURS[series % len(_COLOURS)]}">'
                f"<title>{escape(category)}, {escape(name)}: {number(value, 3)}</title></rect>"
            )
        middle = _LEFT + group * (place + 0.5)
        shapes.append(f'<text x="{middle:.1f}" y="{bottom + 18}" text-anchor="middle">{escape(category)}</text>')
    if legend:
        for series, (name, _) in enumerate(chart.series):
            x = round(_LEFT + series * min(120, (_WIDTH - _LEFT) / len(chart.series)))
            colour = _COLOURS[series % len(_COLOURS)]
            shapes.append(f'<rect x="{x}" y="{bottom + 32}" width="12" height="12" fill="{colour}"/>')
            shapes.append(f'<text x="{x + 18}" y="{bottom + 42}">{escape(name)}</text>')
    return _svg(_WIDTH, bottom + 28 + legend, chart, shapes)


def _horizontal(chart: Chart) -> str:
    """Lying bars with their names before and their numbers behind them."""
    ((_, values),) = chart.series
    highest = max((value or Decimal(0) for value in values), default=None) or Decimal(1)
    room = _WIDTH - _LABEL_WIDTH - 110
    shapes = []
    for place, (category, value) in enumerate(zip(chart.categories, values, strict=True)):
        y = 6 + place * (_BAR_HEIGHT + 6)
        # The end of a name may be what tells it from others.
        name = category if len(category) <= 44 else f"{category[:28]}…{category[-15:]}"
        shapes += [
            f'<text x="{_LABEL_WIDTH - 8}" y="{y + 14}" text-anchor="end">{escape(name)}'
            f"<title>{escape(category)}</title></text>",
        ]
        if value is None:
            continue
        width = float(value / highest) * room
        shapes += [
            f'<rect x="{_LABEL_WIDTH}" y="{y}" width="{width:.1f}" height="{_BAR_HEIGHT}" fill="{_COLOURS[0]}"/>',
            f'<text x="{_LABEL_WIDTH + width + 6:.1f}" y="{y + 14}">{number(value, 3)}</text>',
        ]
    return _svg(_WIDTH, 12 + len(chart.categories) * (_BAR_HEIGHT + 6), chart, shapes)


def _table(table: Table) -> str:
    classes = [' class="n"' if column.kind is not Kind.STRING else "" for column in table.columns]
    headings = "".join(
        f'<th scope="col"{mark}>{escape(column.heading)}<small>{escape(column.name)}</small></th>'
        for mark, column in zip(classes, table.columns, strict=True)
    )
    rows = [
        "<tr>" + "".join(f"<td{mark}>{_cell(value)}</td>" for mark, value in zip(classes, row, strict=True)) + "</tr>"
        for row in table.rows[:ROWS_SHOWN]
    ]
    more = (
        f" Показаны первые {ROWS_SHOWN} строк из {len(table.rows)}; все строки — в файле {table.name}.csv."
        if len(table.rows) > ROWS_SHOWN
        else ""
    )
    return "\n".join(
        [
            f"<h2>{escape(table.heading)}</h2>",
            f'<div class="wide"><table><caption>{escape(table.description + more)}</caption>',
            f"<thead><tr>{headings}</tr></thead><tbody>",
            *rows,
            "</tbody></table></div>",
        ]
    )


def _cell(value: Value) -> str:
    if value is None:
        return ""
    return number(value) if isinstance(value, Decimal) else escape(str(value))
