"""Runs work beside the main thread, which answers signals at any moment.

Python handles signals between two steps of its main thread. A compilation or an epoch
would be one such step.
"""

import os
import select
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

TIME_IS_UP = "jaxdl: time is up; the same command resumes it"
TEMPORARY = 75  # exit status if the same command resumes the work; sysexits.h


def supervise(
    work: Callable[[], int], *, resumable: bool, until: float | None = None
) -> int:
    """Returns what the work does, or raises what it raises.

    SIGINT and SIGTERM end the process at once: its files are whole at every instant.
    The exit status is 75 if the work is resumable, else 128 plus the signal's number.

    Args:
        work: runs in a thread of its own.
        resumable: whether the same command resumes the work.
        until: when, by `time.monotonic`, resumable work ends in any case, such as
            within a long compilation, with status 75. None: never.
    """

    def leave(number: int, _: Any) -> None:
        end(_ending(number, resumable), TEMPORARY if resumable else 128 + number)

    def end(words: str, status: int) -> None:
        show_cursor = "\x1b[?25h" if os.isatty(2) else ""
        # Another thread may hold sys.stderr while it waits for a reader. If the reader
        # is gone or reads nothing, nothing is written. sys.stderr itself may be closed.
        with suppress(OSError):
            if os.name == "nt" or select.select([], [2], [], 0)[1]:
                os.write(2, f"{show_cursor}\n{words}\n".encode())
        os._exit(status)

    if threading.current_thread() is not threading.main_thread():
        return work()
    before = {s: signal.signal(s, leave) for s in (signal.SIGINT, signal.SIGTERM)}
    left = threading.TIMEOUT_MAX if until is None else until - time.monotonic()
    timer = threading.Timer(max(0.0, left), lambda: end(TIME_IS_UP, TEMPORARY))
    timer.daemon = True
    if until is not None:
        timer.start()
    try:
        return _beside(work)
    finally:
        timer.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)


def _ending(number: int, resumable: bool) -> str:
    ended = "interrupted" if number == signal.SIGINT else "ended by SIGTERM"
    return f"jaxdl: {ended}{'; the same command resumes it' if resumable else ''}"


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
        # A signal may wait for the end of a join: on Windows, or if it comes as one
        # begins.
        thread.join(0.1)
    if failure:
        raise failure[0]
    return outcome[0]
