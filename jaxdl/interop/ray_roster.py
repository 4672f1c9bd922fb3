"""The roster of a crew on a Ray cluster: which processes there are, and how they stand.

A machine that joins gets processes. A process that dies is started again from here, not
by Ray, so that each death is heard of, also of one that dies while it starts. One that
would give other bits, or cannot train, is left out by name.
"""

import concurrent.futures
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from jaxdl.engine.deadline import NEVER, Deadline, TimeIsUp
from jaxdl.engine.hands import Lost
from jaxdl.engine.kind import Kind, kind_here
from jaxdl.engine.memory import ONE_TOO_MANY
from jaxdl.interop.ray_actor import jax_settings
from jaxdl.interop.ray_faults import (
    checked,
    expected_here,
    first_line,
    in_the_way,
    none_left,
    waits_for,
)
from jaxdl.interop.ray_process import (
    LOOK_SECONDS,
    Failed,
    Needs,
    OutOfMemory,
    Place,
    Process,
    State,
    say,
)
from jaxdl.interop.ray_programs import Shared
from jaxdl.interop.ray_wire import SentBlock
from jaxdl.shown import count

FOLLOW_SECONDS = 1.0  # between two looks at which machines there are
RETRY_SECONDS = 0.5
HOPE_SECONDS = 15.0  # in which a machine may join when all that are there are left out
TELL_SECONDS = 60.0  # between two lines about a wait
MOST_LOSSES = 5  # of a process in a row, without a trained block between


