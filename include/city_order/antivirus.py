"""The department's own antivirus, asked about each drop before it is opened.

`CITY_ORDER_ANTIVIRUS` is a command line; the file's path is put in the place of `{}`, or at its end. No shell reads
it. The command ends with 0 for a clean file and with 1 for an infected one, as ClamAV's do; all else is our fault.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

SETTING = "CITY_ORDER_ANTIVIRUS"
#: A scanner that has not answered by then is not at work.
_SECONDS = 600
_SAID_CHARACTERS = 500


def is_infected(path: Path, environ: Mapping[str, str]) -> bool:
    """Whether the antivirus calls the file at `path` infected; without one it is not.

    Raises RuntimeError if the antivirus itself does not work: drops then wait, for one that was not looked at is not
    a clean one.
    """
    setting = environ.get(SETTING, "").strip()
    if not setting:
        return False
    try:
        words = shlex.split(setting)
    except ValueError as error:
        raise RuntimeError(f"{SETTING} is no command line ({error}): {setting}. Mend its quotes") from None
    asked = any("{}" in word for word in words)
    command = [word.replace("{}", str(path)) for word in words] if asked else [*words, str(path)]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False)
    except OSError as error:
        raise RuntimeError(f"{SETTING} cannot be run ({error}): {setting}. Mend the setting, or the scanner") from None
    except subprocess.TimeoutExpired:
        raise RuntimeError(
            f"{SETTING} did not end within {_SECONDS} s: {setting}. See what the scanner waits for"
        ) from None
    if done.returncode in (0, 1):
        return done.returncode == 1
    said = (done.stderr or done.stdout)[-_SAID_CHARACTERS:].decode(errors="replace").strip()
    raise RuntimeError(
        f"{SETTING} ended with {done.returncode}, and 0 is clean, 1 infected: {setting}. It said: {said or 'nothing'}"
    )
