"""The engine: it trains the rungs that a search asks for, block by block."""

import concurrent.futures
import functools
import math
import threading
import time
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from jaxdl import terminal
from jaxdl.engine.blocks import Report, TrainedBlock, train_block
from jaxdl.engine.inputs import Family, Inputs
from jaxdl.engine.layout import Block, describe, lay_out
from jaxdl.engine.memory import block_bytes, fitting
from jaxdl.engine.outlines import Outlines
from jaxdl.engine.population import Population
from jaxdl.engine.programs import Programs, compile_all, lower
from jaxdl.engine.progress import Callback, Meter, metered
from jaxdl.engine.task import Task
from jaxdl.engine.workers import place
from jaxdl.searches.rungs import Rung, pick
from jaxdl.train.bound import BoundRecipe
from jaxdl.train.epoch_state import Status
from jaxdl.train.outline import Outline
from jaxdl.train.structure import Structure

Key = tuple[Structure, Family, jax.Device]

KEEP_SECONDS = 30.0  # of training that a crash undoes, about, at most


class Engine:
    """Lays members out in blocks and places these on devices.

    It compiles a program for the first rung that needs it, and keeps it.
    """

    def __init__(
        self,
        task: Task,
        outlines: Outlines,
        shared: dict[jax.Device, dict[Family, Inputs]],
        devices: list[jax.Device],
        progress: bool | Callback,
    ):
        """Makes an engine that has compiled nothing yet.

        Args:
            task: its plan is known.
            outlines: of each program of the task.
            shared: on each device, what the variants of each family train with.
            devices: one entry a worker; a device may come more than once.
            progress: whether to show progress, or the callback that gets it instead.
        """
        self.task, self.outlines, self.shared = task, outlines, shared
        self.devices, self.progress = devices, progress
        self.pace: dict[Structure, float] = {}  # seconds an epoch of a block
        self.compiled: dict[Key, Programs] = {}

    def train(self, population: Population, rung: Rung) -> None:
        """Trains the members of a rung up to where it asks for.

        Members that have stopped or diverged stay as they are. With early stopping the
        engine pauses every `patience` epochs (no member can stop earlier), and packs
        the members that still train into fewer blocks.

        Raises:
            MemoryError: a device has no room for one block.
        """
        population.enter(rung)
        blocks = self._blocks(population, rung)
        if not blocks:
            return
        self._compile(blocks)
        with metered(population, self.devices, self.progress) as meter:
            while blocks:
                meter.lay_out(len(blocks), sum(map(self._steps, blocks)))
                population.add(self._train_blocks(population, blocks, meter))
                blocks = self._blocks(population, rung)

    def _blocks(self, population: Population, rung: Rung) -> list[Block]:
        """Returns blocks of those members of a rung that still have to train."""
        going = population.going(rung)
        members, until = rung.members[going], rung.until[going]
        first = population.epochs[members]
        return lay_out(self.task, pick(rung.hparams, going), members, first, until)

    def _steps(self, block: Block) -> int:
        """Returns how many steps the members of a block take together."""
        return len(block.members) * (block.until - block.first) * self._epoch_of(block)

    def _epoch_of(self, block: Block) -> int:
        """Returns how many steps an epoch has."""
        return self._outline(block).steps_per_epoch

    def _key(self, block: Block, device: jax.Device) -> Key:
        """Returns what the compiled programs of a block are found by."""
        return block.structure, block.family, device

    def _compile(self, blocks: list[Block]) -> None:
        """Compiles the programs that no earlier rung needed.

        It traces all before it compiles the first, and compiles all before a block
        trains, so that errors come early.
        """
        missing = {
            self._key(block, device): block
            for block in blocks
            for device in self.shared
            if self._key(block, device) not in self.compiled
        }
        if not missing:
            return
        width, shown = self.task.block_width, self.progress is True
        terminal.say(describe(blocks, width, len(missing)), enabled=shown)
        shared = {
            key: self.shared[key[-1]][block.family] for key, block in missing.items()
        }
        lowered = [
            lower(self._bound(block), self._outline(block), block, width, shared[key])
            for key, block in missing.items()
        ]
        self.compiled |= zip(missing, compile_all(lowered), strict=True)
        needed = max(
            block_bytes(self.compiled[key].epoch.executable, shared[key])
            for key in missing
        )
        self.devices = fitting(self.devices, needed, width)
        memory = f"a block takes {needed / 2**20:,.0f} MiB, {len(self.devices)} at once"
        terminal.say(memory, enabled=shown)

    def _bound(self, block: Block) -> BoundRecipe:
        return BoundRecipe(self.task.recipe, block.structure, block.family.facts)

    def _outline(self, block: Block) -> Outline:
        return self.outlines[block.structure, block.family.facts]

    def _train_blocks(
        self, population: Population, blocks: list[Block], meter: Meter
    ) -> list[TrainedBlock]:
        """Returns the blocks after their epochs; with early stopping, after a pause."""
        if self.task.patience is not None:
            blocks = [_cut(block, self.task.patience) for block in blocks]
        reports = {
            int(block.members[0]): _Reporter(block, self._epoch_of(block), meter)
            for block in blocks
        }

        def work(block: Block, device: jax.Device, stop: threading.Event):
            report = functools.partial(reports[int(block.members[0])], stop)
            return self._train_block(population, block, device, report)

        trained = place(work, blocks, self.devices)
        return [part for parts in trained for part in parts]

    def _train_block(
        self, population: Population, block: Block, device: jax.Device, report: Report
    ) -> list[TrainedBlock]:
        """Trains a block, and puts it on disk about every `KEEP_SECONDS`.

        Returns one trained block for each time; only the last one holds arrays. The
        arrays of the last two stay on disk.
        """
        carry, epochs = population.carry(block.members), range(block.first)
        on_disk = population.store is not None
        trained: list[TrainedBlock] = []
        while epochs.stop < block.until:
            pause = self._pause(block, epochs) if on_disk else block.until
            epochs = range(epochs.stop, min(block.until, pause))
            began = time.monotonic()
            one = train_block(
                self.compiled[self._key(block, device)],
                block._replace(first=epochs.start, until=epochs.stop),
                self.task.block_width,
                self.shared[device][block.family],
                carry,
                report,
                last=not on_disk and block.until == self.task.epochs,
            )
            self.pace[block.structure] = (time.monotonic() - began) / len(epochs)
            one = population.commit(one)
            carry = jax.tree.map(lambda x: x[: len(block.members)], one.carry)
            population.drop(trained[-2:-1])
            trained = [*(t.without_arrays() for t in trained), one]
            if not np.any(one.status == Status.RUNNING):
                break
        return trained

    def _pause(self, block: Block, epochs: range) -> int:
        """Returns how many epochs a block will have when it is next put on disk."""
        pace = self.pace.get(block.structure, math.inf)
        return epochs.stop + max(1, int(KEEP_SECONDS / pace))


class _Reporter:
    """Hands on what a block reports after each of its epochs.

    After an out-of-memory retry, epochs already reported are not reported again.
    """

    def __init__(self, block: Block, steps: int, meter: Meter):
        self.block, self.steps, self.meter = block, steps, meter
        self.shown = block.first

    def __call__(
        self,
        stop: threading.Event,
        number: int,
        status: NDArray[Any],
        metrics: dict[str, NDArray[Any]],
    ) -> None:
        if stop.is_set():
            raise concurrent.futures.CancelledError
        if number < self.shown:
            return
        self.shown = number + 1
        last = self.shown == self.block.until or not np.any(status == Status.RUNNING)
        members, values = self.block.members, metrics[self.meter.curve]
        steps = len(members) * self.steps
        self.meter.report(members, self.shown, status, values, steps, last=last)


def _cut(block: Block, epochs: int) -> Block:
    """Returns the block that ends after so many epochs, unless it ends before."""
    return block._replace(until=min(block.until, block.first + epochs))
