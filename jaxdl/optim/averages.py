"""Exponentially weighted averages: the idea behind every optimizer here."""

from typing import Any

import jax
from jax.typing import ArrayLike


def ewma(average: Any, value: Any, beta: ArrayLike) -> Any:
    """Returns the next average, `v ← beta v + (1 - beta) value`.

    It averages over about the last `1 / (1 - beta)` values. An average that starts from
    zero is too small at first. `bias_corrected` corrects it on reading and leaves v as
    it is.

        >>> v = optim.ewma(jnp.zeros(()), 10.0, 0.9)
        >>> float(v.round(4)), float(optim.bias_corrected(v, 0.9, 1).round(4))
        (1.0, 10.0)

    Args:
        average: v, a pytree.
        value: a pytree of the same structure and shapes.
        beta: the weight of the old average, in [0, 1); may be traced.
    """
    return jax.tree.map(lambda v, new: beta * v + (1 - beta) * new, average, value)


def bias_corrected(average: Any, beta: ArrayLike, count: ArrayLike) -> Any:
    """Returns `v / (1 - beta^count)`, the average with weights that add up to 1.

    Args:
        average: v, a pytree, after `count` values; it started from zero.
        beta: the weight of the old average in `ewma`; may be traced.
        count: the number of values, at least 1; may be traced.
    """
    correction = 1 - beta**count
    return jax.tree.map(lambda v: v / correction, average)
