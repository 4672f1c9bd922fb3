"""The engine: it trains the rungs that a search asks for, block by block."""

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from jaxdl import terminal
from jaxdl.engine.blocks import TrainedBlock
from jaxdl.engine.checkpoints import never_goes_on
from jaxdl.engine.deadline import NEVER, Deadline, TimeIsUp
from jaxdl.engine.forecast import advice, describe, forecast, work_of
from jaxdl.engine.hands import STAGES, Crew, Lost
from jaxdl.engine.held import held_bytes, held_words
from jaxdl.engine.layout import Block, lay_out
from jaxdl.engine.outlines import Outlines
from jaxdl.engine.pace import Pace
from jaxdl.engine.packing import Packing
from jaxdl.engine.placing import place
from jaxdl.engine.population import Population
from jaxdl.engine.progress import Callback, counted, metered
from jaxdl.engine.reporter import Reporter
from jaxdl.engine.shelf import MOST_BYTES
from jaxdl.engine.speed import (
    LEAST_SECONDS,
    keep_speed,
    read_speed,
    timed_compiling,
    usual_speed,
)
from jaxdl.engine.task import Task
from jaxdl.searches.rungs import Rung, pick
from jaxdl.train.epoch_state import Carry, Status
from jaxdl.train.outline import Outline


