"""Initializers: the standard deviation of a weight as a function of its layer's fans.

A weight is drawn as `stddev(fan_in, fan_out) * N(0, 1)`, so an initializer says only
how wide: it holds no key and no shape, and its scale may be a traced hyperparameter.
"""

import math
from collections.abc import Callable

from jax.typing import ArrayLike

Initializer = Callable[[int, int], ArrayLike]


def he(fan_in: int, fan_out: int) -> float:
    """Returns `sqrt(2 / fan_in)`, which keeps the signal's size through ReLU layers.

    Source: He et al., Delving Deep into Rectifiers, 2015.
    """
    del fan_out
    return math.sqrt(2 / fan_in)


def xavier(fan_in: int, fan_out: int) -> float:
    """Returns `sqrt(1 / fan_in)`, which keeps the signal's size through tanh layers.

    Source: LeCun et al., Efficient BackProp, 1998.
    """
    del fan_out
    return math.sqrt(1 / fan_in)


def glorot(fan_in: int, fan_out: int) -> float:
    """Returns `sqrt(2 / (fan_in + fan_out))`, between forward and backward signal.

    Source: Glorot and Bengio, Understanding the difficulty of training deep
    feedforward neural networks, 2010.
    """
    return math.sqrt(2 / (fan_in + fan_out))


def zeros(fan_in: int, fan_out: int) -> float:
    """Returns 0: all units of a layer stay equal for ever, as symmetry never breaks."""
    del fan_in, fan_out
    return 0.0


def normal(stddev: ArrayLike) -> Initializer:
    """Returns the initializer with the same standard deviation for every layer.

    Args:
        stddev: at least 0; may be traced.
    """
    return lambda fan_in, fan_out: stddev
