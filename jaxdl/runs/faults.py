"""Faults of the disk that pass: they are waited for, and told on standard error."""

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from jaxdl.runs.errors import PassingError

Result = TypeVar("Result")

FIRST, LONGEST = 0.1, 10.0  # seconds between two tries, which double
LONG = 1800.0  # seconds after which a wait is told again,
EVERY = 60.0  # and how many seconds apart
WAITS = "jaxdl: the run in {} waits until it can be written ({}); nothing is lost"
STILL = "jaxdl: the run in {} has waited for {:.0f} minutes ({})"


def outlast(
    error: PassingError, act: Callable[[], Result], pause: Callable[[float], bool]
) -> Result:
    """Returns what `act` returns once the fault of an error has passed.

    Args:
        error: of the first try.
        act: the next try.
        pause: waits for so many seconds, and returns whether to try again.

    Raises:
        PassingError: `pause` returned False.
        BaseException: what `act` raises if its fault does not pass.
    """
    began = time.monotonic()
    due, seconds = began + LONG, FIRST
    _tell(WAITS.format(error.folder, error.__cause__))
    while pause(seconds):
        try:
            return act()
        except PassingError as again:
            error = again
        seconds = min(2 * seconds, LONGEST)
        if time.monotonic() >= due:
            minutes, due = (time.monotonic() - began) / 60, due + EVERY
            _tell(STILL.format(error.folder, minutes, error.__cause__))
    raise error


def _tell(line: str) -> None:
    """Prints a line. A stream that is missing, closed or full ends no training."""
    with suppress(AttributeError, OSError, ValueError):
        print(line, file=sys.stderr, flush=True)
