"""The losses of a training between its epochs: the cost by step."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Steps(NamedTuple):
    """Mean train losses of some steps each, penalty excluded, before their updates."""

    number: NDArray[np.int64]  # [n] updates that were taken by the end of each mean
    loss: NDArray[Any]  # [n]


def joined_steps(losses: NDArray[Any], steps: int, every: int) -> Steps:
    """Returns the losses of a training in one row, without epochs that did not run.

    Args:
        losses: `[epochs, groups]`, see `make_epoch`; NaN where there is none.
        steps: of an epoch.
        every: how many steps a mean is of; fewer at the end of an epoch.
    """
    groups = -(-steps // every)
    ends = np.minimum(every * np.arange(1, groups + 1), steps)
    number = np.add.outer(steps * np.arange(len(losses)), ends)
    own = losses[:, :groups]
    ran = ~np.isnan(own).all(axis=1)
    return Steps(number[ran].ravel(), own[ran].ravel())
