"""Work beside a main thread that listens, so that signals are answered at any moment.

Python handles signals between two steps of its main thread, and a compilation or an
epoch is one such step.
"""

import os
import select
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

TEMPORARY = 75  # exit status of what the same command can go on with; sysexits.h


def supervise(work: Callable[[], int], *, resumable: bool) -> int:
    """Returns what the work does, or raises what it raises.

    SIGINT and SIGTERM end the process at once. What it has on disk is whole at every
    instant, so there is nothing to wait for.

    Args:
        work: runs in a thread of its own.
        resumable: whether the same command goes on where it was ended; the exit status
            is 75 then, and 128 and the signal's number otherwise.
    """

    def leave(number: int, _: Any) -> None:
        name = signal.Signals(number).name
        again = "; the same command goes on from what is kept" if resumable else ""
        show_cursor = "\x1b[?25h" if sys.stderr.isatty() else ""
        # Not through sys.stderr, which a thread may hold that waits for a reader; and
        # not at all if the reader is gone, or reads nothing.
        with suppress(OSError):
            if os.name == "nt" or select.select([], [2], [], 0)[1]:
                os.write(2, f"{show_cursor}\njaxdl: ended by {name}{again}\n".encode())
        os._exit(TEMPORARY if resumable else 128 + number)

    if threading.current_thread() is not threading.main_thread():
        return work()
    before = {s: signal.signal(s, leave) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        return _beside(work)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _beside(work: Callable[[], int]) -> int:
    outcome: list[int] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(work())
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    while thread.is_alive():
        # A signal that comes just as this begins, or on Windows, is seen at its end.
        thread.join(0.1)
    if failure:
        raise failure[0]
    return outcome[0]
