"""A writer: it puts what is handed over on the disk, in groups, on a thread of its own.

Threads that hand something over do not wait for the disk, unless too much waits. After
an error all that is not on the disk waits on, in its order, and is tried again.
"""

import threading
import time
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

Change = TypeVar("Change")

SECONDS = 0.5  # that a change waits, so that others join its group
MOST_BYTES = 2**28  # may wait; then threads that hand something over wait as well


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
        self._running = False
        self._error: BaseException | None = None  # that no call has raised yet

    def add(self, change: Change, size: int) -> None:
        """Hands a change over.

        Args:
            change: for `write`.
            size: its bytes.

        Raises:
            BaseException: an earlier change could not be written; this one is refused.
        """
        with self._news:
            self._raise()
            while self._waiting and self._bytes + size > MOST_BYTES:
                self._push()
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

    def stop(self) -> None:
        """Returns when the thread has ended; what it could not write is forgotten."""
        with self._news:
            self._hurried += 1
            self._news.notify_all()
            self._news.wait_for(lambda: not self._running)
            self._forget(len(self._waiting))

    def _push(self) -> None:
        """Has the thread write now, and waits until it has."""
        before = self._written
        self._hurried += 1
        try:
            self._start()
            self._news.notify_all()
            self._news.wait_for(lambda: self._written > before or not self._running)
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
        """Writes groups until nothing waits, or until one fails."""
        try:
            while group := self._group():
                self._write(group)
                self._wrote(len(group))
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
