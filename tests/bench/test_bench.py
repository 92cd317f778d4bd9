"""The bench itself: it runs, compares like with like, and says when a limit is broken."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.bench.__main__ import Ratio, table
from tests.bench.city import ROOT


@pytest.mark.warehouse
@pytest.mark.slow
def test_a_small_bench_runs_and_tells_every_measure() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench"],
        cwd=ROOT,
        env={**os.environ, "SCALE": "small"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    for measure in ("a night of 10 changed lines", "order lines rebuilt to naive", "whole build, 20 k to 2 k"):
        assert measure in done.stdout


def test_a_ratio_above_its_limit_is_broken() -> None:
    kept, broken, untold = Ratio("kept", 3, 2, 1.5), Ratio("broken", 3.1, 2, 1.5), Ratio("untold", 9, 1)
    assert [ratio.verdict for ratio in (kept, broken, untold)] == ["ok", "BROKEN", ""]
    assert table([broken]).splitlines()[1].split() == ["broken", "3.10", "2.00", "1.55", "1.5", "BROKEN"]
