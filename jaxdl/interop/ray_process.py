"""A process of a Ray cluster as the sweep sees it, and its hands."""

import concurrent.futures
import contextlib
import enum
import math
import threading
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from jaxdl import terminal
from jaxdl.engine.blocks import Report
from jaxdl.engine.deadline import LATE, Deadline
from jaxdl.engine.hands import Lost
from jaxdl.engine.kind import Kind
from jaxdl.interop.ray_actor import Actor
from jaxdl.interop.ray_wire import SentBlock
from jaxdl.runs import Record

LOOK_SECONDS = 0.5  # between two looks at whether to stop
SILENT_SECONDS = 60.0  # after which it is told that nothing is heard of a block


class State(enum.Enum):
    """How a process stands."""

    COMING = enum.auto()  # starts, or compiles
    READY = enum.auto()  # its hands train
    ASIDE = enum.auto()  # has failed a block; waits until another has trained it
    LEFT_OUT = enum.auto()  # for a reason
    GONE = enum.auto()  # with its machine


class Failed(Exception):
    """A block failed for another reason than memory; `cause` is what was raised."""

    def __init__(self, cause: Exception):
        super().__init__(str(cause))
        self.cause = cause


class OutOfMemory(Lost):
    """The process was ended, because its machine was short of memory."""


class Needs(NamedTuple):
    """What processes are asked for."""

    hands: int | None  # at most; None: as many as there is room for
    gpus: int  # of a process, with a hand for each; 0: hands are on CPUs
    cpus: int | None  # cores of a process, a hand for each; None: all of its machine


