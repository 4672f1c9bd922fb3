"""What is trained: four networks, and what every peer is given of them.

A peer gets a `Task`: arrays and plain numbers, so that it needs nothing of jaxdl.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

CLASSES = 10


class Workload(NamedTuple):
    """A network on a data set: convolutions, then hidden layers, then 10 classes."""

    dataset: str
    shape: tuple[int, ...]  # of an example
    channels: tuple[int, ...]  # of 3x3 convolutions, each before a 2x2 max pool
    units: tuple[int, ...]  # of hidden layers
    batch_size: int
    train: int  # examples, a multiple of the batch size: no batch is partial
    dev: int
    members: tuple[int, ...]  # how many models, by default
    headline: int  # how many in the short comparison


DIGITS = ("digits", (64,))
FASHION = ("fashion_mnist", (784,))
PICTURES = ("fashion_mnist", (28, 28, 1))

WORKLOADS = {
    "S": Workload(
        *(*DIGITS, (), (64, 64), 64, 1600, 197),
        members=(1, 16, 64, 256, 1024, 16384),
        headline=256,
    ),
    "M": Workload(
        *(*FASHION, (), (128, 128), 128, 12800, 1000),
        members=(1, 16, 64, 256, 1024),
        headline=64,
    ),
    "L": Workload(
        *(*FASHION, (), (512, 512), 128, 12800, 1000),
        members=(1, 16, 64),
        headline=16,
    ),
    "V": Workload(
        *(*PICTURES, (8, 16), (), 64, 640, 64),  # a step takes long
        members=(1, 16, 32),
        headline=32,
    ),
}


class Case(NamedTuple):
    """One comparison."""

    workload: str
    members: int
    plain: bool  # biases for batch normalization, and no dropout


class Task(NamedTuple):
    """What one process is to train."""

    workload: Workload
    plain: bool
    train_inputs: NDArray[np.float32]  # [m, *shape], normalized
    train_labels: NDArray[np.int32]  # [m]
    dev_inputs: NDArray[np.float32]
    dev_labels: NDArray[np.int32]
    learning_rate: NDArray[np.float32]  # [members]
    beta1: NDArray[np.float32]  # [members]
    keep_prob: NDArray[np.float32]  # [members]; not for plain ones

    @property
    def members(self) -> int:
        return len(self.learning_rate)

    @property
    def steps(self) -> int:
        """Returns how many steps a member takes in an epoch."""
        return len(self.train_inputs) // self.workload.batch_size

    @property
    def normalized(self) -> bool:
        """Returns whether hidden layers have batch normalization and dropout."""
        return bool(self.workload.units) and not self.plain


def read_task(case: Case, members: int, folder: Path, share: int, shares: int) -> Task:
    """Returns the task of a process: every `shares`-th of the first `members`."""
    arrays: dict[str, Any] = dict(np.load(folder / f"{case.workload}.npz"))
    drawn = np.load(folder / f"{case.members}.npz")
    arrays |= {name: drawn[name][share:members:shares] for name in drawn}
    return Task(WORKLOADS[case.workload], case.plain, **arrays)
