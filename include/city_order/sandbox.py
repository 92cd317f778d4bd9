"""Read a drop in a child process that can do no harm: no credentials, no files, little memory, little time.

Whatever a drop does to its reader, the caller gets a Reading: it never raises because of what a file holds.
"""

from __future__ import annotations

import fcntl
import json
import logging
import math
import os
import resource
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import IO, NamedTuple

from include.city_order.confinement import UNSEALED
from include.city_order.readings import DEMAND, Form, Limits, Reading, WorkbookCopy

__all__ = ["Limits", "copy", "read"]

log = logging.getLogger(__name__)

BOX = Path(__file__).with_name("box.py")
_PROJECT = BOX.parents[2]
#: Enough of the child's last words to know how it died.
_STDERR_BYTES = 10_000
#: What a copy may say for each cell that it may hold, on average.
_COPY_BYTES_PER_CELL = 160
#: A child that closed its pipes is dying: at first it is looked after often.
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.0002, 0.05


#: Ends for which the machine may be to blame: they stand only if they come again when no other drop is read.
_ODD_ENDS = ("killed", "time", "crash")
#: Files that are always there, whose locks order the readers of this machine: see `_turn`.
_DOOR, _ROOM = Path(__file__), BOX


class Ended(NamedTuple):
    """How a child ended, and what it took. `stopped` is why it was ended (time, output, cpu), else "".

    `code` is as of subprocess. `peak_bytes` is the most memory it held; where its parent held more, that.
    """

    code: int
    output: bytes
    errors: bytes
    stopped: str = ""
    cpu_seconds: float = 0.0
    peak_bytes: int = 0


def read(path: Path, form: Form, limits: Limits | None = None) -> Reading:
    """The reading of the drop at `path`. Raises OSError only if the file cannot be opened.

    A child that was killed from outside, waited too long or crashed is not the file's verdict yet: the drop is read
    once more while no other reader of this machine runs.
    """
    limits = limits or Limits.from_environment(os.environ)
    with path.open("rb") as drop:
        if os.fstat(drop.fileno()).st_size > limits.upload_bytes:
            return Reading("unreadable", "too_large")
        ended, reason = _run_until_settled(path, drop.fileno(), form, limits)
    return Reading("limit", reason) if reason else _believe(ended.output, form)


def copy(path: Path, limits: Limits | None = None) -> WorkbookCopy:
    """The sheets of the drop at `path` as values only. Raises OSError only if the file cannot be opened.

    What has no room in `limits.copy_cells`, and a drop that cannot be read, is not copied, and the copy says so. An odd
    end is tried again alone, as in `read`.
    """
    limits = limits or Limits.from_environment(os.environ)
    limits = replace(limits, output_bytes=min(limits.output_bytes, limits.copy_cells * _COPY_BYTES_PER_CELL))
    with path.open("rb") as drop:
        ended, reason = _run_until_settled(path, drop.fileno(), None, limits)
    nothing = WorkbookCopy([], whole=False)
    if reason:
        return nothing
    try:
        return WorkbookCopy.from_json(ended.output)
    except ValueError:
        return nothing


def _run_until_settled(path: Path, drop: int, form: Form | None, limits: Limits) -> tuple[Ended, str]:
    """How the child ended, and why it gave no answer ("" if it gave one); an odd end stands only if it comes again."""
    ended = _run_in_turn(path, drop, form, limits)
    reason = _why_no_answer(ended)
    if reason in _ODD_ENDS:
        log.warning("%s: its reader ended as %s; it is read again alone", path.name, reason)
        os.lseek(drop, 0, os.SEEK_SET)
        ended = _run_in_turn(path, drop, form, limits, alone=True)
        reason = _why_no_answer(ended)
    return ended, reason


def _run_in_turn(path: Path, drop: int, form: Form | None, limits: Limits, *, alone: bool = False) -> Ended:
    with _turn(alone=alone):
        ended = run(BOX, drop, form, limits)
    peak_mb = ended.peak_bytes >> 20
    log.info("%s: its reader took %.2f CPU seconds and %d MB", path.name, ended.cpu_seconds, peak_mb)
    if UNSEALED.encode() in ended.errors:
        _warn_of_no_seal(ended.errors.decode(errors="replace"))
    return ended


@cache
def _warn_of_no_seal(said: str) -> None:
    """Once for a process, not for each drop."""
    log.warning("drops are read with limits only, %s. Use a kernel of Linux that has seccomp", said.splitlines()[0])


@contextmanager
def _turn(*, alone: bool) -> Iterator[None]:
    """Wait for a turn to read: beside others or, if `alone`, when none reads and none begins.

    Who wants in passes a door, one after another; who wants to be alone keeps the door shut behind him.
    """
    with _DOOR.open("rb") as door, _ROOM.open("rb") as room:
        _lock(door, fcntl.LOCK_EX)
        _lock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        if not alone:
            _lock(door, fcntl.LOCK_UN)
        yield


def _lock(file: IO[bytes], how: int) -> None:
    # Where the code lies on a file system without locks, drops are read without turns.
    with suppress(OSError):
        fcntl.flock(file, how)


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
    stopped = ""
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ, output)
        selector.register(child.stderr, selectors.EVENT_READ, errors)
        while selector.get_map() and not stopped:
            ready = selector.select(max(deadline - time.monotonic(), 0))
            for key, _ in ready:
                piece = os.read(key.fd, 1 << 20)
                if not piece:
                    selector.unregister(key.fileobj)
                elif key.data is output:
                    output += piece
                elif len(errors) < _STDERR_BYTES:
                    errors += piece
            if len(output) > limits.output_bytes:
                stopped = "output"
            elif time.monotonic() >= deadline:
                stopped = "time"
    usage = None if stopped else _reap(child, deadline)
    if usage is None:
        stopped = stopped or "time"
        _kill(child)
        usage = _reap(child, math.inf)
    assert usage is not None and child.returncode is not None
    cpu_seconds = usage.ru_utime + usage.ru_stime
    deaf = child.returncode == -signal.SIGKILL and cpu_seconds >= limits.cpu_seconds
    if not stopped and (child.returncode == -signal.SIGXCPU or deaf):
        stopped = "cpu"
    return Ended(
        child.returncode, b"" if stopped else bytes(output), bytes(errors), stopped, cpu_seconds, usage.ru_maxrss * 1024
    )


def _reap(child: subprocess.Popen[bytes], deadline: float) -> resource.struct_rusage | None:
    """Wait for the child's end; what it took, or None if it still runs at the deadline."""
    pause = _FIRST_PAUSE_SECONDS
    while True:
        process, status, usage = os.wait4(child.pid, os.WNOHANG)
        if process:
            child.returncode = os.waitstatus_to_exitcode(status)
            return usage
        if time.monotonic() >= deadline:
            return None
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


def _kill(child: subprocess.Popen[bytes]) -> None:
    if child.returncode is None:
        os.killpg(child.pid, signal.SIGKILL)


def _why_no_answer(ended: Ended) -> str:
    """Why a child gave no answer, one of `STOPPED`; "" if it gave one."""
    if ended.stopped:
        return ended.stopped
    if ended.code == 0:
        return ""
    # A native allocation that fails aborts.
    if b"memory allocation" in ended.errors or b"MemoryError" in ended.errors:
        return "memory"
    if ended.code == -signal.SIGKILL:
        return "killed"
    last_words = ended.errors[-300:].decode(errors="replace")
    log.warning("the reader of a drop ended with %s: %s", ended.code, last_words)
    return "crash"


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
