"""A writer: it puts what is handed over on the disk, in groups, on a thread of its own.

Threads that hand something over do not wait for the disk, unless too much waits. A
fault that passes is waited for. After another error all that is not on the disk waits
on, in its order, and is tried again.
"""

import concurrent.futures
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from jaxdl.runs.errors import PassingError
from jaxdl.runs.faults import outlast

Change = TypeVar("Change")

SECONDS = 0.5  # that a change waits, so that others join its group
LOOKS = 0.2  # seconds between two looks at `stop`
# Files of Linux with the most bytes of a container.
CONTAINER = (
    "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes",
)  # fmt: skip
UNKNOWN_BYTES = 2**30  # of memory, where the system does not say


def memory_bytes() -> int:
    """Returns the bytes of memory of this machine, or of its container."""
    found = []
    with suppress(AttributeError, OSError, ValueError):  # Windows has no sysconf
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for path in CONTAINER:
        with suppress(OSError, ValueError):  # "max" stands for no limit
            found.append(int(Path(path).read_text()))
    return min(found, default=UNKNOWN_BYTES)


# May wait; then threads that hand something over wait as well.
MOST_BYTES = memory_bytes() // 4


class Waiting(NamedTuple, Generic[Change]):
    """A change that is not on the disk."""

    change: Change
    size: int  # bytes
    since: float  # on the clock of `time.monotonic`


class Writer(Generic[Change]):
    """Writes changes in the order in which they come; any thread may call any method.

    Its thread lives only while changes wait.
    """

    def __init__(self, write: Callable[[list[Change]], None]):
        """Makes a writer that has nothing to write yet.

        Args:
            write: puts a group of changes on the disk, or raises. After an error it
                gets the same changes again, at the start of the next group.
        """
        self._write = write
        self._news = threading.Condition()  # guards all that follows
        self._waiting: list[Waiting[Change]] = []
        self._bytes = 0  # that wait
        self._added = self._written = 0  # changes so far
        self._hurried = 0  # threads that wait for the disk
        self._running = self._hasty = False
        self._error: BaseException | None = None  # that no call has raised yet

    def add(
        self, change: Change, size: int, stop: threading.Event | None = None
    ) -> None:
        """Hands a change over.

        Args:
            change: for `write`.
            size: its bytes.
            stop: once it is set, this does not wait for room.

        Raises:
            CancelledError: there is no room and `stop` is set; the change is refused.
            BaseException: an earlier change could not be written; this one is refused.
        """
        with self._news:
            self._raise()
            while self._waiting and self._bytes + size > MOST_BYTES:
                self._push(stop)
            self._waiting.append(Waiting(change, size, time.monotonic()))
            self._bytes += size
            self._added += 1
            self._start()

    def flush(self) -> None:
        """Returns when all that was handed over is on the disk.

        Raises:
            BaseException: a change cannot be written.
        """
        with self._news:
            self._error, last = None, self._added
            while self._written < last:
                self._push()

    def give_up(self) -> None:
        """From now on no fault is waited for, and it is an error as any other."""
        with self._news:
            self._hasty = True
            self._news.notify_all()

    def pause(self, seconds: float) -> bool:
        """Waits for so many seconds; returns False, at once, after `give_up`."""
        with self._news:
            return not self._news.wait_for(lambda: self._hasty, seconds)

    def stop(self) -> None:
        """Returns when the thread has ended; what it could not write is forgotten."""
        self.give_up()
        with self._news:
            self._hurried += 1
            self._news.notify_all()
            self._news.wait_for(lambda: not self._running)
            self._forget(len(self._waiting))

    def _push(self, stop: threading.Event | None = None) -> None:
        """Has the thread write now, and waits until it has, or until `stop` is set."""
        before, looks = self._written, None if stop is None else LOOKS
        self._hurried += 1
        try:
            self._start()
            self._news.notify_all()
            while not self._news.wait_for(
                lambda: self._written > before or not self._running, looks
            ):
                if stop is not None and stop.is_set():
                    raise concurrent.futures.CancelledError
        finally:
            self._hurried -= 1
        self._raise()

    def _raise(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _start(self) -> None:
        if not self._running:
            threading.Thread(target=self._run, name="jaxdl-writer").start()
            self._running = True

    def _run(self) -> None:
        """Writes groups until nothing waits, or until one fails.

        After a fault the first change goes by itself, and each group may have twice as
        many as the one before: on a full disk, a drop makes room for what comes after.
        """
        most: int | None = None
        try:
            while group := self._group()[:most]:
                try:
                    self._write(group)
                except PassingError as error:
                    group, most = group[:1], 1
                    outlast(error, partial(self._write, group), self.pause)
                self._wrote(len(group))
                most = most and 2 * most
        except BaseException as error:
            with self._news:
                self._error, self._running = error, False
                self._news.notify_all()

    def _group(self) -> list[Change]:
        """Returns all that waits, once it is due; if nothing waits, the thread ends."""
        with self._news:
            if self._waiting:
                due = self._waiting[0].since + SECONDS - time.monotonic()
                self._news.wait_for(lambda: self._hurried > 0, timeout=due)
            else:
                self._running = False
                self._news.notify_all()
            return [one.change for one in self._waiting]

    def _wrote(self, count: int) -> None:
        with self._news:
            self._forget(count)
            self._news.notify_all()

    def _forget(self, count: int) -> None:
        self._bytes -= sum(one.size for one in self._waiting[:count])
        del self._waiting[:count]
        self._written += count
