"""The ledger of a sweep: what is known of its members, in memory and on disk.

Arrays are `[members]`. Block and slot of a member tell where its weights are. With a
store, all trained blocks of a rung are on disk before the search hears of them.
"""

import threading
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from jaxdl import runs
from jaxdl.engine.awaited import awaited
from jaxdl.engine.blocks import TrainedBlock
from jaxdl.engine.checkpoints import carry_of, from_records, to_record
from jaxdl.engine.curves import kept_metrics, no_losses
from jaxdl.engine.keeping import keep_best
from jaxdl.engine.outlines import Outlines
from jaxdl.engine.parameters import Parameters
from jaxdl.engine.shelf import MOST_BYTES, Shelf
from jaxdl.engine.task import Task
from jaxdl.searches.rungs import Rung, Standing
from jaxdl.spaces.either import known_alone
from jaxdl.train.epoch_state import Carry, Status
from jaxdl.train.structure import by_name


class Population:
    """All members of a task. One thread changes it; any thread may `commit`."""

    def __init__(
        self,
        task: Task,
        keys: NDArray[np.uint32],
        outlines: Outlines,
        store: runs.Store | None = None,
    ):
        """Begins with members that have not trained.

        Args:
            task: its plan and its metrics are known.
            keys: the step key of each member, `[members, 2]`. A member that copies the
                state of another one keeps its own key.
            outlines: of each program of the task.
            store: where trained blocks are kept; None: in memory alone.
        """
        members = task.num_members
        self.task, self.keys, self.outlines, self.store = task, keys, outlines, store
        self.rungs: list[Rung] = []
        shape, dtype = (members, task.epochs), jnp.result_type(float)
        self.metrics = {name: np.full(shape, np.nan, dtype) for name in task.curves}
        self.step_losses = no_losses(task, outlines)
        self.epochs = np.zeros(members, np.int64)  # that each has trained
        self.status = np.full(members, Status.RUNNING, np.int32)
        self.stopped_at = np.full(members, -1, np.int32)
        self.kept_epoch = np.full(members, -1, np.int32)
        self.steps = np.zeros(members, np.int32)  # that each has taken
        self.parameters = Parameters(task, outlines)
        self.first: Carry | None = None  # [1, ...] of a task with a start
        self.ended = False  # whether the search asks for no further rung
        self.shelf = Shelf()
        self.places = np.full((members, 2), -1)  # block and slot of weights; -1: none

    @property
    def number(self) -> int:
        """The number of the rung that was entered last."""
        return len(self.rungs) - 1

    def enter(self, rung: Rung) -> None:
        """Starts a rung, from what the store has of it, if anything.

        Raises:
            DamagedError: a record fits no training of this task; or weights that came
                from other members are lost.
            RunMismatchError: the store's rung of this number is another one.
        """
        unneeded = self.begin(rung)
        if self.store is None:
            return
        hparams = {n: c.tolist() for n, c in by_name(rung.hparams).items()}
        store = self.store
        store.enter(self.number, rung.members, hparams, rung.until, rung.parents)
        store.drop(unneeded + self.load())
        store.drop(self._reset_lost(rung))
        keep_best(self)

    def begin(self, rung: Rung) -> list[int]:
        """Starts a rung in memory: a member with a parent copies the parent's state.

        Returns:
            The records whose arrays can be dropped.
        """
        self.rungs.append(rung)
        self.parameters.count(rung)
        if rung.parents is None:
            return []
        ends = self.epochs, self.steps, self.status, self.stopped_at, self.kept_epoch
        curves = *self.metrics.values(), self.step_losses
        for column in (*ends, self.places, *curves):
            column[rung.members] = column[rung.parents]
        return self.shelf.recount(self.places[:, 0])

    def load(self) -> list[int]:
        """Adds what the store has of the current rung; returns records to drop.

        A record is skipped if a member's record before it is missing. A member whose
        weights are lost may have restarted from epoch 0.

        Raises:
            DamagedError: a record fits no training of this task.
        """
        assert self.store is not None
        unneeded = []
        records = self.store.each(self.number)
        for trained in from_records(self.task, self.outlines, self.rungs[-1], records):
            ids, first = trained.block.members, trained.block.first
            follows = self.epochs[ids] == first
            if first == 0:
                follows |= [self._is_lost(i) for i in ids]
            if follows.all():
                unneeded += self._add(trained)
            else:
                unneeded.append(trained.record)
        return unneeded

    def commit(self, trained: TrainedBlock, stop: threading.Event) -> TrainedBlock:
        """Returns a trained block, handed to the store if there is one.

        Args:
            trained: the block.
            stop: once it is set, this does not wait for a disk that refuses.

        Raises:
            CancelledError: `stop` is set, and too much waits for the disk.
        """
        if self.store is None:
            return trained
        record = self.store.commit(to_record(self.number, trained), stop)
        return trained._replace(record=record)

    def drop(self, blocks: list[TrainedBlock]) -> None:
        """Removes the arrays of committed blocks from the disk."""
        if self.store is not None:
            self.store.drop(block.record for block in blocks)

    def add(self, trained: TrainedBlock) -> None:
        """Adds a trained block, which was committed."""
        unneeded = self._add(trained)
        if self.store is not None:
            self.store.drop(unneeded)
        keep_best(self)

    def flush(self) -> None:
        """Returns when all committed blocks are on disk."""
        if self.store is not None:
            self.store.flush()

    def finish(self) -> None:
        """Puts on record that the search asks for no further rung.

        Raises:
            RunMismatchError: the store has further rungs.
        """
        self.ended = True
        if self.store is not None:
            self.store.finish(len(self.rungs))
        keep_best(self, ended=True)

    def going(self, rung: Rung) -> NDArray[np.int64]:
        """Returns positions in the rung of those that still have to train in it."""
        ids = rung.members
        unfinished = self.epochs[ids] < rung.until
        return np.flatnonzero(unfinished & (self.status[ids] == Status.RUNNING))

    def carry(self, members: NDArray[np.int64]) -> Carry | None:
        """Returns the carry that members train on from, `[n, ...]`; None: they begin.

        Either all of them begin or none. The one member of a task with a start begins
        with the carry `first`.
        """
        if self.epochs[members[0]] == 0:
            return self.first
        blocks, slots = self.places[members].T
        numbers = np.unique(blocks)
        parts = [np.flatnonzero(blocks == number) for number in numbers]

        def gathered(*leaves):
            rows = np.empty((len(members), *leaves[0].shape[1:]), leaves[0].dtype)
            for at, leaf in zip(parts, leaves, strict=True):
                rows[at] = leaf[slots[at]]
            return rows

        held = [self.shelf[number] for number in numbers]
        carries = [carry_of(self.task, self.outlines, x, self.store) for x in held]
        train_state, epoch_state = jax.tree.map(gathered, *carries)
        return train_state._replace(key=self.keys[members]), epoch_state

    def awaited(self, *, searching: bool, thaws: bool) -> NDArray[np.bool_]:
        """Returns a mask of the members that the search may still train.

        A member is awaited that is not yet where it was last asked to go. While the
        search goes on, it may also ask for the members of the last rung and for those
        that no rung had; and for all others, if it is one that thaws.
        """
        return awaited(self.epochs, self.rungs, searching=searching, thaws=thaws)

    def hparams(self) -> Any:
        """Returns the hyperparameters that each member had last, `[members]`.

        They are NaN for a member that no rung has had.
        """

        def latest(*columns):
            merged = np.zeros(len(self.status), columns[0].dtype)
            asked = np.zeros(len(self.status), bool)
            for rung, column in zip(self.rungs, columns, strict=True):
                merged[rung.members], asked[rung.members] = column, True
            return known_alone(merged, asked)

        return jax.tree.map(latest, *(rung.hparams for rung in self.rungs))

    def standing(self, members: NDArray[np.int64]) -> Standing:
        """Returns metrics of the kept epochs, NaN for the diverged, and parameters."""
        ends = self.kept_epoch, self.status, members
        return kept_metrics(self.metrics, *ends) | self.parameters.of(members)

    def _add(self, trained: TrainedBlock) -> list[int]:
        """Adds a trained block; returns the records whose arrays can be dropped."""
        ids = trained.block.members
        span = slice(trained.block.first, trained.block.until)
        for name, curve in trained.metrics.items():
            self.metrics[name][ids, span] = curve.T
        if trained.step_losses is not None:
            groups = trained.step_losses.shape[2]
            self.step_losses[ids, span, :groups] = trained.step_losses.swapaxes(0, 1)
        self.epochs[ids] = trained.block.until
        self.status[ids], self.stopped_at[ids] = trained.status, trained.stopped_at
        self.kept_epoch[ids], self.steps[ids] = trained.kept_epoch, trained.steps
        left = self.places[ids, 0]
        self.places[ids, 0] = len(self.shelf)
        self.places[ids, 1] = np.arange(len(ids))
        if trained.block.until == self.task.epochs:
            trained = trained._replace(carry=None)
        unneeded = self.shelf.add(trained, left)
        if self.store is not None:
            self.shelf.put_away(MOST_BYTES)
        return unneeded

    def _reset_lost(self, rung: Rung) -> list[int]:
        """Resets members whose arrays are lost to epoch 0.

        Returns:
            The records that nobody needs any more.

        Raises:
            DamagedError: the search has moved weights between members, or changed
                hyperparameters on the way; one rung alone cannot train these again.
        """
        lost = [int(i) for i in rung.members[self.going(rung)] if self._is_lost(i)]
        if not lost:
            return []
        moved = any(rung.parents is not None for rung in self.rungs)
        if moved or self._has_changed(lost):
            ways = (
                "came from other members"
                if moved
                else "were trained with other hyperparameters before"
            )
            raise runs.DamagedError(
                f"the weights of members {lost} are lost with damaged files, and they "
                f"{ways}; expected a run that can be resumed: start it again "
                "in another folder"
            )
        self.epochs[lost], self.steps[lost] = 0, 0
        self.status[lost] = Status.RUNNING
        self.stopped_at[lost] = self.kept_epoch[lost] = self.places[lost] = -1
        return self.shelf.recount(self.places[:, 0])

    def _has_changed(self, members: list[int]) -> bool:
        """Returns whether hyperparameters of members differ between their rungs."""
        *before, now = self.rungs

        def own(rung: Rung, member: int) -> list[Any]:
            at = int(np.flatnonzero(rung.members == member)[0])
            return [column[at] for column in jax.tree.leaves(rung.hparams)]

        return any(
            own(rung, member) != own(now, member)
            for rung in before
            for member in members
            if member in rung.members
        )

    def _is_lost(self, member: int) -> bool:
        """Returns whether a member has trained, and its arrays are not there."""
        number = self.places[member, 0]
        return number >= 0 and self.shelf[number].params is None
