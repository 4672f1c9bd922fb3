"""All members of a sweep while it goes on: how far, how well, and their arrays."""

from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from jaxdl import runs
from jaxdl.engine.blocks import Carried, Trained
from jaxdl.searches.rungs import Rung, Standing
from jaxdl.train import DIVERGED, RUNNING


class Population:
    """What is known of each member, in arrays `[members]`, between two rungs."""

    def __init__(self, keys: NDArray[np.uint32], epochs: int):
        members = len(keys)
        self.keys = keys  # [members, 2] that each carries from step to step
        self.most = epochs  # that anyone may train
        self.rungs: list[Rung] = []
        self.metrics: dict[str, NDArray[Any]] = {}  # [members, epochs]
        self.epochs = np.zeros(members, np.int64)  # that each was trained
        self.fate = np.full(members, RUNNING, np.int32)
        self.stopped_at = np.full(members, -1, np.int32)
        self.kept_epoch = np.full(members, -1, np.int32)
        self.blocks: list[Trained | None] = []
        self.steps = np.zeros(members, np.int32)  # likewise
        self.places = np.full(
            (members, 2), -1
        )  # block and slot of its arrays; -1: none

    def enter(self, rung: Rung) -> None:
        """Begins a rung: who has a parent takes over what that has become.

        Its random numbers alone stay its own.
        """
        self.rungs.append(rung)
        if rung.parents is None:
            return
        taken = (self.epochs, self.steps, self.fate, self.stopped_at, self.kept_epoch)
        for column in (*taken, self.places, *self.metrics.values()):
            column[rung.members] = column[rung.parents]

    @property
    def number(self) -> int:
        """The number of the rung that was entered last."""
        return len(self.rungs) - 1

    def start_over(self, rung: Rung) -> None:
        """Puts back to where they begin those that cannot go on, their arrays lost.

        Raises:
            DamagedError: the search has moved weights between members, which a member
                cannot get back by itself.
        """
        lost = [int(i) for i in rung.members[self.going(rung)] if self._is_lost(i)]
        if not lost:
            return
        if any(rung.parents is not None for rung in self.rungs):
            raise runs.DamagedError(
                f"the weights of members {lost} are lost with damaged files, and they "
                "come from other members; expected a run that can be gone on with: "
                "start it anew in another folder"
            )
        self.epochs[lost], self.steps[lost], self.fate[lost] = 0, 0, RUNNING
        self.stopped_at[lost] = self.kept_epoch[lost] = self.places[lost] = -1

    def going(self, rung: Rung) -> NDArray[np.int64]:
        """Returns positions in the rung of those that still have to train in it."""
        ids = rung.members
        unfinished = self.epochs[ids] < rung.until
        return np.flatnonzero(unfinished & (self.fate[ids] == RUNNING))

    def _block(self, member: int) -> Trained:
        """Returns the block that holds what a member has become."""
        block = self.blocks[self.places[member, 0]]
        assert block is not None
        return block

    def _is_lost(self, member: int) -> bool:
        """Returns whether a member has trained, and its arrays are not there."""
        return self.places[member, 0] >= 0 and self._block(member).params is None

    def carried(self, members: NDArray[np.int64]) -> Carried | None:
        """Returns what members go on from, `[n, ...]`; None if they begin."""
        if self.epochs[members[0]] == 0:
            return None
        rows = [
            jax.tree.map(lambda x, s=slot: x[s], self.blocks[block].carried)
            for block, slot in self.places[members]
        ]
        train_state, progress = jax.tree.map(lambda *x: np.stack(x), *rows)
        return train_state._replace(key=self.keys[members]), progress

    def restore(self, kept: list[Trained]) -> list[Trained]:
        """Takes in what was kept of a rung; returns what nobody needs now.

        What follows something that is lost cannot be gone on from, and is left out. Who
        has started over since goes on from there.
        """
        forgotten = []
        for block in kept:
            ids, first = block.group.members, block.group.first
            again = first == 0 and all(map(self._is_lost, ids))
            if again or (self.epochs[ids] == first).all():
                forgotten += self.record([block])
            else:
                forgotten.append(block)
        return forgotten

    def record(self, trained: list[Trained]) -> list[Trained]:
        """Takes in what blocks have become; returns those that nobody needs now."""
        for block in trained:
            ids, span = block.group.members, slice(block.group.first, block.group.until)
            for name, curve in block.metrics.items():
                rows = self.metrics.setdefault(
                    name, np.full((len(self.fate), self.most), np.nan, curve.dtype)
                )
                rows[ids, span] = curve.T
            self.epochs[ids] = block.group.until
            self.fate[ids], self.stopped_at[ids] = block.fate, block.stopped_at
            self.kept_epoch[ids] = block.kept_epoch
            self.steps[ids] = block.steps
            self.places[ids] = [(len(self.blocks), slot) for slot in range(len(ids))]
            ended = block.group.until == self.most
            self.blocks.append(block._replace(carried=None) if ended else block)
        needed = set(self.places[:, 0])
        forgotten = [
            (i, block)
            for i, block in enumerate(self.blocks)
            if block is not None and i not in needed
        ]
        for i, _ in forgotten:
            self.blocks[i] = None
        return [block for _, block in forgotten]

    def awaited(self, goes_on: bool) -> NDArray[np.bool_]:
        """Returns who is to train further, unless its fate is sealed, `[members]`.

        That is who is not yet where it was last asked to go. Where the search goes on,
        it may also ask for those of the last rung, and for those that it never had.
        """
        asked = np.zeros_like(self.epochs)
        for rung in self.rungs:
            asked[rung.members] = rung.until
        awaited = self.epochs < asked
        if goes_on:
            awaited[self.rungs[-1].members] = True
            awaited |= asked == 0
        return awaited

    def hparams(self) -> Any:
        """Returns the hyperparameters that each member had last, `[members]`."""

        def latest(*columns):
            merged = np.zeros(len(self.fate), columns[0].dtype)
            for rung, column in zip(self.rungs, columns, strict=True):
                merged[rung.members] = column
            return merged

        return jax.tree.map(latest, *(rung.hparams for rung in self.rungs))

    def standing(self, members: NDArray[np.int64]) -> Standing:
        """Returns the metrics of the members' kept epochs."""
        kept = np.maximum(self.kept_epoch[members], 0)
        diverged = self.fate[members] == DIVERGED
        return {
            name: np.where(diverged, np.nan, curve[members, kept])
            for name, curve in self.metrics.items()
        }
