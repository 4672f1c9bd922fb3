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
from jaxdl.engine.hands import Crew
from jaxdl.engine.memory import mebibytes
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
    # Early stopping adds blocks: members that still train are packed again.
    block: int  # blocks that are done, of `blocks`
    blocks: int
    epoch: int  # the last epoch that any block reported, of `epochs`
    epochs: int  # up to which the rung trains
    done: float  # fraction of the rung's steps
    metric: str  # that ranks members, such as `dev_error`
    # Of `metric`, at the epoch whose weights each model would have now. With repeats or
    # folds: of the mean over those members of a configuration that have trained.
    best: float | None  # over all of the sweep that have not diverged
    median: float | None  # over those of the rung
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
        task = population.task
        self.rank_by, self.num_variants = task.rank_by, task.num_variants
        self.keeps_best = task.patience is not None  # weights; else those of the last
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
            before = self.values[members]
            now = np.where(np.isfinite(values), values, before)
            self.values[members] = self._better(before, now) if self.keeps_best else now
            self.epoch, self.block = epoch, self.block + last
            self.taken, self.heard = self.taken + steps, time.monotonic()
            self.changed()

    def _better(self, *values: NDArray[np.floating]) -> NDArray[np.floating]:
        """Returns the better of two values; a number where the other is NaN."""
        return (np.fmax if larger_is_better(self.rank_by) else np.fmin)(*values)

    def _means(self) -> NDArray[np.floating]:
        """Returns the mean of each configuration; NaN: unknown, or one diverged."""
        values = self.values.reshape(-1, self.num_variants)
        known = np.isfinite(values)
        lost = (self.status == Status.DIVERGED).reshape(values.shape).any(axis=1)
        with np.errstate(invalid="ignore"):  # nothing over nothing is NaN
            means = np.where(known, values, 0).sum(axis=1) / known.sum(axis=1)
        return np.where(lost, np.nan, means)

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
            means = self._means()
            own = means[np.unique(ids // self.num_variants)]
            known, own = means[np.isfinite(means)], own[np.isfinite(own)]
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
                best=float(best(known)) if len(known) else None,
                median=float(np.median(own)) if len(own) else None,
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
    alone, pauses = _is_alone(meter.rung, population), meter.keeps_best

    def look() -> tuple[float, list[str]]:
        return _words(meter.progress(), alone, pauses)

    with terminal.live(look, enabled=progress) as meter.changed:
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


def _words(
    progress: SweepProgress, alone: bool, pauses: bool = False
) -> tuple[float, list[str]]:
    """Returns the fraction that is done, and the rest in words.

    Args:
        progress: of a rung.
        alone: whether it is the only rung.
        pauses: whether blocks pause, so that nobody knows how many there will be.
    """
    names = ("alive", "stopped", "diverged")
    counts = [(getattr(progress, name), name) for name in names]
    places = [
        "" if alone else f"rung {progress.rung}",
        "" if pauses else f"block {progress.block}/{progress.blocks}",
        f"epoch {progress.epoch}/{progress.epochs}",
    ]
    parts = [
        ", ".join(filter(None, places)),
        ", ".join(f"{n:,} {name}" for n, name in counts if n or name == "alive"),
        f"{progress.member_steps_per_second:,.0f} member-steps/s",
    ]
    found = {"best": progress.best, "median": progress.median}
    if known := [f"{x:.4g} {name}" for name, x in found.items() if x is not None]:
        parts.insert(2, f"{words(progress.metric)} now {', '.join(known)}")
    if progress.memory_bytes is not None:
        parts.append(mebibytes(progress.memory_bytes))
    if progress.seconds_left is not None and progress.done < 1:
        where = "" if alone else " in this rung"
        parts.append(f"{_duration(progress.seconds_left)} left{where}")
    return progress.done, parts


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
