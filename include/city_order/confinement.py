"""What the reader of a drop gives up before it sees its first byte: means, and then all of the world but its pipes.

Both are for good: no process can take back what it gave up here. Used by the sandbox's child.
"""

from __future__ import annotations

import ctypes
import os
import resource
import struct
import sys
from collections.abc import Iterable

from include.city_order.readings import Limits

#: Said on standard error where the kernel cannot lock the world out.
UNSEALED = "without a system call filter: "

#: The few calls that computing needs, beside reading and writing what is open: name → (number on x86_64, on aarch64).
#: All others are refused: files, the network, other processes, the kernel's own doors.
_ALLOWED = {
    "read": (0, 63),
    "write": (1, 64),
    "close": (3, 57),
    "lseek": (8, 62),
    "munmap": (11, 215),
    "brk": (12, 214),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "pread64": (17, 67),
    "writev": (20, 66),
    "sched_yield": (24, 124),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "nanosleep": (35, 101),
    "getpid": (39, 172),
    "exit": (60, 93),
    "getrusage": (98, 165),
    "sysinfo": (99, 179),
    "sigaltstack": (131, 132),
    "gettid": (186, 178),
    "futex": (202, 98),
    "restart_syscall": (219, 128),
    "clock_gettime": (228, 113),
    "clock_nanosleep": (230, 115),
    "exit_group": (231, 94),
    "getrandom": (318, 278),
}
#: Memory may be asked for, but not such as can be executed.
_NOT_EXECUTABLE = {"mmap": (9, 222), "mprotect": (10, 226)}
#: An abort is a signal to oneself.
_TO_ONESELF = {"tgkill": (234, 131)}

#: The kernel's name for each machine, and its place in the tables above.
_MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
#: Calls from here on are the same ones under other numbers.
_X32_CALLS = 0x40000000

_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000 | 1, 0x80000000
_LOAD, _JUMP_EQUAL, _JUMP_FROM, _JUMP_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_CALL, _MACHINE, _FIRST_ARGUMENT, _THIRD_ARGUMENT = 0, 4, 16, 32
_PROT_EXEC = 4
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2

Instruction = tuple[int, int, int, int]


class _Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def limit(limits: Limits) -> None:
    """Give up memory, time and files above the limits."""
    cpu = limits.cpu_seconds
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes,) * 2)
    # The soft limit's signal names the cause; the hard one, two seconds later, cannot be ignored.
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 2))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


def seal() -> str:
    """Give up every system call but the few that computing needs. Returns "", or why the kernel did not agree."""
    machine = os.uname().machine
    if sys.platform != "linux" or machine not in _MACHINES or sys.maxsize < 2**32:
        return f"{UNSEALED}none is known for {sys.platform} on {machine}"
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in program(machine, os.getpid()))
    filter_ = _Filter(len(code) // 8, code)
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or library.prctl(
        _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(filter_), 0, 0
    ):
        return f"{UNSEALED}{os.strerror(ctypes.get_errno())}"
    return ""


def program(machine: str, process: int) -> list[Instruction]:
    """The filter that the kernel runs at each call, in its own small language: (operation, if true, if false, value).

    The jumps count instructions to leave out.
    """
    architecture, position = _MACHINES[machine]

    def numbers(calls: dict[str, tuple[int, int]]) -> Iterable[int]:
        return (numbers_of[position] for numbers_of in calls.values())

    code: list[Instruction] = [
        (_LOAD, 0, 0, _MACHINE),
        (_JUMP_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _CALL),
        (_JUMP_FROM, 0, 1, _X32_CALLS),
        (_RETURN, 0, 0, _REFUSE),
    ]
    for number in numbers(_ALLOWED):
        code += [(_JUMP_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ALLOW)]
    for number in numbers(_NOT_EXECUTABLE):
        code += [
            (_JUMP_EQUAL, 0, 4, number),
            (_LOAD, 0, 0, _THIRD_ARGUMENT),
            (_JUMP_ANY_BIT, 1, 0, _PROT_EXEC),
            (_RETURN, 0, 0, _ALLOW),
            (_RETURN, 0, 0, _REFUSE),
        ]
    for number in numbers(_TO_ONESELF):
        code += [
            (_JUMP_EQUAL, 0, 4, number),
            (_LOAD, 0, 0, _FIRST_ARGUMENT),
            (_JUMP_EQUAL, 0, 1, process),
            (_RETURN, 0, 0, _ALLOW),
            (_RETURN, 0, 0, _REFUSE),
        ]
    return [*code, (_RETURN, 0, 0, _REFUSE)]
