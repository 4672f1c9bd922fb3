"""How a sweep goes: members alive, errors so far, and the time that is left."""

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxdl import terminal
from jaxdl.engine.crew import Crew
from jaxdl.engine.population import Population
from jaxdl.searches.rungs import Rung
from jaxdl.train.epoch_state import Status
from jaxdl.train.score import curve_of, larger_is_better, words

CALL_EVERY = 1.0  # seconds between two calls of a callback, at least


class SweepProgress(NamedTuple):
    """How a sweep goes at one moment. Members are those of the current rung."""

    rung: int  # from 1
    members: int
    alive: int  # neither stopped nor diverged
    stopped: int  # early
    diverged: int
    block: int  # blocks that are done, of `blocks`
    blocks: int
    epoch: int  # the last epoch that any block reported, of `epochs`
    epochs: int  # up to which the rung trains
    done: float  # fraction of the rung's steps
    metric: str  # that ranks members, such as `dev_error`
    best: float | None  # of it, over members that are not diverged
    median: float | None  # of it, over the same members
    member_steps_per_second: float  # in the rung, without compilation
    seconds_left: float | None  # of the rung
    memory_bytes: int | None  # in use on the devices; on CPU, in use by the process


Callback = Callable[[SweepProgress], None]


class Meter:
    """Counts what the blocks of a rung report, from several threads."""

    def __init__(self, population: Population, crew: Crew):
        self.rung = population.rungs[-1]
        self.number = len(population.rungs)
        self.crew = crew
        self.status = population.status.copy()  # [members]
        self.rank_by = population.task.rank_by
        self.curve = curve_of(self.rank_by)
        everyone = np.arange(len(self.status))
        self.values = population.standing(everyone)[self.curve].astype(float)
        self.block = self.blocks = self.epoch = self.taken = self.steps = 0
        self.began = self.heard = time.monotonic()
        self.lock = threading.RLock()
        self.changed: Callable[[], None] = _nothing

    def expect(self, blocks: int = 0, steps: int = 0) -> None:
        """Adds blocks that will train, and steps; fewer than 0: nobody takes them."""
        with self.lock:
            self.blocks, self.steps = self.blocks + blocks, self.steps + steps

    def report(
        self,
        members: NDArray[np.int64],
        epoch: int,
        status: NDArray[np.int32],
        values: NDArray[np.floating],
        steps: int,
        *,
        last: bool,
    ) -> None:
        """Counts an epoch of a block.

        Args:
            members: of the block, `[n]`.
            epoch: how many epochs they have trained.
            status: theirs, `[n]`.
            values: of `curve`, `[n]`; NaN for members that did not train.
            steps: that the epoch had, over all members.
            last: whether the block is done.
        """
        with self.lock:
            self.status[members] = status
            ran = np.isfinite(values)
            self.values[members[ran]] = values[ran]
            self.epoch, self.block = epoch, self.block + last
            self.taken, self.heard = self.taken + steps, time.monotonic()
            self.changed()

    def end(self) -> None:
        """Ends the rung: steps that no member took do not count."""
        with self.lock:
            self.steps = self.taken
            self.changed = _nothing  # the other one refers to this meter

    def progress(self) -> SweepProgress:
        """Returns the progress of this moment."""
        with self.lock:
            ids = self.rung.members
            status = self.status[ids]
            values = self.values[ids]
            good = values[(status != Status.DIVERGED) & np.isfinite(values)]
            best = np.max if larger_is_better(self.rank_by) else np.min
            pace = self.taken / max(self.heard - self.began, 1e-9)
            left = (self.steps - self.taken) / pace if pace else None
            since = time.monotonic() - self.heard
            return SweepProgress(
                rung=self.number,
                members=len(ids),
                alive=int(np.sum(status == Status.RUNNING)),
                stopped=int(np.sum(status == Status.STOPPED)),
                diverged=int(np.sum(status == Status.DIVERGED)),
                block=self.block,
                blocks=self.blocks,
                epoch=self.epoch,
                epochs=int(self.rung.until.max()),
                done=self.taken / self.steps if self.steps else 0.0,
                metric=self.curve,
                best=float(best(good)) if len(good) else None,
                median=float(np.median(good)) if len(good) else None,
                member_steps_per_second=pace,
                seconds_left=None if left is None else max(0.0, left - since),
                memory_bytes=self.crew.used_bytes(),
            )


