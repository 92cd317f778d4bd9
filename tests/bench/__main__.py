"""`make bench`: what a night and a whole build cost, at one size and at ten times that size, as ratios of one run.

A larger city has more agencies and more products; an agency's answer stays as long, and a product is asked for by as
many lines. Nothing is kept: the server lies in a temporary folder, and its data is made in it by SQL.

- **Whole build**: `orders.build` of a survey's first release, all tables of it and its digest.
- **Night**: one agency corrects 200 lines of 2,000; `orders.build`, `audit` and `publish`, each in turn for both sizes,
  so that what else the machine does meets both. The first is not counted: it loads libraries. The median of the others.
- **Naive**: one SQL statement that takes every line apart into its ten years first, joins what it needs and groups by
  product and year: gross, net of what each agency has in hand, energy, amount, priced share, agencies and lines, into a
  table with the keys and checks of ours. It is given the list of what is counted twice, and knows no exclusions, kinds
  of need, prices, surplus, changes or digest. So it is compared with what it does: the model of order lines, filled
  into such a table, too. Both must give the figures of the release, row by row.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from include.city_order import orders
from tests.bench.city import SURVEY, City, Server

#: Lines of the smaller city, of one answer, and how many nights are counted; the larger city has ten times the lines.
SCALES = {"full": (1_000_000, 2_000, 5), "small": (2_000, 100, 1)}
TIMES = 10

#: What ten million lines and their order take, with what is written on the way.
FULL_BYTES = 30_000_000_000

NIGHT_LIMIT, NAIVE_LIMIT, WHOLE_LIMIT = 1.5, 0.2, 12.0

PARTS = ("build", "audit", "publish")


class Broken(Exception):
    """The bench cannot tell anything: what it compares is not the same."""


@dataclass(frozen=True)
class Ratio:
    """One measure against another, and the most that it may be."""

    name: str
    seconds: float
    of_seconds: float
    limit: float | None = None

    @property
    def value(self) -> float:
        return self.seconds / self.of_seconds

    @property
    def verdict(self) -> str:
        if self.limit is None:
            return ""
        return "ok" if self.value <= self.limit else "BROKEN"

    def row(self) -> tuple[str, ...]:
        limit = "" if self.limit is None else f"{self.limit:g}"
        return self.name, f"{self.seconds:.2f}", f"{self.of_seconds:.2f}", f"{self.value:.2f}", limit, self.verdict


class Progress:
    """Says what is under way, and how long it took."""

    def __init__(self) -> None:
        self.began = time.monotonic()

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        print(f"[{time.monotonic() - self.began:5.0f} s] {what} …", end="", flush=True)
        start = time.monotonic()
        yield
        print(f" {time.monotonic() - start:.1f} s", flush=True)


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def named(lines: int) -> str:
    return f"{lines // 1_000_000} M" if lines >= 1_000_000 else f"{lines // 1_000} k"


def measure(server: Server, scale: str) -> list[Ratio]:
    lines, lines_per_answer, nights = SCALES[scale]
    progress = Progress()
    cities = [City(server, lines, lines_per_answer), City(server, lines * TIMES, lines_per_answer)]
    whole = [_first_release(city, progress) for city in cities]
    small, large = cities
    ours, naive = _order_lines(small, progress)
    taken: list[list[dict[str, float]]] = [[], []]
    for number in range(nights + 1):
        for city, times in zip(cities, taken, strict=True):
            with progress.step(f"{named(city.lines)}: night {number}"):
                times.append(_night(city, number))
    night = {part: [statistics.median(of_night[part] for of_night in times[1:]) for times in taken] for part in PARTS}
    total = [statistics.median(sum(of_night.values()) for of_night in times[1:]) for times in taken]
    print(f"{named(large.lines)} took {large.size_bytes() / 1e9:.1f} GB of disk.")
    a, b = named(small.lines), named(large.lines)
    return [
        Ratio(f"a night of {lines_per_answer // 10} changed lines, {b} to {a}", total[1], total[0], NIGHT_LIMIT),
        *(Ratio(f"  of it {part}", night[part][1], night[part][0]) for part in PARTS),
        Ratio(f"order lines rebuilt to naive, {a}", ours, naive, NAIVE_LIMIT),
        Ratio(f"whole build, {b} to {a}", whole[1]["build"], whole[0]["build"], WHOLE_LIMIT),
        Ratio(f"its audits, {b} to {a}", whole[1]["audit"], whole[0]["audit"]),
        Ratio(f"whole build to naive order lines, {a}", whole[0]["build"], naive),
    ]


def _first_release(city: City, progress: Progress) -> dict[str, float]:
    about = f"{city.agencies:,} agencies, {city.products:,} products"
    with progress.step(f"{named(city.lines)}: answers of {about}"):
        city.answer()
    with progress.step(f"{named(city.lines)}: whole build, audits, publication"):
        times = _release(city)
    city.settle()
    return times


def _night(city: City, number: int) -> dict[str, float]:
    city.correct(number)
    return _release(city)


def _release(city: City) -> dict[str, float]:
    """Build, audit and publish what stands; the seconds of each."""
    built: list[int | None] = []
    times = {"build": seconds(lambda: built.append(orders.build(city.builder, SURVEY)))}
    (release_id,) = built
    if release_id is None:
        raise Broken("A night with changed lines made no release.")
    times["audit"] = seconds(lambda: orders.audit(city.builder, release_id))
    times["publish"] = seconds(lambda: orders.publish(city.builder, release_id))
    return times


def _order_lines(city: City, progress: Progress) -> tuple[float, float]:
    """Seconds of the model of order lines, before and after the naive statement, and of that; both must agree."""
    with city.administrator() as cursor:
        cursor.execute("select release_id from city_order.published_release")
        ((release_id,),) = cursor.fetchall()
    rebuilt = []
    with progress.step(f"{named(city.lines)}: order lines"):
        rebuilt.append(seconds(lambda: city.rebuild_order_lines(release_id)))
    with progress.step(f"{named(city.lines)}: naive order lines"):
        naive = seconds(lambda: city.build_naively(release_id))
    with progress.step(f"{named(city.lines)}: order lines again"):
        rebuilt.append(seconds(lambda: city.rebuild_order_lines(release_id)))
    with progress.step(f"{named(city.lines)}: their figures compared"):
        counts = city.figures_that_differ(release_id)
    if not counts["rows"] or counts["rebuilt_order_line"] or counts["naive_order_line"]:
        raise Broken(f"The orders differ, so their costs cannot be compared: {counts}")
    return statistics.mean(rebuilt), naive


def table(ratios: list[Ratio]) -> str:
    heading = ("measure", "seconds", "of seconds", "ratio", "limit", "")
    rows = [heading, *(ratio.row() for ratio in ratios)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(heading))]
    return "\n".join(
        "  ".join(
            value.ljust(width) if place in (0, 5) else value.rjust(width)
            for place, (value, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def main() -> int:
    """Measure; 0 if every ratio keeps its limit, or if the scale is too small to tell."""
    scale = os.environ.get("SCALE") or "full"
    if scale not in SCALES:
        print(f"SCALE={scale} is unknown; there are {', '.join(SCALES)}.", file=sys.stderr)
        return 2
    folder = Path(tempfile.mkdtemp(prefix="city-order-bench-"))
    try:
        free = shutil.disk_usage(folder).free
        if scale == "full" and free < FULL_BYTES:
            print(f"{folder.parent} has {free / 1e9:.0f} GB free, and the bench needs {FULL_BYTES / 1e9:.0f}: "
                  "free some, or set TMPDIR to a larger disk.", file=sys.stderr)  # fmt: skip
            return 2
        with Server(folder / "postgres") as server:
            ratios = measure(server, scale)
            if scale == "small":
                ratios = [replace(ratio, limit=None) for ratio in ratios]
    except Broken as reason:
        print(f"\n{reason}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"\n{table(ratios)}\n")
    if scale == "small":
        print("So little takes no longer than asking for it: no limit is judged. SCALE=full does.")
        return 0
    broken = [ratio.name for ratio in ratios if ratio.verdict == "BROKEN"]
    print("Broken: " + "; ".join(broken) if broken else "Every limit is kept.")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
