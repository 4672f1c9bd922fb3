"""The time of a command, which counts from the start of its process."""

import os
import time
from pathlib import Path

from jaxdl.engine.deadline import Deadline

IMPORTED = time.monotonic()
LONGEST = 60.0  # seconds from the start of the process to the import of this file
SUMMARY = 2.0  # seconds for the summary, about
GRACE = 1.5  # seconds after its time at which a command ends in any case


def process_began() -> float:
    """Returns when this process began, by `time.monotonic`.

    Where the system does not say, it is when this file was imported.
    """
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        uptime = float(Path("/proc/uptime").read_text().split()[0])
        age = uptime - int(fields[19]) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return IMPORTED
    began = time.monotonic() - age
    return began if IMPORTED - LONGEST < began <= IMPORTED else IMPORTED


def deadline_of(seconds: float | None, began: float) -> Deadline | None:
    """Returns when the training of a command has to end, so that its summary fits.

    Args:
        seconds: of the command; None: any time.
        began: when it began.
    """
    if seconds is None:
        return None
    return Deadline(began + seconds - min(SUMMARY, seconds / 4), seconds)
