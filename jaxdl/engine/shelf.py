"""The shelf: trained blocks that hold the weights of members, in memory.

A block whose members have all trained on elsewhere is freed. Its record's arrays stay
on disk until the block that superseded it is freed too, as a fallback should that one's
own be damaged.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from jaxdl.engine.blocks import TrainedBlock


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
        numbers, counts = np.unique(left[left >= 0], return_counts=True)
        for number, members in zip(numbers.tolist(), counts.tolist(), strict=True):
            self._users[number] -= members
            if not self._users[number]:
                record, *older = self._free(number)
                self._fallbacks.setdefault(successor, []).append(record)
                unneeded += older
        return unneeded

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
            self.blocks[number] = block.without_arrays()
            self.full.discard(number)
            unneeded += [block.record, *self._fallbacks.pop(number, [])]
        self.needed = len(self.full)
        return unneeded

    def _free(self, number: int) -> list[int]:
        """Frees a block; returns its record and those that it superseded."""
        record, self.blocks[number] = self[number].record, None
        self.full.discard(number)
        return [record, *self._fallbacks.pop(number, [])]
