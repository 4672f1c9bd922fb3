"""The roster of a crew on a Ray cluster: which processes there are, and how they stand.

A machine that joins gets processes. A process that dies is started again by Ray, and is
made ready again from here. One that would give other bits, or cannot train, is left out
by name.
"""

import concurrent.futures
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import Any, NamedTuple

from jaxdl.engine.crew import Lost
from jaxdl.engine.kind import Kind, kind_here
from jaxdl.interop.ray_actor import Interval, jax_settings
from jaxdl.interop.ray_process import Dead, Failed, Process, State, say
from jaxdl.runs import RunMismatchError

FOLLOW_SECONDS = 1.0  # between two looks at which machines there are
RETRY_SECONDS = 0.5
LOOK_SECONDS = 0.5  # between two looks at whether to stop
HOPE_SECONDS = 15.0  # in which a machine may join when all that are there are left out
TELL_SECONDS = 60.0  # between two lines about a wait
MOST_LOSSES = 5  # of a process in a row, without a trained block between


class Place(NamedTuple):
    """A hand's place in a process, until the process is unseated."""

    process: Process
    generation: int

    @property
    def is_of_now(self) -> bool:
        """Whether the process is still as it was when the place was free."""
        ready = self.process.state is State.READY
        return ready and self.process.generation == self.generation


class Needs(NamedTuple):
    """What processes are asked for."""

    hands: int | None  # at most; None: as many as there is room for
    gpus: int  # of a process, with a hand for each; 0: hands are on CPUs
    cpus: int | None  # cores of a process, a hand for each; None: all of its machine


