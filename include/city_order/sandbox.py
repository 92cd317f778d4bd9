"""Read a drop in a child process that can do no harm: no credentials, no files, little memory, little time.

Whatever a drop does to its reader, the caller gets a Reading: it never raises because of what a file holds.
"""

from __future__ import annotations

import json
import logging
import os
import selectors
import signal
import subprocess
import sys
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from include.city_order.readings import DEMAND, Form, Limits, Reading, WorkbookCopy

__all__ = ["Limits", "copy", "read"]

log = logging.getLogger(__name__)

BOX = Path(__file__).with_name("box.py")
_PROJECT = BOX.parents[2]
#: Enough of the child's last words to know how it died.
_STDERR_BYTES = 10_000
#: What a copy may say for each cell that it may hold, on average.
_COPY_BYTES_PER_CELL = 160


class Ended(NamedTuple):
    """How a child ended. `stopped` is why we ended it (time, output), else ""; `code` as of subprocess."""

    code: int
    output: bytes
    errors: bytes
    stopped: str = ""


def read(path: Path, form: Form, limits: Limits | None = None) -> Reading:
    """The reading of the drop at `path`. Raises OSError only if the file cannot be opened."""
    limits = limits or Limits()
    with path.open("rb") as drop:
        if os.fstat(drop.fileno()).st_size > limits.upload_bytes:
            return Reading("unreadable", "too_large")
        ended = run(BOX, drop.fileno(), form, limits)
    return _judge(ended, form)


def copy(path: Path, limits: Limits | None = None) -> WorkbookCopy:
    """The sheets of the drop at `path` as values only. Raises OSError only if the file cannot be opened.

    What has no room in `limits.copy_cells`, and a drop that cannot be read, is not copied, and the copy says so.
    """
    limits = limits or Limits()
    limits = replace(limits, output_bytes=min(limits.output_bytes, limits.copy_cells * _COPY_BYTES_PER_CELL))
    with path.open("rb") as drop:
        ended = run(BOX, drop.fileno(), None, limits)
    nothing = WorkbookCopy([], whole=False)
    if ended.stopped or ended.code:
        return nothing
    try:
        return WorkbookCopy.from_json(ended.output)
    except ValueError:
        return nothing


def run(program: Path, drop: int, form: Form | None, limits: Limits) -> Ended:
    """Run `program` with the open file `drop` as its standard input, and wait for its end or its limits.

    Without a form it copies. The child inherits nothing else: no environment, no other file, no terminal; its
    directory is `/`.
    """
    header = {"form": form and form.to_json(), "limits": limits.to_json(), "import_from": _import_from()}
    child = subprocess.Popen(
        # Isolated, without site packages' start-up code, writing no byte code.
        [sys.executable, "-I", "-S", "-B", str(program), json.dumps(header)],
        stdin=drop,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={},
        cwd="/",
        start_new_session=True,
    )
    with child:
        try:
            return _listen(child, limits)
        finally:
            # Also when we are interrupted ourselves: nothing of the child's session outlives this call.
            _kill(child)


def _import_from() -> list[str]:
    """Where the child finds the project and the workbook reader, wherever those are installed."""
    reader = find_spec("python_calamine")
    if reader is None or reader.origin is None:
        raise ModuleNotFoundError("python-calamine is not installed: pip install -r requirements.txt")
    return [str(_PROJECT), str(Path(reader.origin).parents[1])]


def _listen(child: subprocess.Popen[bytes], limits: Limits) -> Ended:
    """Collect what the child says on both pipes at once, so that neither can block it."""
    assert child.stdout and child.stderr
    deadline = time.monotonic() + limits.wall_seconds
    output, errors = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ, output)
        selector.register(child.stderr, selectors.EVENT_READ, errors)
        while selector.get_map():
            ready = selector.select(deadline - time.monotonic())
            if time.monotonic() >= deadline:
                return _stop(child, "time")
            for key, _ in ready:
                piece = os.read(key.fd, 1 << 20)
                if not piece:
                    selector.unregister(key.fileobj)
                elif key.data is output:
                    output += piece
                elif len(errors) < _STDERR_BYTES:
                    errors += piece
            if len(output) > limits.output_bytes:
                return _stop(child, "output")
    try:
        code = child.wait(max(deadline - time.monotonic(), 0.1))
    except subprocess.TimeoutExpired:
        return _stop(child, "time")
    return Ended(code, bytes(output), bytes(errors))


def _stop(child: subprocess.Popen[bytes], why: str) -> Ended:
    _kill(child)
    return Ended(child.wait(), b"", b"", why)


def _kill(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)


def _judge(ended: Ended, form: Form) -> Reading:
    """What the end of a child means. What is cut short is a limit, what is odd is unreadable."""
    if ended.stopped:
        return Reading("limit", ended.stopped)
    if ended.code == 0:
        return _believe(ended.output, form)
    if ended.code == -signal.SIGXCPU:
        return Reading("limit", "cpu")
    # A native allocation that fails aborts; the kernel kills when the whole machine runs out.
    said_memory = b"memory allocation" in ended.errors or b"MemoryError" in ended.errors
    if ended.code == -signal.SIGKILL or said_memory:
        return Reading("limit", "memory")
    last_words = ended.errors[-300:].decode(errors="replace")
    log.warning("the reader of a drop ended with %s: %s", ended.code, last_words)
    return Reading("limit", "crash")


def _believe(output: bytes, form: Form) -> Reading:
    """The child's answer, if it is one that an honest child could give."""
    try:
        reading = Reading.from_json(output)
    except (ValueError, RecursionError):
        return Reading("unreadable", "broken")
    named = {name for line in (*reading.lines, *reading.totals) for name in line.values}
    named |= {name for table in reading.tables for name in table.columns}
    named |= {*reading.missing_fields, *reading.ambiguous_fields} - {DEMAND}
    for name in named:
        prefix, _, year = name.rpartition("_")
        is_year = prefix == DEMAND and len(year) == 4 and year.isascii() and year.isdigit()
        if not (is_year or name in form.headings):
            return Reading("unreadable", "broken")
    return reading
