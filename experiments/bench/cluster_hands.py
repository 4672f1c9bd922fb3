"""Hands that sleep for a time that is drawn, and give copies of one trained block.

They stand for the workers of a cluster, so that what is left is the work of the process
that drives them. Those of `Sleepers` are threads of that process; those of `Sleeping`
are in the processes of a Ray cluster, behind jaxdl's own crew.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdl.engine.blocks import Report, TrainedBlock
from jaxdl.engine.crew import Threads
from jaxdl.engine.hands import Count, Lost
from jaxdl.engine.layout import Block
from jaxdl.engine.outlines import Outlines
from jaxdl.engine.task import Task
from jaxdl.interop.ray_actor import Actor
from jaxdl.interop.ray_wire import SentBlock, SentTask
from jaxdl.runs import Record
from jaxdl.train.epoch_state import Carry


class Times(NamedTuple):
    """What workers take, in seconds. All is drawn by number, the same everywhere."""

    mean: float = 10.0  # of a block
    sigma: float = 0.5  # of the logarithm of a block's time; 0: all are alike
    life: float = math.inf  # of a worker until it dies, in the mean; exponential
    restart: float = 4.0  # from its death until it trains again

    def block(self, number: int) -> float:
        """Returns how long a block trains; lognormal."""
        z = np.random.default_rng((0, number)).standard_normal()
        return self.mean * math.exp(self.sigma * z - self.sigma**2 / 2)

    def death(self, number: int) -> float:
        """Returns after how long the worker of an attempt would die."""
        return self.life * np.random.default_rng((1, number)).standard_exponential()


class Part(NamedTuple):
    """A stretch of training."""

    began: float
    seconds: float


def seconds_of(times: Times, block: Block | SentBlock, epochs: int) -> float:
    """Returns how long the epochs of a block train; its number is its first member."""
    whole = times.block(int(block.members[0]))
    return whole * (block.until - block.first) / epochs


def copy_of(one: Any, block: Block | SentBlock) -> dict[str, Any]:
    """Returns the numbers of a trained block, or of its record, for another block.

    The metrics differ from block to block: else the first members would be the best.
    """
    n, span = len(block.members), slice(block.first, block.until)
    factors = np.random.default_rng(int(block.members[0])).uniform(0.5, 1, n)
    metrics = {
        name: curve[span, :n] * factors.astype(curve.dtype)
        for name, curve in one.metrics.items()
    }
    ends = {name: getattr(one, name)[:n] for name in ("status", "stopped_at", "steps")}
    kept_epoch = np.full(n, block.until - 1, np.int32)
    return ends | {"metrics": metrics, "kept_epoch": kept_epoch}


def sleep_through(
    seconds: float, block: Block | SentBlock, copied: dict[str, Any], report: Report
) -> None:
    """Sleeps for the time of a block, and reports each of its epochs."""
    began, epochs = time.monotonic(), block.until - block.first
    for epoch in range(epochs):
        due = began + seconds * (epoch + 1) / epochs
        time.sleep(max(0.0, due - time.monotonic()))
        now = {name: curve[epoch] for name, curve in copied["metrics"].items()}
        report(block.first + epoch, copied["status"], now)


class Sleepers:
    """A crew of threads that sleep. They seem to be on other machines."""

    remote = True

    def __init__(self, size: int, times: Times):
        """Makes a crew without a task.

        Args:
            size: how many hands.
            times: what they take.
        """
        self.size, self.times, self.real = size, times, Threads()
        self.free = deque(Sleeper(self) for _ in range(size))
        self.attempts = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def begin(self, task: Task, outlines: Outlines) -> None:
        self.epochs = task.epochs
        self.real.begin(task, outlines)

    def prepare(self, blocks: Sequence[Block], count: Count) -> str:
        """Compiles, and trains the block of which all others are copies."""
        words = self.real.prepare(blocks, count)
        hand, whole = self.real.take(threading.Event()), blocks[0]
        whole = whole._replace(first=0, until=self.epochs)
        self.first = hand.train(whole, None, lambda *_: None, last=False)
        return words

    def take(self, stop: threading.Event) -> "Sleeper":
        return self.free.popleft()  # there is one: no more threads ask than hands are

    def give(self, hand: "Sleeper") -> None:
        self.free.append(hand)

    def lose(self, hand: "Sleeper", error: Exception) -> None:
        time.sleep(self.times.restart)
        self.free.append(hand)


class Sleeper:
    """A hand that sleeps."""

    def __init__(self, crew: Sleepers):
        self.crew = crew

    def train(
        self, block: Block, state: Carry | None, report: Report, *, last: bool
    ) -> TrainedBlock:
        crew, one = self.crew, self.crew.first
        crew.attempts += 1
        death = crew.times.death(crew.attempts)
        seconds, copied = (
            seconds_of(crew.times, block, crew.epochs),
            copy_of(one, block),
        )
        if death < seconds:
            time.sleep(death)
            raise Lost("it died")
        sleep_through(seconds, block, copied, report)
        carry = None if last else one.carry
        return one._replace(block=block, carry=carry, **copied)


class Sleeping(Actor):
    """A process of a Ray cluster whose hands sleep, once it has trained one block."""

    times = Times()

    def prepare(
        self, sent: SentTask, blocks: list[SentBlock], programs: dict[str, bytes]
    ) -> tuple[int, str, dict[str, bytes]]:
        found, train = super().prepare(sent, blocks, programs), super()._train
        whole = blocks[0]._replace(first=0, until=self.task.epochs)
        self.records = [
            train(whole._replace(last=last), lambda *_: None) for last in (False, True)
        ]
        return found

    def _train(self, sent: SentBlock, report: Report) -> Record:
        record = self.records[sent.last]
        copied = copy_of(record, sent)
        seconds = seconds_of(self.times, sent, self.task.epochs)
        sleep_through(seconds, sent, copied, report)
        span = {"members": sent.members, "first": sent.first, "until": sent.until}
        return record._replace(**span, **copied)


class Watched:
    """A crew, and what its hands have trained when.

    Attributes:
        parts: the stretches of training, from when the first block was asked for.
        ended: when the last block was given back.
    """

    def __init__(self, crew: Any, times: Times, ready: Callable[[], bool]):
        """Watches a crew.

        Args:
            crew: that has no task yet.
            times: what its hands take.
            ready: whether all hands are there.
        """
        self.crew, self.times, self.ready = crew, times, ready
        self.parts: list[Part] = []
        self.began = self.ended = 0.0
        self.before = self.after = 0.0  # seconds of the processor, of this process
        self.threads: dict[int, float] = {}  # the same, of each thread with a hand
        self.main = 0.0  # what the thread of the sweep had taken before

    def __getattr__(self, name: str) -> Any:
        return getattr(self.crew, name)

    def begin(self, task: Task, outlines: Outlines) -> None:
        self.epochs = task.epochs
        self.crew.begin(task, outlines)

    def prepare(self, blocks: Sequence[Block], count: Count) -> str:
        words = self.crew.prepare(blocks, count)
        while not self.ready():
            time.sleep(0.1)
        self.began, self.before = time.monotonic(), time.process_time()
        self.main = time.thread_time()
        return words

    def take(self, stop: threading.Event) -> "WatchedHand":
        return WatchedHand(self, self.crew.take(stop))

    def give(self, hand: "WatchedHand") -> None:
        self.crew.give(hand.hand)
        self.ended, self.after = time.monotonic() - self.began, time.process_time()
        self.threads[threading.get_ident()] = time.thread_time()

    def lose(self, hand: "WatchedHand", error: Exception) -> None:
        self.crew.lose(hand.hand, error)


class WatchedHand:
    """A hand of a watched crew, while it is taken."""

    def __init__(self, crew: Watched, hand: Any):
        self.crew, self.hand = crew, hand

    def train(
        self, block: Block, state: Carry | None, report: Report, *, last: bool
    ) -> TrainedBlock:
        crew, began = self.crew, time.monotonic()
        trained = self.hand.train(block, state, report, last=last)
        seconds = seconds_of(crew.times, block, crew.epochs)
        crew.parts.append(Part(began - crew.began, seconds))
        return trained


def bytes_of(tree: Any) -> int:
    """Returns the bytes of a tree's arrays."""
    return sum(leaf.nbytes for leaf in jax.tree.leaves(tree))
