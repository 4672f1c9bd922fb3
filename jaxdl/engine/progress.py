"""How a sweep goes while it goes on: who is alive, how well, and how long still."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import numpy as np
from numpy.typing import NDArray

from jaxdl import terminal
from jaxdl.engine.memory import used_bytes
from jaxdl.engine.population import Population
from jaxdl.train import DIVERGED, RUNNING, STOPPED

CALL_EVERY = 1.0  # seconds, at least, between two calls of a function of the user's


class SweepProgress(NamedTuple):
    """How a sweep goes at one moment. Members are those that the rung asks for."""

    rung: int  # from 1; the search asks for one after the other
    members: int
    alive: int  # that train on, or have reached the end of the rung
    stopped: int  # early
    diverged: int
    block: int  # how many are done, of `blocks`
    blocks: int
    epoch: int  # that the block which was heard of last has finished, of `epochs`
    epochs: int  # that the rung goes to
    done: float  # fraction of the rung's steps
    best_dev_error: float | None  # of those not diverged, after the last epoch of each
    median_dev_error: float | None  # likewise
    member_steps_per_second: float  # in the rung, without compilation
    seconds_left: float | None  # of the rung
    memory_bytes: int | None  # that the devices have in use, or the process on CPU


class Meter:
    """Counts what blocks report of a rung. They may do so from several threads."""

    def __init__(self, population: Population, devices: list[jax.Device]):
        self.rung = population.rungs[-1]
        self.number = len(population.rungs)
        self.devices = devices
        self.fate = population.fate.copy()  # [members]
        everyone = np.arange(len(self.fate))
        unknown = np.full(len(everyone), np.nan)
        self.errors = population.standing(everyone).get("dev_error", unknown)
        self.block = self.blocks = self.epoch = self.taken = self.steps = 0
        self.began = self.heard = time.monotonic()
        self.lock = threading.RLock()
        self.changed: Callable[[], None] = lambda: None

    def lay_out(self, blocks: int, steps: int) -> None:
        """Begins with blocks, of which so many steps are left to take."""
        with self.lock:
            self.block, self.blocks, self.steps = 0, blocks, self.taken + steps

    def report(
        self,
        members: NDArray[np.int64],
        epoch: int,
        fate: NDArray[np.int32],
        errors: NDArray[np.floating],
        steps: int,
        *,
        last: bool,
    ) -> None:
        """Takes in what an epoch of a block, of so many steps, has brought `[n]`.

        The last is that after which the block is done.
        """
        with self.lock:
            self.fate[members] = fate
            ran = np.isfinite(errors)
            self.errors[members[ran]] = errors[ran]
            self.epoch, self.block = epoch, self.block + last
            self.taken, self.heard = self.taken + steps, time.monotonic()
            self.changed()

    def end(self) -> None:
        """Leaves out the steps that nobody takes any more."""
        with self.lock:
            self.steps = self.taken

    def status(self) -> SweepProgress:
        """Returns how it goes now."""
        with self.lock:
            ids = self.rung.members
            fate = self.fate[ids]
            errors = self.errors[ids]
            good = errors[(fate != DIVERGED) & np.isfinite(errors)]
            pace = self.taken / max(self.heard - self.began, 1e-9)
            left = (self.steps - self.taken) / pace if pace else None
            since = time.monotonic() - self.heard
            return SweepProgress(
                rung=self.number,
                members=len(ids),
                alive=int(np.sum(fate == RUNNING)),
                stopped=int(np.sum(fate == STOPPED)),
                diverged=int(np.sum(fate == DIVERGED)),
                block=self.block,
                blocks=self.blocks,
                epoch=self.epoch,
                epochs=int(self.rung.until.max()),
                done=self.taken / self.steps if self.steps else 0.0,
                best_dev_error=float(good.min()) if len(good) else None,
                median_dev_error=float(np.median(good)) if len(good) else None,
                member_steps_per_second=pace,
                seconds_left=None if left is None else max(0.0, left - since),
                memory_bytes=used_bytes(self.devices),
            )


@contextlib.contextmanager
def metered(
    population: Population,
    devices: list[jax.Device],
    progress: bool | Callable[[SweepProgress], None],
) -> Iterator[Meter]:
    """Yields what is to be told of the rung that was entered last, and shows it."""
    meter = Meter(population, devices)
    if callable(progress):

        def tell() -> None:
            if (status := meter.status()).done < 1:
                progress(status)

        meter.changed = terminal.at_most_every(CALL_EVERY, tell)
        yield meter
        meter.end()
        progress(meter.status())
        return
    rung = meter.rung
    alone = len(rung.members) == len(population.fate) and bool(
        (rung.until == population.most).all()
    )

    def look() -> tuple[float, list[str]]:
        return _words(meter.status(), alone)

    with terminal.live(look, enabled=progress) as changed:
        meter.changed = changed
        yield meter
        meter.end()


def _words(status: SweepProgress, alone: bool) -> tuple[float, list[str]]:
    """Returns the fraction that is done, and the rest as a person reads it.

    Args:
        status: of a rung.
        alone: whether the rung asks all members to the end, so that none follows.
    """
    fates = ("alive", "stopped", "diverged")
    counts = [f"{n:,} {f}" for f in fates if (n := getattr(status, f)) or f == "alive"]
    place = f"block {status.block}/{status.blocks}, epoch {status.epoch}"
    parts = [
        f"{'' if alone else f'rung {status.rung}, '}{place}/{status.epochs}",
        ", ".join(counts),
        f"{status.member_steps_per_second:,.0f} member-steps/s",
    ]
    if status.best_dev_error is not None:
        best, median = status.best_dev_error, status.median_dev_error
        parts.insert(2, f"dev error {best:.4g} best, {median:.4g} median")
    if status.memory_bytes is not None:
        parts.append(f"{status.memory_bytes / 1e9:.2f} GB")
    if status.seconds_left is not None and status.done < 1:
        where = "" if alone else " in this rung"
        parts.append(f"{_duration(status.seconds_left)} left{where}")
    return status.done, parts


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