class Process:
    """A process of the cluster, whose hands train blocks side by side."""

    def __init__(self, ray: Any, node: dict[str, Any], hands: int, threads: int | None):
        """Plans a process.

        Args:
            ray: the module, connected.
            node: its machine, as `ray.nodes` has it.
            hands: how many it has, at most.
            threads: of XLA on its CPU; None: each hand has a GPU.
        """
        self.ray, self.node = ray, node["NodeID"]
        self.name = f"a process on {node.get('NodeManagerHostname', self.node[:8])}"
        self.hands, self.threads, self.state = hands, threads, State.COMING
        self.generation = 0  # grows when its hands are no longer those that they were
        self.fits = False  # whether it has started, and is of the kind of all
        self.losses = 0  # in a row
        self.failures = 0
        self.reason: Exception | None = None  # why it is left out, or aside
        self.actor: Any = None  # None: it does not run

    @property
    def is_live(self) -> bool:
        """Whether it has hands, or soon will."""
        return self.state in (State.COMING, State.READY)

    @property
    def is_there(self) -> bool:
        """Whether it trains, or will once it has compiled: it waits for no core."""
        return self.is_live and self.fits

    def start(self, settings: dict[str, Any], paths: list[str]) -> None:
        """Has Ray start the process, on its machine alone.

        Args:
            settings: of JAX.
            paths: where the sweep finds modules.
        """
        affinity = self.ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
        on_cpu = None if self.threads is None else self.hands
        options = {
            "num_cpus": on_cpu or 1,
            "num_gpus": 0 if on_cpu else self.hands,
            "max_restarts": 0,  # the roster does, and counts them
            "max_task_retries": 0,
            "max_concurrency": self.hands + 2,  # what they train, and what is asked
            "scheduling_strategy": affinity(self.node, soft=False),
        }
        made = self.ray.remote(Actor).options(**options)
        self.actor = made.remote(on_cpu, self.threads, settings, paths)

    def card(self) -> Kind:
        """Returns the kind of the process, once it has started; sets its name."""
        card = self._get(self.actor.card.remote())
        self.name = card.name
        return card.kind

    def answers(self, seconds: float) -> bool:
        """Returns whether the process says in time who it is, also amid other work."""
        if (actor := self.actor) is None:
            return False
        with contextlib.suppress(self.ray.exceptions.RayError):
            return bool(self.ray.wait([actor.card.remote()], timeout=seconds)[0])
        return False

    def prepare(
        self, task: Any, blocks: list[SentBlock], programs: Any
    ) -> tuple[int, str, dict[str, bytes]]:
        """Returns what `Actor.prepare` returns, once the process is ready to train.

        Args:
            task: in the object store.
            blocks: one of each program.
            programs: the compiled ones of others, or in the object store.
        """
        return self._get(self.actor.prepare.remote(task, blocks, programs))

    def train(
        self,
        actor: Any,
        sent: SentBlock,
        report: Report,
        stop: threading.Event,
        deadline: Deadline,
    ) -> Record:
        """Returns what a hand of the process made of a block.

        Args:
            actor: the process itself; one that has been started again is another.
            sent: the block.
            report: called after each epoch.
            stop: once it is set, nobody waits for the hand.
            deadline: a little after it, the same.

        Raises:
            CancelledError: `stop` is set.
            Failed: an error was raised there.
            Lost: the process is gone.
            MemoryError: the hand has no room for the block.
            TimeIsUp: the deadline has passed.
        """
        with self._in_words():
            stream = actor.train.remote(sent)
        looks = max(LOOK_SECONDS, sent.pause / 4)  # few where there are many hands
        while True:
            for told in self._next(stream, stop, deadline, looks):
                if isinstance(told, Record):
                    return told
                report(*told)

    def end(self) -> None:
        """Ends the process, if it has been started; whatever Ray says of it."""
        actor, self.actor, self.fits = self.actor, None, False
        if actor is not None:
            with contextlib.suppress(self.ray.exceptions.RayError):
                self.ray.kill(actor)  # one that is dead already stays so

    def _next(
        self, stream: Any, stop: threading.Event, deadline: Deadline, looks: float
    ) -> list[Any]:
        """Returns what the process tells next of a block."""
        with self._in_words():
            self._await(stream, stop, deadline, looks)
            if (reference := next(stream, None)) is None:
                raise Lost("it ended amid a block")
            return self.ray.get(reference)

    def _await(
        self, stream: Any, stop: threading.Event, deadline: Deadline, looks: float
    ) -> None:
        """Returns when there is something to hear; looks at `stop` meanwhile.

        A process that is silent may be stopped, or its epochs are long: nobody is
        asked for its block in its place as long as Ray finds that it lives.
        """
        silent = time.monotonic() + SILENT_SECONDS
        while not self.ray.wait([stream], timeout=deadline.within(looks, LATE))[0]:
            deadline.check(f"a block on {self.name} did not end", LATE)
            if stop.is_set():
                raise concurrent.futures.CancelledError
            if time.monotonic() > silent:
                silent = math.inf  # it is told once
                say(f"nothing is heard of {self.name} for {SILENT_SECONDS:.0f} s")

    def _get(self, reference: Any) -> Any:
        with self._in_words():
            return self.ray.get(reference)

    @contextlib.contextmanager
    def _in_words(self) -> Iterator[None]:
        """Raises what an error of Ray's means in its place."""
        known = self.ray.exceptions
        try:
            yield
        except known.RayTaskError as error:  # raised there
            cause = error.cause
            short = isinstance(cause, MemoryError)
            raise (MemoryError(str(cause)) if short else Failed(cause)) from error
        except known.OutOfMemoryError as error:
            words = f"its machine was short of memory ({error!s:.200})"
            raise OutOfMemory(words) from error
        except known.RayError as error:
            raise Lost(f"{type(error).__name__}: {error!s:.200}") from error


class Place(NamedTuple):
    """A hand's place in a process, until the process is unseated."""

    process: Process
    generation: int
    actor: Any  # the process itself, as Ray knows it

    @property
    def is_of_now(self) -> bool:
        """Whether the process is still as it was when the place was free."""
        ready = self.process.state is State.READY
        return ready and self.process.generation == self.generation


def say(line: str) -> None:
    """Tells a line about the cluster."""
    terminal.say(f"jaxdl: {line}", enabled=True)
