"""The speed of a machine for one task, measured on a block that nobody keeps."""

import threading
import time
from typing import Any

from jaxdl.engine.engine import Engine
from jaxdl.engine.forecast import work_of
from jaxdl.engine.layout import Block
from jaxdl.engine.speed import Speed

LEAST = 0.2  # seconds that a measurement takes; what is shorter says little
MORE = 4  # times as many epochs, if one was shorter


class Silent:
    """A report that tells nobody."""

    failed = False

    def __init__(self) -> None:
        """Makes a report that never asks to stop."""
        self.stop = threading.Event()

    def begin(self) -> None:
        """Takes that a hand begins."""

    def __call__(self, number: int, status: Any, metrics: Any) -> None:
        """Takes what a block reports after an epoch."""


def probe(engine: Engine, blocks: list[Block]) -> Speed:
    """Returns the speed of a hand that trains the first of some blocks.

    It compiles the programs of all blocks before. So they take no time to compile
    later.

    Args:
        engine: to which the task was given.
        blocks: of a first rung, at least one.

    Raises:
        MemoryError: no hand has room for one block.
    """
    engine.prepare(blocks)
    block, silent, epochs = blocks[0], Silent(), 1

    def train(part: Block) -> None:
        engine.ask(lambda: (part, False), None, silent)

    train(block._replace(until=1))  # warms up
    while True:
        part = block._replace(until=epochs)
        began = time.monotonic()
        train(part)
        seconds = time.monotonic() - began
        if seconds >= LEAST or epochs == block.until or engine.deadline.left() <= 0:
            break
        epochs = min(block.until, MORE * epochs)
    ends = [began + seconds * (n + 1) / epochs for n in range(epochs)]
    engine.pace.note(block.structure, [began, *ends, began + seconds])
    work = work_of(part, engine.outlines, engine.task.block_width)
    return Speed(compiling=0.0, work=work / seconds)
