"""A process of a Ray cluster as the sweep sees it, and its hands."""

import concurrent.futures
import contextlib
import enum
import threading
import time
from collections.abc import Iterator
from typing import Any

from jaxdl import terminal
from jaxdl.engine.blocks import Report
from jaxdl.engine.crew import Lost
from jaxdl.engine.kind import Kind
from jaxdl.interop.ray_actor import Actor, Interval
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


class Process:
    """A process of the cluster, whose hands train blocks side by side."""

    def __init__(self, ray: Any, node: dict[str, Any], hands: int, *, on_gpus: bool):
        """Plans a process.

        Args:
            ray: the module, connected.
            node: its machine, as `ray.nodes` has it.
            hands: how many it has, at most.
            on_gpus: whether each has a GPU; else each has a core.
        """
        self.ray, self.node, self.on_gpus = ray, node["NodeID"], on_gpus
        self.name = f"a process on {node.get('NodeManagerHostname', self.node[:8])}"
        self.hands, self.state = hands, State.COMING
        self.generation = 0  # grows when its hands are no longer those that they were
        self.losses = 0  # in a row
        self.failures = 0
        self.reason: Exception | None = None  # why it is left out, or aside
        self.actor: Any = None  # None: it does not run

    @property
    def is_live(self) -> bool:
        """Whether it has hands, or soon will."""
        return self.state in (State.COMING, State.READY)

    def start(self, settings: dict[str, Any], paths: list[str]) -> None:
        """Has Ray start the process, on its machine alone.

        Args:
            settings: of JAX.
            paths: where the sweep finds modules.
        """
        affinity = self.ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
        on_cpu = None if self.on_gpus else self.hands
        options = {
            "num_cpus": on_cpu or 1,
            "num_gpus": self.hands if self.on_gpus else 0,
            "max_restarts": 0,  # the roster does, and counts them
            "max_task_retries": 0,
            "max_concurrency": self.hands + 2,  # what they train, and what is asked
            "scheduling_strategy": affinity(self.node, soft=False),
        }
        made = self.ray.remote(Actor).options(**options)
        self.actor = made.remote(on_cpu, settings, paths)

    def card(self) -> Kind:
        """Returns the kind of the process, once it has started; sets its name."""
        card = self._get(self.actor.card.remote())
        self.name = card.name
        return card.kind

    def prepare(self, setting: Any, blocks: list[Interval]) -> tuple[int, str]:
        """Returns what `Actor.prepare` returns, once the process is ready to train.

        Args:
            setting: in the object store.
            blocks: one of each program.
        """
        return self._get(self.actor.prepare.remote(setting, blocks))

    def train(
        self,
        actor: Any,
        interval: Interval,
        report: Report,
        stop: threading.Event,
    ) -> Record:
        """Returns what a hand of the process made of a block.

        Args:
            actor: the process itself; one that has been started again is another.
            interval: of the block.
            report: called after each epoch.
            stop: once it is set, nobody waits for the hand.

        Raises:
            CancelledError: `stop` is set.
            Failed: an error was raised there.
            Lost: the process is gone.
            MemoryError: the hand has no room for the block.
        """
        for told in self._told(actor, interval, stop):
            if isinstance(told, Record):
                return told
            report(*told)
        raise Lost("it ended amid a block")

    def end(self) -> None:
        """Ends the process, if it has been started; whatever Ray says of it."""
        actor, self.actor = self.actor, None
        if actor is not None:
            with contextlib.suppress(self.ray.exceptions.RayError):
                self.ray.kill(actor)  # one that is dead already stays so

    def _told(
        self, actor: Any, interval: Interval, stop: threading.Event
    ) -> Iterator[Any]:
        """Yields what the process tells of a block, without the errors of a reader."""
        try:
            stream = actor.train.remote(interval)
            while True:
                self._await(stream, stop)
                yield self.ray.get(next(stream))
        except StopIteration:
            return
        except self.ray.exceptions.RayError as error:
            raise self._translated(error) from error

    def _await(self, stream: Any, stop: threading.Event) -> None:
        """Returns when there is something to hear.

        A process that is silent may be stopped, or its epochs are long: nobody is
        asked for its block in its place as long as Ray finds that it lives.
        """
        heard = time.monotonic()
        while not self.ray.wait([stream], timeout=LOOK_SECONDS)[0]:
            if stop.is_set():
                raise concurrent.futures.CancelledError
            if time.monotonic() - heard > SILENT_SECONDS:
                heard = time.monotonic()
                say(f"nothing is heard of {self.name} for {SILENT_SECONDS:.0f} s")

    def _get(self, reference: Any) -> Any:
        try:
            return self.ray.get(reference)
        except self.ray.exceptions.RayError as error:
            raise self._translated(error) from error

    def _translated(self, error: Any) -> Exception:
        """Returns what an error of Ray's means."""
        known = self.ray.exceptions
        if isinstance(error, known.RayTaskError):  # raised there
            cause = error.cause
            short = isinstance(cause, MemoryError)
            return MemoryError(str(cause)) if short else Failed(cause)
        if isinstance(error, known.OutOfMemoryError):
            return OutOfMemory(f"its machine was short of memory ({error!s:.200})")
        return Lost(f"{type(error).__name__}: {error!s:.200}")


def say(line: str) -> None:
    """Tells a line about the cluster."""
    terminal.say(f"jaxdl: {line}", enabled=True)
