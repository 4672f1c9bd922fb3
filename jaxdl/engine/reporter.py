"""What a block reports while it trains, on its way to the meter of its rung."""

import concurrent.futures
import threading
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxdl.engine.layout import Block
from jaxdl.engine.progress import Meter
from jaxdl.train.epoch_state import Status


class Reporter:
    """Passes on what a block reports after each of its epochs.

    What a second hand reports of the epochs of a lost one is not reported again.
    """

    def __init__(self, block: Block, steps: int, meter: Meter, stop: threading.Event):
        self.block, self.steps, self.meter, self.stop = block, steps, meter, stop
        self.shown = block.first
        self.failed = False
        self.times: list[float] = []  # the hand began, each of its epochs was over

    def begin(self) -> None:
        """Takes that a hand begins; what a lost one took is no pace."""
        self.times = [time.monotonic()]

    def __call__(
        self, number: int, status: NDArray[Any], metrics: dict[str, NDArray[Any]]
    ) -> None:
        if self.stop.is_set():
            raise concurrent.futures.CancelledError
        self.times.append(time.monotonic())
        if number < self.shown:
            return
        self.shown = number + 1
        last = self.shown == self.block.until or not np.any(status == Status.RUNNING)
        members, values = self.block.members, metrics[self.meter.curve]
        steps = len(members) * self.steps
        self.failed = True  # if the meter, which may call the user's function, raises
        self.meter.report(members, self.shown, status, values, steps, last=last)
        self.failed = False

    def end(self, goal: int, status: NDArray[Any]) -> None:
        """Tells the meter which steps no member will take.

        Args:
            goal: until which epoch the members would train.
            status: theirs at the end of the block, `[n]`.
        """
        planned = len(status) * (goal - self.shown)
        left = np.sum(status == Status.RUNNING) * (goal - self.block.until)
        self.meter.expect(steps=-int(planned - left) * self.steps)
