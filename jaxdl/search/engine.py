"""The engine: it trains the rungs that a search asks for, block by block."""

import concurrent.futures
import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jaxdl import terminal
from jaxdl.search.blocks import (
    Programs,
    Shared,
    compile_all,
    lower,
    make_blocks,
    train_block,
)
from jaxdl.search.groups import Group, groups
from jaxdl.search.memory import block_bytes, fitting
from jaxdl.search.plan import describe
from jaxdl.search.population import Population
from jaxdl.search.rungs import Rung, pick
from jaxdl.search.workers import place
from jaxdl.train import DIVERGED, RecipeFunction, Structure

Show = Callable[[int, int, float], None]  # see terminal.sweep_progress


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
        progress: bool,
    ):
        self.recipe, self.space, self.width = recipe, space, width
        self.steps = steps  # in an epoch
        self.placed = placed  # what each variant is trained with, on each device
        self.devices = devices  # of the workers
        self.progress = progress
        self.compiled: dict[tuple[Structure, jax.Device], Programs] = {}

    def train(self, population: Population, rung: Rung) -> None:
        """Trains those members of a rung that can go on to where it asks for.

        With early stopping it comes back every `patience` epochs, before which nobody
        can have stopped, and packs who is left into fewer blocks.

        Raises:
            MemoryError: a device has no room for one block.
        """
        population.enter(rung)
        blocks = self._blocks(population, rung)
        if not blocks:
            return
        self._compile(blocks)
        members = sum(len(b.members) for b in blocks)
        steps = sum(self._steps(b) for b in blocks)
        patience = self._variants()[0].patience
        with terminal.sweep_progress(members, steps, enabled=self.progress) as show:
            while blocks:
                if patience is not None:
                    blocks = [_cut(b, int(patience)) for b in blocks]
                self._train_blocks(population, blocks, show)
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
        terminal.say(plan, enabled=self.progress)
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
        terminal.say(memory, enabled=self.progress)

    def _train_blocks(
        self, population: Population, blocks: list[Group], show: Show
    ) -> None:
        reports = {
            int(block.members[0]): _reporter(block, self.steps[block.structure], show)
            for block in blocks
        }

        def work(block, device, stop):
            return train_block(
                self.compiled[block.structure, device],
                block,
                self.width,
                self.placed[device][block.variant],
                population.carried(block.members),
                functools.partial(reports[int(block.members[0])], stop),
                last=block.until == population.most,
            )

        population.record(place(work, blocks, self.devices))


def _reporter(block: Group, steps: int, show: Show) -> Callable[..., None]:
    """Returns what a block calls after each of its epochs of `steps` steps.

    A block that starts again shows nothing until it is where it was.
    """
    died, shown = 0, block.first

    def report(stop, number, fate, metrics):
        nonlocal died, shown
        if stop.is_set():
            raise concurrent.futures.CancelledError
        if number < shown:
            return
        shown = number + 1
        before, died = died, int(np.sum(fate == DIVERGED))
        error = metrics["dev_error"]
        best = np.min(error, initial=np.inf, where=np.isfinite(error))
        show(len(block.members) * steps, died - before, float(best))

    return report


def _cut(block: Group, epochs: int) -> Group:
    """Returns the block that ends after so many epochs, unless it ends before."""
    return block._replace(until=min(block.until, block.first + epochs))
