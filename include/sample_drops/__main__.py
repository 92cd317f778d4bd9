"""Fill an inbox with sample drops: `python -m include.sample_drops --to FOLDER [--seed N]`."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from include.sample_drops.writing import write


def main(arguments: list[str] | None = None) -> int:
    """Write the drops, say what was written; 0, or 1 if the folder cannot be written to."""
    parser = argparse.ArgumentParser(prog="python -m include.sample_drops", description=__doc__)
    parser.add_argument("--to", required=True, metavar="FOLDER", help="the inbox to fill")
    parser.add_argument("--seed", type=int, default=2026, metavar="N", help="same seed, same bytes (2026)")
    chosen = parser.parse_args(arguments)
    try:
        drops = write(Path(chosen.to), chosen.seed)
    except OSError as error:
        print(f"Could not write the sample drops: {error}. Name a folder you may write to.", file=sys.stderr)
        return 1
    print(f"Wrote {len(drops)} files under {chosen.to} (seed {chosen.seed}), of fictional agencies:")
    for (survey, day), number in sorted(Counter((drop.survey_code, drop.drop_date) for drop in drops).items()):
        print(f"  {survey:<14} drop date {day}  {number:>3} files")
    expected = Counter(drop.verdict.value if drop.verdict else "left for later" for drop in drops)
    print("Expected: " + ", ".join(f"{number} {verdict}" for verdict, number in expected.most_common()) + ".")
    print("Next: trigger collect_submissions; then see the answers in the outbox and the published release.")
    print("What each file is for stands in include/sample_drops/catalogue.py.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
