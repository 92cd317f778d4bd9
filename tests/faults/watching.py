"""Watches a task from inside its own process, and does something to it at a named point.

A point lies before each statement, before and after each commit, and before and after everything that touches a file
or starts a program. Nothing of this is in the project: it is put around psycopg2, `os` and `subprocess` in a process
that was forked for one attempt.
"""

from __future__ import annotations

import mmap
import os
import struct
import subprocess
import tempfile
from collections.abc import Callable
from functools import wraps
from typing import Any

import psycopg2
from psycopg2.extensions import TRANSACTION_STATUS_IDLE
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

#: Where a point lies: no transaction is open; between the statements of one; before its COMMIT is sent; right after
#: COMMIT was answered; at a file, or at a program that is started.
PLACES = ("before", "inside", "at commit", "after", "at a file")

_RECORD = struct.Struct("ii")


class Trace:
    """How far an attempt came. The parent reads it after the child's death, so it lies in shared memory."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _RECORD.size)

    def note(self, points: int, place: str) -> None:
        self._memory[:] = _RECORD.pack(points, PLACES.index(place))

    @property
    def points(self) -> int:
        """How many points were reached."""
        return int(_RECORD.unpack(self._memory[:])[0])

    @property
    def place(self) -> str:
        """Where the last point lay."""
        return PLACES[_RECORD.unpack(self._memory[:])[1]]


class _Watch:
    """Counts points, and acts at one of them."""

    def __init__(self, trace: Trace, at: int | None, act: Callable[[], None]) -> None:
        self.trace, self.at, self.act = trace, at, act
        self.points = 0
        self.open: set[int] = set()

    def reach(self, place: str) -> None:
        self.points += 1
        self.trace.note(self.points, place)
        if self.points == self.at:
            self.act()

    def around(self, of: Any, name: str) -> None:
        plain = getattr(of, name)

        @wraps(plain)
        def watched(*arguments: Any, **named: Any) -> Any:
            self.reach("at a file")
            result = plain(*arguments, **named)
            self.reach("at a file")
            return result

        setattr(of, name, watched)


def watch(trace: Trace, at: int | None = None, act: Callable[[], None] = lambda: None) -> None:
    """From now on note every point of this process in `trace`, and `act` when the `at`-th is reached.

    For a process that was forked for this: it cannot be undone.
    """
    here = _Watch(trace, at, act)

    class WatchedCursor(Cursor):
        def execute(self, *arguments: Any, **named: Any) -> None:
            _before_statement(self.connection)
            super().execute(*arguments, **named)

        def copy_expert(self, *arguments: Any, **named: Any) -> None:
            _before_statement(self.connection)
            super().copy_expert(*arguments, **named)

    class WatchedConnection(Connection):
        def cursor(self, *arguments: Any, **named: Any) -> Any:
            named.setdefault("cursor_factory", WatchedCursor)
            return super().cursor(*arguments, **named)

        def commit(self) -> None:
            begun = self.info.transaction_status != TRANSACTION_STATUS_IDLE
            if begun:
                here.reach("at commit")
            super().commit()
            here.open.discard(id(self))
            if begun:
                here.reach("after")

        def rollback(self) -> None:
            here.open.discard(id(self))
            super().rollback()

    def _before_statement(connection: Connection) -> None:
        idle = connection.info.transaction_status == TRANSACTION_STATUS_IDLE
        here.reach("before" if idle and not here.open else "inside")
        here.open.add(id(connection))

    plain_connect = psycopg2.connect

    @wraps(plain_connect)
    def connect(*arguments: Any, **named: Any) -> Any:
        return plain_connect(*arguments, connection_factory=WatchedConnection, **named)

    psycopg2.connect = connect  # type: ignore[assignment]
    for name in ("fsync", "rename", "replace"):
        here.around(os, name)
    here.around(tempfile, "mkstemp")
    here.around(subprocess, "Popen")