class Roster:
    """The processes of a cluster. What is told of changes holds `changed`."""

    def __init__(self, ray: Any, needs: Needs):
        """Starts processes, and more as machines join.

        Args:
            ray: the module, connected.
            needs: what is asked for.
        """
        self.ray, self.needs = ray, needs
        self.changed = threading.Condition(threading.RLock())
        self.processes: list[Process] = []
        self.free: deque[Place] = deque()
        self.setting: Any = None  # of the task, a reference into the object store
        self.blocks: list[Interval] = []  # one of each program
        self.words = ""  # what a block takes
        self.kind: Kind | None = None
        self.closed = threading.Event()
        self._own, self._settings = kind_here(), jax_settings()
        self._compiling, self._compiled = threading.Lock(), 0  # programs, by someone
        self._hopeless = self._told = time.monotonic()
        threading.Thread(target=self._follow, daemon=True).start()

    def live(self) -> list[Process]:
        """Returns the processes that have hands, or soon will."""
        return [p for p in self.processes if p.is_live]

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
        """
        with self.changed:
            while True:
                if self.closed.is_set() or (stop is not None and stop.is_set()):
                    raise concurrent.futures.CancelledError
                if ready():
                    return
                self._check_hope()
                self.changed.wait(LOOK_SECONDS)

    def enroll(self, process: Process) -> None:
        """Makes a process ready, from a thread of its own."""
        with self.changed:
            self.unseat(process, State.COMING)
            arguments = process, process.generation
            threading.Thread(target=self._serve, args=arguments, daemon=True).start()

    def unseat(self, process: Process, state: State) -> None:
        """Sets how a process stands, whose hands are no longer there."""
        process.state, process.generation = state, process.generation + 1
        self.free = deque(place for place in self.free if place.process is not process)
        self.changed.notify_all()

    def lost(self, process: Process, error: Exception) -> None:
        """Makes a process ready again that was lost; leaves it out if that is usual."""
        process.losses += 1
        if process.losses < MOST_LOSSES:
            say(f"{process.name} is lost; its blocks train elsewhere")
            self.enroll(process)
        else:
            words = f"it was lost {process.losses} times in a row ({error})"
            self.leave_out(process, ConnectionError(words))

    def leave_out(self, process: Process, reason: Exception) -> None:
        """Leaves a process out, for a reason that is told."""
        with self.changed:
            self.unseat(process, State.LEFT_OUT)
            process.reason = reason
            process.end()
            say(f"{process.name} is left out: {_line(reason)}")
            self._hopeless = time.monotonic()

    def _check_hope(self) -> None:
        """Tells of a wait, and ends one that is in vain."""
        now, told_by = time.monotonic(), self._told + TELL_SECONDS
        reasons = [p.reason for p in self.processes if p.reason is not None]
        if not reasons or self.live():
            self._hopeless = now
        if now - self._hopeless > HOPE_SECONDS:
            raise none_left(self.processes)
        if now > told_by:
            self._told = now
            coming = len(self.live())
            say(
                f"waits for {_processes(coming)} of the cluster to be ready"
                if coming
                else "waits for a machine of the cluster with a free "
                f"{'GPU' if self.needs.gpus else 'CPU'}"
            )

    def _follow(self) -> None:
        while not self.closed.is_set():
            try:
                found = self.ray.nodes()
            except self.ray.exceptions.RayError:  # looks again
                found = None
            with self.changed:
                if found is not None and not self.closed.is_set():
                    alive = {node["NodeID"]: node for node in found if node["Alive"]}
                    self._dismiss(alive)
                    self._hire(alive.values())
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
                process = Process(self.ray, node, left, on_gpus=needs.gpus > 0)
                process.start(self._settings, sys.path)
                self.processes.append(process)
                self.enroll(process)

    def _serve(self, process: Process, generation: int) -> None:
        """Makes a process ready; tries again while it only dies."""

        def is_wanted() -> bool:
            return process.generation == generation and not self.closed.is_set()

        deaths = 0
        while is_wanted():
            try:
                self._admit(process, process.card())
                if self._prepare(process, is_wanted):
                    return
            except Lost as error:
                deaths += isinstance(error, Dead)
                if deaths >= MOST_LOSSES and is_wanted():
                    words = f"it does not start ({error})"
                    self.leave_out(process, ConnectionError(words))
                self.closed.wait(RETRY_SECONDS)
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
            here = self._own._replace(platform=kind.platform, device=kind.device)
            expected = self.kind or here
            if kind != expected:
                raise RunMismatchError(differences(kind, expected))
            self.kind = expected
            self.changed.notify_all()

    def _prepare(self, process: Process, is_wanted: Callable[[], bool]) -> bool:
        """Has a process compile what is known; returns whether that is all.

        One process compiles first, the others when its programs are in the cache, which
        those of one machine share.
        """
        with self.changed:
            self.changed.wait_for(lambda: self.blocks or not is_wanted())
            blocks = [*self.blocks]
        if not is_wanted():
            return True
        with self._compiling if self._compiled < len(blocks) else nullcontext():
            hands, words = process.prepare(self.setting, blocks)
            self._compiled = max(self._compiled, len(blocks))
        with self.changed:
            if not is_wanted() or len(blocks) < len(self.blocks):
                return False
            self.words, process.hands = words, min(process.hands, hands)
            process.state = State.READY
            place = Place(process, process.generation)
            self.free.extend([place] * process.hands)
            self.changed.notify_all()
            return True


def differences(got: Kind, expected: Kind) -> str:
    """Returns how two kinds differ, in words."""
    pairs = {"device": (got.device, expected.device)}
    for part in ("versions", "flags"):
        ours, theirs = getattr(expected, part), getattr(got, part)
        for name in sorted({*ours, *theirs}):
            pairs[name] = theirs.get(name), ours.get(name)
    found = [
        f"{name} {a!r} instead of {b!r}" for name, (a, b) in pairs.items() if a != b
    ]
    return f"got {', '.join(found)}; its bits would be others"


def none_left(processes: Iterable[Process]) -> Exception:
    """Returns the error of a cluster whose processes are all left out."""
    known = [(p.name, p.reason) for p in processes if p.reason is not None]
    if all(isinstance(reason, MemoryError) for _, reason in known):
        return MemoryError(str(known[0][1]))
    mismatch = any(isinstance(reason, RunMismatchError) for _, reason in known)
    words = "; ".join(f"{name}: {_line(reason)}" for name, reason in known[:5])
    text = (
        f"got {_processes(len(known))} on the cluster, none of which can train "
        f"this sweep ({words}); expected one that can"
    )
    return RunMismatchError(text) if mismatch else ConnectionError(text)


def _processes(number: int) -> str:
    return f"{number} process{'es' * (number != 1)}"


def _line(reason: Exception) -> str:
    """Returns the first line of an error; what Ray raises there has a traceback."""
    return str(reason).partition("\n")[0] or type(reason).__name__