@contextlib.contextmanager
def metered(
    population: Population, crew: Crew, progress: bool | Callback
) -> Iterator[Meter]:
    """Yields the meter of the current rung, and shows what it counts.

    Args:
        population: has entered the rung.
        crew: its memory is shown.
        progress: whether to show progress, or the callback that gets it instead.
    """
    meter = Meter(population, crew)
    if callable(progress):
        with _called(meter, progress):
            yield meter
        return
    alone = _is_alone(meter.rung, population)
    with terminal.live(lambda: _words(meter.progress(), alone), enabled=progress) as f:
        meter.changed = f
        yield meter
        meter.end()


@contextlib.contextmanager
def counted(
    stages: Sequence[str], programs: int, *, enabled: bool
) -> Iterator[Callable[[str], None]]:
    """Shows how many programs have passed each stage on their way to be trained.

    Args:
        stages: in their order, such as `traced` and `compiled`.
        programs: how many there are.
        enabled: whether to print at all.

    Yields:
        count: a function to call, from any thread, with the stage that a program has
            passed.
    """
    passed, began, lock = Counter[str](), time.monotonic(), threading.Lock()

    def look() -> tuple[float, list[str]]:
        places = [f"{passed[stage]}/{programs} {stage}" for stage in stages]
        seconds = _duration(time.monotonic() - began)
        done = passed.total() / (programs * len(stages))
        return done, [f"programs: {', '.join(places)}", seconds]

    with terminal.live(look, enabled=enabled) as changed:
        changed()

        def count(stage: str) -> None:
            with lock:
                passed[stage] += 1
                changed()

        yield count


@contextlib.contextmanager
def _called(meter: Meter, callback: Callback) -> Iterator[None]:
    def call() -> None:
        if (progress := meter.progress()).done < 1:
            callback(progress)

    meter.changed = terminal.at_most_every(CALL_EVERY, call)
    yield
    meter.end()
    callback(meter.progress())


def _nothing() -> None:
    pass


def _is_alone(rung: Rung, population: Population) -> bool:
    """Returns whether a rung trains all members to the end: no other follows."""
    everyone = len(rung.members) == population.task.num_members
    return everyone and bool((rung.until == population.task.epochs).all())


def _words(progress: SweepProgress, alone: bool) -> tuple[float, list[str]]:
    """Returns the fraction that is done, and the rest in words.

    Args:
        progress: of a rung.
        alone: whether it is the only rung.
    """
    names = ("alive", "stopped", "diverged")
    counts = [(getattr(progress, name), name) for name in names]
    place = f"block {progress.block}/{progress.blocks}, epoch {progress.epoch}"
    parts = [
        f"{'' if alone else f'rung {progress.rung}, '}{place}/{progress.epochs}",
        ", ".join(f"{n:,} {name}" for n, name in counts if n or name == "alive"),
        f"{progress.member_steps_per_second:,.0f} member-steps/s",
    ]
    if progress.best is not None:
        name, best, median = words(progress.metric), progress.best, progress.median
        parts.insert(2, f"{name} {best:.4g} best, {median:.4g} median")
    if progress.memory_bytes is not None:
        parts.append(f"{progress.memory_bytes / 1e9:.2f} GB")
    if progress.seconds_left is not None and progress.done < 1:
        where = "" if alone else " in this rung"
        parts.append(f"{_duration(progress.seconds_left)} left{where}")
    return progress.done, parts


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