class Roster:
    """The processes of a cluster. What is told of changes holds `changed`."""

    def __init__(
        self,
        ray: Any,
        needs: Needs,
        expected: Kind | None = None,
        deadline: Deadline = NEVER,
    ):
        """Starts processes, and more as machines join.

        Args:
            ray: the module, connected.
            needs: what is asked for.
            expected: the kind of the run that resumes; None: any.
            deadline: after which nobody waits.
        """
        self.deadline, self._own = deadline, kind_here()
        self.kind = expected and expected_here(expected, self._own, needs)
        self.resumes = self.kind is not None
        self.admitted = False  # whether a process of the kind has started
        self.ray, self.needs = ray, needs
        self.changed = threading.Condition(threading.RLock())
        self.processes: list[Process] = []
        self.free: deque[Place] = deque()
        self.task: Any = None  # a reference into the object store
        self.blocks: list[SentBlock] = []  # one of each program
        self.words = ""  # what a block takes
        self.closed = threading.Event()
        self._settings = jax_settings()
        self._programs = Shared(ray, self.changed)
        self._altered = self._told = time.monotonic()
        threading.Thread(target=self._follow, daemon=True).start()

    def live(self) -> list[Process]:
        """Returns the processes that have hands, or soon will."""
        return [p for p in self.processes if p.is_live]

    def is_ready(self) -> bool:
        """Returns whether a process is ready."""
        return any(p.state is State.READY for p in self.processes)

    def close(self) -> None:
        """Ends all processes."""
        with self.changed:
            self.closed.set()
            for process in self.processes:
                process.end()
            self.changed.notify_all()

    def wait(
        self, ready: Callable[[], bool], stop: threading.Event | None = None
    ) -> None:
        """Returns when `ready` is true; the caller may hold `changed`.

        Args:
            ready: is called with `changed` held.
            stop: once it is set, nobody waits.

        Raises:
            CancelledError: `stop` is set, or the roster is closed.
            MemoryError, OSError, RunMismatchError: all processes are left out, and no
                machine has joined for a while.
            TimeIsUp: the deadline has passed.
        """
        began = time.monotonic()
        with self.changed:
            while True:
                if self.closed.is_set() or (stop is not None and stop.is_set()):
                    raise concurrent.futures.CancelledError
                if self.deadline.left() <= 0:
                    raise TimeIsUp(self.deadline.seconds, self._missing())
                if ready():
                    return
                self._check_hope()
                self._tell(began)
                self.changed.wait(self.deadline.within(LOOK_SECONDS))

    def enroll(self, process: Process) -> None:
        """Makes a process ready, from a thread of its own."""
        with self.changed:
            self.unseat(process, State.COMING)
            arguments = process, process.generation
            threading.Thread(target=self._serve, args=arguments, daemon=True).start()

    def unseat(self, process: Process, state: State) -> None:
        """Sets how a process stands, whose hands are no longer there."""
        process.state, process.generation = state, process.generation + 1
        self._altered = time.monotonic()
        self.free = deque(place for place in self.free if place.process is not process)
        self.changed.notify_all()

    def lost(self, process: Process, error: Exception) -> None:
        """Starts a process again that was lost; leaves it out if that is usual."""
        with self.changed:
            if isinstance(error, OutOfMemory):
                self.shrink(process)
            if not process.hands:
                return
            process.losses += 1
            if process.losses >= MOST_LOSSES:
                words = f"it was lost {process.losses} times in a row ({error})"
                return self.leave_out(process, ConnectionError(words))
            say(f"{process.name} is lost; it starts again ({first_line(error)})")
            process.end()
            self.enroll(process)

    def shrink(self, process: Process) -> None:
        """Takes a hand from a process that is short of memory, or leaves it out."""
        process.hands -= 1
        say(f"{process.name} is short of memory: {count(process.hands, 'hand')} left")
        if not process.hands:
            self.leave_out(process, MemoryError(ONE_TOO_MANY))

    def leave_out(self, process: Process, reason: Exception) -> None:
        """Leaves a process out, for a reason that is told."""
        with self.changed:
            self.unseat(process, State.LEFT_OUT)
            process.reason = reason
            process.end()
            say(f"{process.name} is left out: {first_line(reason)}")

    def _check_hope(self) -> None:
        """Ends a wait that is in vain. A failed block needs one that has started."""
        known = [p for p in self.processes if p.reason is not None]
        failed = any(p.state is State.ASIDE for p in known)
        there = [p for p in self.live() if p.fits or not failed]
        if known and not there and time.monotonic() - self._altered > HOPE_SECONDS:
            raise none_left(known, self.kind if self.resumes else None)

    def _missing(self) -> str:
        """Returns what did not come, with those that stand in the way."""
        what = (
            "no hand was free" if self.is_ready() else "no machine was ready to train"
        )
        return what + in_the_way(self.processes)

    def _tell(self, began: float) -> None:
        """Tells of a wait that is long, unless others train meanwhile.

        Args:
            began: when the wait did.
        """
        live, now = self.live(), time.monotonic()
        if now < max(began, self._told) + TELL_SECONDS or self.is_ready():
            return
        self._told = now
        say(waits_for(len(live), "GPU" if self.needs.gpus else "CPU"))

    def _follow(self) -> None:
        told = ""
        while not self.closed.is_set():
            try:
                found = self.ray.nodes()
                with self.changed:
                    if not self.closed.is_set():
                        alive = {one["NodeID"]: one for one in found if one["Alive"]}
                        self._dismiss(alive)
                        self._hire(alive.values())
            except Exception as error:  # whatever it is, machines may still join
                line = f"cannot see the machines ({first_line(error)}); looks again"
                if line != told:
                    say(line)
                told = line
            self.closed.wait(FOLLOW_SECONDS)

    def _dismiss(self, alive: Iterable[str]) -> None:
        """Forgets the processes of machines that have left."""
        for process in [p for p in self.processes if p.node not in alive]:
            say(f"{process.name} is gone with its machine")
            self.unseat(process, State.GONE)
            self.processes.remove(process)

    def _hire(self, nodes: Iterable[dict[str, Any]]) -> None:
        """Starts the processes that machines have room for."""
        for node in nodes:
            has, needs = node["Resources"], self.needs
            room = int(has.get("GPU" if needs.gpus else "CPU", 0))
            each = needs.gpus or needs.cpus or max(1, room)
            there = sum(p.node == node["NodeID"] for p in self.processes)
            for _ in range(there, room // each):
                taken = sum(p.hands for p in self.live())
                left = each if needs.hands is None else min(each, needs.hands - taken)
                if left < 1:
                    return
                threads = None if needs.gpus else each
                process = Process(self.ray, node, left, threads)
                process.start(self._settings, sys.path)
                self.processes.append(process)
                self.enroll(process)

    def _serve(self, process: Process, generation: int) -> None:
        """Makes a process ready, which is started if it does not run."""

        def is_wanted() -> bool:
            coming = process.state is State.COMING and process.generation == generation
            return coming and not self.closed.is_set()

        while is_wanted():
            try:
                with self.changed:
                    if is_wanted() and process.actor is None:
                        process.start(self._settings, sys.path)
                self._admit(process, process.card())
                self._prepare(process, is_wanted)
            except Lost as error:
                self.closed.wait(RETRY_SECONDS)
                with self.changed:
                    if is_wanted():
                        self.lost(process, error)
            except Exception as error:
                cause = error.cause if isinstance(error, Failed) else error
                if is_wanted():
                    self.leave_out(process, cause)

    def _admit(self, process: Process, kind: Kind) -> None:
        """Checks the kind of a process; the first one that fits sets that of all.

        Raises:
            RunMismatchError: its bits would be others.
        """
        with self.changed:
            self.kind = checked(kind, self._own, self.kind)
            self.admitted = process.fits = True
            self.changed.notify_all()

    def _prepare(self, process: Process, is_wanted: Callable[[], bool]) -> None:
        """Has a process compile what is known, or load it; then it is ready."""
        with self.changed:
            self.changed.wait_for(lambda: self.blocks or not is_wanted())
        self._programs.begin(process, lambda: is_wanted() and not self.is_ready())
        try:
            with self.changed:
                if not is_wanted():
                    return
                blocks = [*self.blocks]
            sent = self._programs.sent
            hands, words, found = process.prepare(self.task, blocks, sent)
            self._programs.add(found)
            with self.changed:
                if is_wanted() and len(blocks) == len(self.blocks):
                    self.words, process.hands = words, min(process.hands, hands)
                    process.state = State.READY
                    place = Place(process, process.generation, process.actor)
                    self.free.extend([place] * process.hands)
                    self.changed.notify_all()
        finally:
            self._programs.end(process)
