"""Curves of members: before they train, at their kept epochs, and their means."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from jaxdl.engine.outlines import Outlines
from jaxdl.engine.task import Task
from jaxdl.searches.rungs import Standing
from jaxdl.train.epoch_state import Status


def kept_metrics(
    curves: dict[str, NDArray[Any]],
    kept_epoch: NDArray[np.int32],
    status: NDArray[np.int32],
    members: NDArray[np.int64],
) -> Standing:
    """Returns the metrics of the members' kept epochs; NaN for the diverged."""
    epochs = np.maximum(kept_epoch[members], 0)
    diverged = status[members] == Status.DIVERGED
    return {
        name: np.where(diverged, np.nan, curve[members, epochs])
        for name, curve in curves.items()
    }


def mean(metrics: Standing, num_variants: int) -> Standing:
    """Returns the means over the variants of each configuration, `[configurations]`.

    They are NaN where a variant diverged. Sums in float64 do not depend on the order of
    the variants, so that a tie stays a tie.

    Args:
        metrics: of the members of whole configurations, `[members]`.
        num_variants: V.
    """
    return {
        name: values.reshape(-1, num_variants).mean(axis=1, dtype=np.float64)
        for name, values in metrics.items()
    }


def no_losses(task: Task, outlines: Outlines) -> NDArray[Any]:
    """Returns NaN for the losses of all steps, `[members, epochs, groups]`.

    There are as many groups of `every` steps as any program has in an epoch.
    """
    every, steps = task.every, [found.steps_per_epoch for found in outlines.values()]
    groups = 0 if every is None else max(-(-n // every) for n in steps)
    shape = task.num_members, task.epochs, groups
    return np.full(shape, np.nan, jnp.result_type(float))
