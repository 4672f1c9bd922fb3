"""Exponentially weighted averages, the one idea behind every optimizer here."""

from typing import Any

import jax
from jax.typing import ArrayLike


def ewma(average: Any, value: Any, beta: ArrayLike) -> Any:
    """Returns the next average, `v ← beta v + (1 - beta) value`.

    It weighs about the last `1 / (1 - beta)` values. Started from zero it is too small
    at first; `bias_corrected` mends that on reading, and v itself stays as it is.

    Args:
        average: pytree v.
        value: pytree of the same structure and shapes.
        beta: weight of the old average, in [0, 1); may be traced.
    """
    return jax.tree.map(lambda v, new: beta * v + (1 - beta) * new, average, value)


def bias_corrected(average: Any, beta: ArrayLike, count: ArrayLike) -> Any:
    """Returns `v / (1 - beta^count)`, the mean with weights that add up to 1.

    Args:
        average: pytree v after `count` values, started from zero.
        beta: the weight it was averaged with; may be traced.
        count: number of values, at least 1; may be traced.
    """
    correction = 1 - beta**count
    return jax.tree.map(lambda v: v / correction, average)