class Engine:
    """Lays members out in blocks, which a crew trains."""

    def __init__(
        self,
        task: Task,
        outlines: Outlines,
        crew: Crew,
        platform: str,
        progress: bool | Callback,
        deadline: Deadline = NEVER,
    ):
        """Makes an engine.

        Args:
            task: its plan and its variants are known.
            outlines: of each program of the task.
            crew: to which the task was given.
            platform: JAX's name of its devices, such as `cpu`.
            progress: whether to show progress, or the callback that gets it instead.
            deadline: no epoch begins that would not end before it.
        """
        self.task, self.outlines, self.crew = task, outlines, crew
        self.progress, self.pace, self.deadline = progress, Pace(), deadline
        self.platform = platform
        self.late: TimeIsUp | None = None  # what has not come in time

    def train(self, population: Population, rung: Rung) -> None:
        """Trains the members of a rung up to where it asks for.

        Members that have stopped or diverged stay as they are. With early stopping,
        blocks pause from time to time, and the members that still train are packed into
        fewer blocks. At the deadline members stay where they are.

        Raises:
            MemoryError: no hand has room for one block.
        """
        population.enter(rung)
        blocks = self._blocks(population, rung)
        if not blocks or self.deadline.left() <= 0:
            return
        try:
            self.prepare(blocks)
        except TimeIsUp as error:
            self.late = self.late or error
            return
        goals = np.zeros(self.task.num_members, np.int64)
        goals[rung.members] = rung.until
        packing = Packing(self.task.block_width, goals, self._pause)
        with metered(population, self.crew, self.progress) as meter:
            planned = sum(map(self._steps, blocks))
            meter.expect(len(blocks), planned)

            def work(block: Block, stop: threading.Event) -> list[TrainedBlock]:
                steps = self._outline_of(block).steps_per_epoch
                reporter = Reporter(block, steps, meter, stop)
                trained = self._train_block(population, block, reporter)
                if trained:
                    reporter.end(goals[block.members[0]], trained[-1].status)
                return trained

            def then(block: Block, trained: list[TrainedBlock]) -> list[Block]:
                for one in trained:
                    population.add(one)
                if not trained or not _ended(block, trained[-1]):
                    return []  # time is up
                further = packing.after(block, trained[-1].status == Status.RUNNING)
                meter.expect(blocks=len(further))
                return further

            began = time.monotonic(), time.process_time()
            place(work, map(packing.begin, blocks), then, lambda: self.crew.size)
            self._note(blocks, meter.taken / planned, *began)
        population.flush()

    def _note(
        self, blocks: list[Block], share: float, wall: float, processor: float
    ) -> None:
        """Keeps how fast the machine trained a share of the steps of blocks.

        On a CPU the time is the processor's, so other processes do not count.

        Args:
            blocks: that were asked for.
            share: of their steps that were taken.
            wall: when that began.
            processor: the same, in the time of this process.
        """
        width, hands = self.task.block_width, min(self.crew.size, len(blocks))
        whole = sum(work_of(block, self.outlines, width) for block in blocks)
        seconds = hands * (time.monotonic() - wall)  # of all hands
        if self.platform == "cpu":
            seconds = time.process_time() - processor
        if blocks and seconds > LEAST_SECONDS and not self.crew.remote:
            keep_speed(self.platform, work=whole * share / seconds)

    def _blocks(self, population: Population, rung: Rung) -> list[Block]:
        """Returns blocks of those members of a rung that still have to train."""
        going = population.going(rung)
        members, until = rung.members[going], rung.until[going]
        first = population.epochs[members]
        return lay_out(self.task, pick(rung.hparams, going), members, first, until)

    def _steps(self, block: Block) -> int:
        """Returns how many steps the members of a block take together."""
        epochs = block.until - block.first
        return len(block.members) * epochs * self._outline_of(block).steps_per_epoch

    def _outline_of(self, block: Block) -> Outline:
        return self.outlines[block.structure, block.family.facts]

    def prepare(self, blocks: list[Block]) -> None:
        """Has the programs compiled that no earlier rung needed."""
        missing = self.crew.missing(blocks)
        if not missing:
            return
        shown, count = self.progress is True, len(missing)
        if shown:
            self._foretell(blocks, missing)
        length = sum(self._outline_of(block).length for block in missing)
        timed = timed_compiling(self.platform, count, length)
        with contextlib.nullcontext() if self.crew.remote else timed:
            with counted(STAGES, count, enabled=shown) as passed:
                words = self.crew.prepare(missing, passed)
        terminal.say(words, enabled=shown)

    def _foretell(self, blocks: list[Block], missing: list[Block]) -> None:
        """Prints what will be trained, how long it takes, and what members hold."""
        speed_of = usual_speed if self.crew.remote else read_speed
        width, hands = self.task.block_width, max(1, self.crew.size)
        parts = self.outlines, width, hands, speed_of(self.platform)
        found = forecast(blocks, missing, *parts)
        structures = [structure for structure, _ in self.outlines]
        lines = [describe(found), advice(found, structures)]
        if min(block.until for block in blocks) < self.task.epochs:
            sizes = held_bytes(self.task, self.outlines)
            lines.append(held_words(*sizes, MOST_BYTES))
        for line in lines:
            if line is not None:
                terminal.say(line, enabled=True)

    def _pause(self, block: Block) -> int:
        """Returns how many epochs a block will have when it pauses to be packed.

        No member can stop before it has one epoch more than the patience.
        """
        if self.task.patience is None:
            return self.task.epochs
        patience = self.task.patience
        epochs = min(patience, self.pace.until_packed(block.structure))
        return max(block.first + epochs, patience + 1)

    def _train_block(
        self, population: Population, block: Block, reporter: Reporter
    ) -> list[TrainedBlock]:
        """Trains a block, and commits it about every `KEEP_SECONDS`.

        Without a store, what remote hands train comes back as often, so that a hand
        that is lost takes no more with it.

        Returns one trained block for each time; only the last one holds arrays. The
        arrays of the last two stay on disk. The last one may end before the block does,
        or there is none, if the deadline comes first.
        """
        state, at = population.carry(block.members), block.first
        on_disk = population.store is not None
        trained: list[TrainedBlock] = []
        epoch = 0.0  # seconds that one took last

        def part() -> tuple[Block, bool] | None:
            """Returns what to train next, and whether it is the last."""
            most = self._until_back(block, at - block.first, on_disk=on_disk)
            seconds = max(epoch, self.pace.longest(block.structure))
            until = min(block.until, at + self.deadline.epochs(most, seconds))
            last = never_goes_on(self.task, until, on_disk=on_disk)
            return (
                None if until == at else (block._replace(first=at, until=until), last)
            )

        while at < block.until:
            try:
                one = self.ask(part, state, reporter)
            except TimeIsUp as error:
                self.late = self.late or error
                break
            if one is None:
                break
            one = population.commit(one, reporter.stop)
            times = [*reporter.times, time.monotonic()]
            self.pace.note(block.structure, times)
            epoch = (times[-1] - times[0]) / (one.block.until - at)
            state, at = one.state_of_members(), one.block.until
            population.drop(trained[-2:-1])
            trained = [*(t.without_arrays() for t in trained), one]
            if not np.any(one.status == Status.RUNNING):
                break
        return trained

    def _until_back(self, block: Block, trained: int, *, on_disk: bool) -> int:
        """Returns after how many epochs a block next comes back, if time allows it.

        What a remote hand has not given back at the deadline is lost, and hands may
        differ in speed: so the first part is an epoch, and the next ones grow.

        Args:
            block: of the rung.
            trained: epochs that it has trained in this rung so far.
            on_disk: whether there is a run.
        """
        remote, most = self.crew.remote, block.until
        if on_disk or remote:
            hands = self.crew.size if remote else 0
            most = self.pace.until_kept(block.structure, hands)
        if remote and self.deadline is not NEVER:
            most = min(most, max(1, trained))
        return most

    def ask(
        self,
        part: Callable[[], tuple[Block, bool] | None],
        state: Carry | None,
        reporter: Any,
    ) -> TrainedBlock | None:
        """Has one hand after another train a block, until one gives it back.

        Args:
            part: called when a hand is there; returns the block, and whether its
                members never train on; None: there is no time for it.
            state: from which they train on; None: they begin.
            reporter: of the block.
        """
        while True:
            hand = self.crew.take(reporter.stop)
            if (wanted := part()) is None:
                self.crew.give(hand)
                return None
            block, last = wanted
            reporter.begin()
            try:
                trained = hand.train(block, state, reporter, last=last)
            except (Lost, MemoryError) as error:
                if reporter.failed:  # not the hand
                    self.crew.give(hand)
                    raise
                self.crew.lose(hand, error)
            except BaseException:
                self.crew.give(hand)
                raise
            else:
                self.crew.give(hand)
                return trained


def _ended(block: Block, trained: TrainedBlock) -> bool:
    """Returns whether a block has trained to its end, or none of it runs any more."""
    running = np.any(trained.status == Status.RUNNING)
    return trained.block.until == block.until or not running
