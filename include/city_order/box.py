"""The sandbox's child: confines itself, reads one drop from its standard input, answers on standard output.

Started by path (`python -I -S box.py <header>`), never imported by the flows. The header is JSON: the form,
the limits, and the two directories to import from. It opens no file but its own modules, and what it reads
was written by strangers. Exit codes: 0 answered, 3 ended by an exception
(named on standard error; MemoryError means that the limit was met).
"""

import json
import resource
import sys
from typing import Any


def confine(limits: dict[str, int]) -> None:
    """Give up memory, time and files above the limits. Cannot be undone."""
    cpu = limits["cpu_seconds"]
    resource.setrlimit(resource.RLIMIT_AS, (limits["memory_bytes"],) * 2)
    # The soft limit's signal names the cause; the hard one, two seconds later, cannot be ignored.
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 2))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


def main(header: dict[str, Any]) -> bytes:
    """Read standard input as the header says; returns the reading as JSON."""
    sys.path += header["import_from"]
    from dataclasses import replace

    from include.city_order import formats, readings, tables

    form = readings.Form.from_json(header["form"])
    limits = readings.Limits.from_json(header["limits"])
    kind = ""
    try:
        data = sys.stdin.buffer.read(limits.upload_bytes + 1)
        if len(data) > limits.upload_bytes:
            raise formats.Unreadable("too_large")
        opened = formats.open_drop(data, limits)
        kind = opened.format
        reading = tables.read_tables(opened.sheets, form)
        skipped = [readings.LeftOut(name, "", 0, "unknown_format") for name in opened.skipped]
        reading = replace(reading, format=kind, encoding=opened.encoding, left_out=[*reading.left_out, *skipped])
    except formats.Unreadable as fault:
        reading = readings.Reading("unreadable", fault.reason, format=kind)
    return reading.to_json().encode("utf-8", errors="replace")


if __name__ == "__main__":
    header = json.loads(sys.argv[1])
    confine(json.loads(header["limits"]))
    try:
        answer = main(header)
    except Exception as error:
        # The type and the place, never the message: it may quote the drop.
        trace = error.__traceback__
        while trace and trace.tb_next:
            trace = trace.tb_next
        place = f"{trace.tb_frame.f_code.co_name}:{trace.tb_lineno}" if trace else "?"
        sys.stderr.write(f"{type(error).__name__} at {place}\n")
        sys.exit(3)
    sys.stdout.buffer.write(answer)
    sys.stdout.buffer.flush()
