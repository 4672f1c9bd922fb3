"""The pace of blocks, by which the engine decides when they pause.

It is measured, and so differs from run to run. No bit of a member depends on it.
"""

import math
from collections import deque
from collections.abc import Sequence

from jaxdl.train.structure import Structure

KEEP_SECONDS = 30.0  # of training that a crash undoes, about, at most
MOST_SECONDS = 600.0  # the same, whatever keeping takes
# Of the time of a block, about: what its pauses may take. Where half of the members
# stop early, those that have stopped and wait for the next pause cost about as much.
PAUSE_SHARE = 0.03
KEEP_SHARE = 0.1  # of this process's time: what keeping may take, for all remote hands
LAST = 5  # parts of blocks, after which one that was slow by chance is forgotten


class Pace:
    """How long epochs of a block take, and all beside them, by structure."""

    def __init__(self) -> None:
        """Makes a pace that knows nothing yet."""
        self.epoch: dict[Structure, float] = {}  # seconds
        self.beside: dict[Structure, float] = {}  # seconds from one pause to the next
        # Seconds of an epoch, all included, of the last parts.
        self._whole: dict[Structure, deque[float]] = {}

    def note(self, structure: Structure, times: Sequence[float]) -> None:
        """Notes what a block took.

        Args:
            structure: of the block.
            times: in seconds: when it began, when each of its epochs was over, and when
                all of it was over.
        """
        began, *epochs, ended = times
        whole = self._whole.setdefault(structure, deque(maxlen=LAST))
        whole.append((ended - began) / max(1, len(epochs)))
        if len(epochs) < 2:  # which says nothing of what is beside the epoch
            self.epoch.setdefault(structure, ended - began)
            return
        self.epoch[structure] = (epochs[-1] - epochs[0]) / (len(epochs) - 1)
        beside = ended - began - len(epochs) * self.epoch[structure]
        before = self.beside.get(structure, beside)
        self.beside[structure] = max(0.0, (before + beside) / 2)

    def longest(self, structure: Structure) -> float:
        """Returns how many seconds an epoch takes at most, all included.

        It is the longest of the last few parts of blocks. Of a structure that has not
        trained it is that of the slowest one; 0: nothing is known.
        """
        known = {s: max(times) for s, times in self._whole.items()}
        return known.get(structure, max(known.values(), default=0.0))

    def until_kept(self, structure: Structure, hands: int = 0) -> int:
        """Returns after how many epochs a block is next put on disk, at least 1.

        Args:
            structure: of the block.
            hands: of other machines, whose blocks this process keeps.
        """
        least = hands * self.beside.get(structure, 0.0) / KEEP_SHARE
        seconds = max(KEEP_SECONDS, min(least, MOST_SECONDS))
        return max(1, int(seconds / self.epoch.get(structure, math.inf)))

    def until_packed(self, structure: Structure) -> int:
        """Returns after how many epochs a block next pauses, at least 1."""
        beside = self.beside.get(structure, 0.0) / PAUSE_SHARE
        return max(1, math.ceil(beside / self.epoch.get(structure, math.inf)))
