"""What the engine knows of a crew: the workers that train blocks, each called a hand.

A hand gives a trained block back, or is lost, and another is asked for the same block.
The engine knows a crew by this protocol alone. The threads of this process are one.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from jaxdl.engine.blocks import Report, TrainedBlock
from jaxdl.engine.deadline import Deadline
from jaxdl.engine.kind import Kind
from jaxdl.engine.layout import Block
from jaxdl.engine.outlines import Outlines
from jaxdl.engine.task import Task
from jaxdl.train.epoch_state import Carry

STAGES = "traced", "compiled"
Count = Callable[[str], None]


class Lost(Exception):
    """The hand is gone. Another hand can train its block."""


class Hand(Protocol):
    """A worker. It trains one block at a time."""

    def train(
        self, block: Block, state: Carry | None, report: Report, *, last: bool
    ) -> TrainedBlock:
        """Returns the block after its epochs.

        Args:
            block: the members to train.
            state: from which they train on, `[n, ...]`; None: they begin.
            report: called after each epoch.
            last: whether they never train on.

        Raises:
            Lost: the hand is gone.
            MemoryError: the hand has no room for the block.
        """
        ...


class Crew(Protocol):
    """The hands that train one task."""

    @property
    def size(self) -> int:
        """How many hands there are now."""
        ...

    @property
    def remote(self) -> bool:
        """Whether they are on other machines, and so may be lost at any moment."""
        ...

    @property
    def full_size(self) -> int:
        """How many hands there will be once those that have started are ready."""
        ...

    def kind(self, expected: Kind | None, deadline: Deadline) -> Kind:
        """Returns the kind of all hands, on which bits are equal. It comes first.

        Args:
            expected: that of the run which resumes; None: any.
            deadline: after which nobody waits for a hand.

        Raises:
            TimeIsUp: the deadline has passed; so do `prepare`, `take` and hands.
        """
        ...

    def begin(self, task: Task, outlines: Outlines) -> None:
        """Gives the hands their task.

        Args:
            task: its plan and its variants are known; its data are those that the rows
                of the variants are of.
            outlines: of each program of the task.
        """
        ...

    def missing(self, blocks: Sequence[Block]) -> list[Block]:
        """Returns a block of each program that is not compiled yet."""
        ...

    def prepare(self, blocks: Sequence[Block], count: Count) -> str:
        """Compiles programs.

        Args:
            blocks: one of each program.
            count: called with each of `STAGES` when a program has passed it.

        Returns:
            In words, what a block takes and how many blocks train at once.

        Raises:
            MemoryError: no hand has room for one block.
        """
        ...

    def take(self, stop: threading.Event) -> Hand:
        """Returns a hand that is free; waits for one.

        Raises:
            CancelledError: `stop` is set.
        """
        ...

    def give(self, hand: Hand) -> None:
        """Gets a hand back that is free."""
        ...

    def lose(self, hand: Hand, error: Exception) -> None:
        """Gets a hand back that raised `Lost` or `MemoryError`.

        Raises:
            Lost: it was the last one.
            MemoryError: it was the last one, and had no room.
        """
        ...

    def used_bytes(self) -> int | None:
        """Returns how many bytes of memory are in use; None if unknown."""
        ...

    def close(self) -> None:
        """Ends the hands."""
        ...
