"""The shelf: trained blocks that hold the weights of members, in memory.

A block whose members have all trained on elsewhere is freed. Its record's arrays stay
on disk until the block that superseded it is freed too, as a fallback should that one's
own be damaged.

A block can also be put away: its members keep their weights in memory, and what they
train on from is read from the run's folder when they do.
"""

from collections.abc import Iterable

import jax
import numpy as np
from numpy.typing import NDArray

from jaxdl.engine.blocks import TrainedBlock
from jaxdl.runs.writer import memory_bytes

# Of the carries in memory of a sweep with a folder: beyond, blocks are put away.
MOST_BYTES = memory_bytes() // 4


class Shelf:
    """Trained blocks by number, in the order in which they came.

    Methods that free blocks return the records whose arrays can be dropped.
    """

    def __init__(self) -> None:
        """Makes an empty shelf."""
        self.blocks: list[TrainedBlock | None] = []  # None: freed
        self.full: set[int] = set()  # numbers of those that hold weights
        self.needed = 0  # how many of them had to, when others were emptied last
        self._users: list[int] = []  # members with weights in each block
        self._fallbacks: dict[int, list[int]] = {}  # by block: records it superseded
        self.held = 0  # bytes of the carries in memory
        self._oldest = 0  # no block before it has a carry in memory

    def __len__(self) -> int:
        return len(self.blocks)

    def __getitem__(self, number: int) -> TrainedBlock:
        """Returns a block that is not freed."""
        block = self.blocks[number]
        assert block is not None
        return block

    def add(self, trained: TrainedBlock, left: NDArray[np.int64]) -> list[int]:
        """Adds a block whose members leave other ones.

        Args:
            trained: the block.
            left: where each member's weights were, `[n]` numbers; -1: nowhere.
        """
        successor, unneeded = len(self), []
        self.blocks.append(trained)
        if trained.params is not None:
            self.full.add(successor)
        self._users.append(len(left))
        self.held += _carry_bytes(trained)
        numbers, counts = np.unique(left[left >= 0], return_counts=True)
        for number, members in zip(numbers.tolist(), counts.tolist(), strict=True):
            self._users[number] -= members
            if not self._users[number]:
                record, *older = self._free(number)
                self._fallbacks.setdefault(successor, []).append(record)
                unneeded += older
        return unneeded

    def put_away(self, most: int) -> None:
        """Puts blocks away, the oldest first, until carries take at most so many bytes.

        Their records must be on disk, or on their way there.
        """
        while self.held > most:
            block = self.blocks[self._oldest]
            if block is not None:
                self.held -= _carry_bytes(block)
                self.blocks[self._oldest] = block._replace(carry=None)
            self._oldest += 1

    def recount(self, numbers: NDArray[np.int64]) -> list[int]:
        """Counts again which members use which block, and frees the unused.

        Args:
            numbers: of the block of each member, `[members]`; -1: none.
        """
        users = np.bincount(numbers + 1, minlength=len(self) + 1)
        self._users = users[1:].tolist()
        unneeded = []
        for number, block in enumerate(self.blocks):
            if block is not None and not self._users[number]:
                unneeded += self._free(number)
        return unneeded

    def empty(self, numbers: Iterable[int]) -> list[int]:
        """Forgets the weights of blocks whose members never train on."""
        unneeded = []
        for number in numbers:
            block = self[number]
            self.held -= _carry_bytes(block)
            self.blocks[number] = block.without_arrays()
            self.full.discard(number)
            unneeded += [block.record, *self._fallbacks.pop(number, [])]
        self.needed = len(self.full)
        return unneeded

    def _free(self, number: int) -> list[int]:
        """Frees a block; returns its record and those that it superseded."""
        self.held -= _carry_bytes(self[number])
        record, self.blocks[number] = self[number].record, None
        self.full.discard(number)
        return [record, *self._fallbacks.pop(number, [])]


def _carry_bytes(trained: TrainedBlock) -> int:
    return sum(x.nbytes for x in jax.tree.leaves(trained.carry))
