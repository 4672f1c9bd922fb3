"""The engine: it trains the rungs that a search asks for, block by block."""

import concurrent.futures
import functools
import math
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jaxdl import terminal
from jaxdl.engine.blocks import (
    Programs,
    Report,
    Shared,
    Trained,
    compile_all,
    lower,
    make_blocks,
    train_block,
)
from jaxdl.engine.checkpoints import Keeper
from jaxdl.engine.layout import Group, groups
from jaxdl.engine.memory import block_bytes, fitting
from jaxdl.engine.plan import describe
from jaxdl.engine.population import Population
from jaxdl.engine.progress import Meter, SweepProgress, metered
from jaxdl.engine.workers import place
from jaxdl.searches.rungs import Rung, pick
from jaxdl.train import RUNNING, RecipeFunction, Structure

KEEP_SECONDS = 30.0  # of training, at most about, that a crash undoes


class Engine:
    """Lays members out in blocks, and places these on devices.

    Programs are compiled for the first rung that needs them, and kept.
    """

    def __init__(
        self,
        recipe: RecipeFunction,
        space: Any,
        width: int,
        steps: dict[Structure, int],
        placed: dict[jax.Device, list[Shared]],
        devices: list[jax.Device],
        keeper: Keeper | None,
        progress: bool | Callable[[SweepProgress], None],
    ):
        self.recipe, self.space, self.width = recipe, space, width
        self.steps = steps  # in an epoch
        self.placed = placed  # what each variant is trained with, on each device
        self.devices = devices  # of the workers
        self.keeper = keeper  # None: nothing is kept on disk
        self.progress = progress
        self.pace: dict[Structure, float] = {}  # seconds an epoch of a block
        self.compiled: dict[tuple[Structure, jax.Device], Programs] = {}

    def train(self, population: Population, rung: Rung) -> None:
        """Trains those members of a rung that can go on to where it asks for.

        With early stopping it comes back every `patience` epochs, before which nobody
        can have stopped, and packs who is left into fewer blocks.

        Raises:
            MemoryError: a device has no room for one block.
        """
        population.enter(rung)
        if self.keeper is not None:
            kept = self.keeper.restore(population.number, rung)
            self.keeper.forget(population.restore(kept))
            population.start_over(rung)
        blocks = self._blocks(population, rung)
        if not blocks:
            return
        self._compile(blocks)
        patience = self._variants()[0].patience
        with metered(population, self.devices, self.progress) as meter:
            while blocks:
                meter.lay_out(len(blocks), sum(self._steps(b) for b in blocks))
                if patience is not None:
                    blocks = [_cut(b, int(patience)) for b in blocks]
                self._train_blocks(population, blocks, meter)
                blocks = self._blocks(population, rung)

    def _blocks(self, population: Population, rung: Rung) -> list[Group]:
        """Returns blocks of those members of a rung that still have to train."""
        going = population.going(rung)
        members, until = rung.members[going], rung.until[going]
        hparams = pick(rung.hparams, going)
        first = population.epochs[members]
        variants = len(self._variants())
        found = groups(self.space, hparams, members, first, until, variants)
        return make_blocks(found, self.width)

    def _variants(self) -> list[Shared]:
        return next(iter(self.placed.values()))

    def _steps(self, block: Group) -> int:
        """Returns how many steps the members of a block will take together."""
        epochs = block.until - block.first
        return len(block.members) * epochs * self.steps[block.structure]

    def _compile(self, blocks: list[Group]) -> None:
        """Compiles what blocks need and nobody needed before.

        All programs are traced before the first is compiled, and compiled before the
        first trains, so that errors come early.
        """
        missing = {
            (block.structure, device): block
            for block in blocks
            for device in self.placed
            if (block.structure, device) not in self.compiled
        }
        if not missing:
            return
        plan = describe(blocks, self.width, len(missing))
        terminal.say(plan, enabled=self.progress is True)
        lowered = [
            lower(self.recipe, block, self.width, self.placed[device][0])
            for (_, device), block in missing.items()
        ]
        self.compiled |= zip(missing, compile_all(lowered), strict=True)
        needed = max(
            block_bytes(self.compiled[k].epoch, self.placed[k[1]][0]) for k in missing
        )
        self.devices = fitting(self.devices, needed, self.width)
        memory = f"a block takes {needed / 2**20:,.0f} MiB, {len(self.devices)} at once"
        terminal.say(memory, enabled=self.progress is True)

    def _train_blocks(
        self, population: Population, blocks: list[Group], meter: Meter
    ) -> None:
        reports = {
            int(block.members[0]): _reporter(block, self.steps[block.structure], meter)
            for block in blocks
        }

        def work(block, device, stop):
            report = functools.partial(reports[int(block.members[0])], stop)
            return self._train_block(population, block, device, report)

        parts = place(work, blocks, self.devices)
        self._record(population, [part for block in parts for part in block])

    def _train_block(
        self, population: Population, block: Group, device: jax.Device, report: Report
    ) -> list[Trained]:
        """Returns the block after some epochs each; the last alone has its arrays.

        On disk, those of the last but one stay as well.
        """
        carried, epochs = population.carried(block.members), range(block.first)
        parts: list[Trained] = []
        while epochs.stop < block.until:
            epochs = range(epochs.stop, min(block.until, self._pause(block, epochs)))
            began = time.monotonic()
            part = train_block(
                self.compiled[block.structure, device],
                block._replace(first=epochs.start, until=epochs.stop),
                self.width,
                self.placed[device][block.variant],
                carried,
                report,
                last=self.keeper is None and block.until == population.most,
            )
            self.pace[block.structure] = (time.monotonic() - began) / len(epochs)
            if self.keeper is not None:
                part = self.keeper.keep(population.number, part)
                carried = jax.tree.map(lambda x: x[: len(block.members)], part.carried)
                self.keeper.drop(parts[-2:-1])
            parts = [*(p.without_arrays() for p in parts), part]
            if not np.any(part.fate == RUNNING):
                break
        return parts

    def _pause(self, block: Group, epochs: range) -> int:
        """Returns how many epochs a block will have when it is next put on disk."""
        if self.keeper is None:
            return block.until
        pace = self.pace.get(block.structure, math.inf)
        return epochs.stop + max(1, int(KEEP_SECONDS / pace))

    def _record(self, population: Population, trained: list[Trained]) -> None:
        forgotten = population.record(trained)
        if self.keeper is not None:
            self.keeper.forget(forgotten)


def _reporter(block: Group, steps: int, meter: Meter) -> Callable[..., None]:
    """Returns what a block calls after each of its epochs of `steps` steps.

    A block that starts again shows nothing until it is where it was.
    """
    shown = block.first

    def report(stop, number, fate, metrics):
        nonlocal shown
        if stop.is_set():
            raise concurrent.futures.CancelledError
        if number < shown:
            return
        shown = number + 1
        last = shown == block.until or not np.any(fate == RUNNING)
        taken = len(block.members) * steps
        errors = metrics["dev_error"]
        meter.report(block.members, shown, fate, errors, taken, last=last)

    return report


def _cut(block: Group, epochs: int) -> Group:
    """Returns the block that ends after so many epochs, unless it ends before."""
    return block._replace(until=min(block.until, block.first + epochs))
