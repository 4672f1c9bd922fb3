"""Packing: members that still train fill as few blocks as they can.

With early stopping, blocks pause every few epochs. Those of their members that still
train wait for others that are as far, until a block is full or no other can come. So a
member that has stopped leaves its place to one that trains. Who shares a block changes
no bit.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from jaxdl.engine.inputs import Family
from jaxdl.engine.layout import Block
from jaxdl.train.structure import Structure

# Members of a line can share a block when they are as far: they have one program, and
# train until the same epoch.
Line = tuple[Structure, Family, int]


class Packing:
    """The blocks of one rung, from pause to pause."""

    def __init__(
        self, width: int, goals: NDArray[np.int64], pause: Callable[[Block], int]
    ):
        """Makes a packing without blocks.

        Args:
            width: K.
            goals: how many epochs each member will have trained, `[members]`.
            pause: gets a block that begins, returns how many epochs it has had when it
                next pauses.
        """
        self.width, self.goals, self._pause = width, goals, pause
        self._training: dict[Line, Counter[int]] = defaultdict(Counter)  # by `first`
        self._waiting: dict[Line, dict[int, list[Block]]] = defaultdict(dict)
        self._pauses: dict[tuple[Line, int], int] = {}  # the same for all as far

    def begin(self, block: Block) -> Block:
        """Returns a block cut at its next pause."""
        line, goal = self._line(block), self._goal(block)
        key = line, block.first
        until = self._pauses.setdefault(key, min(goal, self._pause(block)))
        self._training[line][block.first] += 1
        return block._replace(until=until)

    def after(self, block: Block, running: NDArray[np.bool_]) -> list[Block]:
        """Returns the blocks that begin now that one has paused.

        Args:
            block: that `begin` returned.
            running: which of its members can train on, `[n]`.
        """
        line = self._line(block)
        self._training[line] -= Counter({block.first: 1})
        if block.until < self._goal(block) and running.any():
            on = _part(block, np.flatnonzero(running))._replace(first=block.until)
            self._waiting[line].setdefault(block.until, []).append(on)
        return [*self._ready(line)]

    def _ready(self, line: Line) -> Iterator[Block]:
        """Yields the full blocks of a line, and those that no member can join."""
        waiting = self._waiting[line]
        for epoch in sorted(waiting):
            members = _joined(waiting.pop(epoch))
            behind = any(first < epoch for first in self._training[line])
            n = len(members.members)
            for start in range(0, n, self.width):
                block = _part(members, np.arange(start, min(n, start + self.width)))
                if behind and len(block.members) < self.width:
                    waiting[epoch] = [block]
                else:
                    yield self.begin(block)

    def _goal(self, block: Block) -> int:
        return int(self.goals[block.members[0]])

    def _line(self, block: Block) -> Line:
        return block.structure, block.family, self._goal(block)


def _part(block: Block, at: NDArray[np.int64]) -> Block:
    traced = {name: column[at] for name, column in block.traced.items()}
    return block._replace(members=block.members[at], traced=traced)


def _joined(blocks: list[Block]) -> Block:
    """Returns all members of blocks as one, those of a variant side by side."""
    traced = {
        name: np.concatenate([block.traced[name] for block in blocks])
        for name in blocks[0].traced
    }
    members = np.concatenate([block.members for block in blocks])
    joined = blocks[0]._replace(members=members, traced=traced)
    return _part(joined, np.argsort(joined.variants, kind="stable"))
