"""The programs that a process of a cluster has compiled, on their way to the others."""

import threading
from typing import Any

from jaxdl.interop.ray_process import Process, say

ALONE_SECONDS = 60.0  # in which a process that compiles is not asked whether it lives
ANSWER_SECONDS = 10.0  # in which it has to answer then


class Shared:
    """Compiled programs, for those that come. Whoever lacks them compiles."""

    def __init__(self, ray: Any, changed: threading.Condition):
        """Makes an empty set.

        Args:
            ray: the module, connected.
            changed: of the roster.
        """
        self.sent: Any = {}  # by key; in the object store, once there are some
        self._ray, self._changed = ray, changed
        self._known: dict[str, bytes] = {}
        self._compiler: Process | None = None  # for which the others wait
        self._putting = threading.Lock()  # putting takes long, and holds nobody else up

    def add(self, found: dict[str, bytes]) -> None:
        """Adds programs. The first of a key stays: others may have loaded it.

        They save time alone, so that an object store which is full ends nothing.
        """
        with self._putting:
            if not found.keys() - self._known.keys():
                return
            known, store = found | self._known, self._ray.exceptions
            try:
                self.sent = self._ray.put(known)
            except (store.RayError, MemoryError, OSError) as error:
                say(f"compiled programs are not shared ({error!s:.200})")
            else:
                self._known = known

    def begin(self, process: Process, waits: Any) -> None:
        """Returns when a process may compile, or need not any more.

        One compiles first. The others load its programs, in which a compiler may have
        chosen by a stopwatch. Each waits as long as the one that compiles answers.

        Args:
            process: that is to compile.
            waits: is called with `changed` held; whether it still has to wait if
                another one compiles.
        """

        def may() -> bool:
            return self._compiler is None or not waits()

        while True:
            with self._changed:
                if self._changed.wait_for(may, ALONE_SECONDS):
                    self._compiler = self._compiler or process
                    return
                asked = self._compiler
            if asked is not None and not asked.answers(ANSWER_SECONDS):
                self.end(asked)

    def end(self, process: Process) -> None:
        """Takes that a process has compiled, or does not answer."""
        with self._changed:
            if self._compiler is process:
                self._compiler = None
                self._changed.notify_all()
