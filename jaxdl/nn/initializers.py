"""Initializers: the standard deviation of a weight as a function of its layer's fans.

A weight is drawn as `stddev(fan_in, fan_out) * N(0, 1)`. An initializer is only the
function `stddev`: it has no key and no shape. Its scale may be a traced hyperparameter.
"""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

Fan = int | jax.Array  # traced where a size is a hyperparameter: the live count
Initializer = Callable[[Any, Any], ArrayLike]


def he(fan_in: Fan, fan_out: Fan) -> ArrayLike:
    """Returns `sqrt(2 / fan_in)`, which keeps the signal's size through ReLU layers.

    Source: He et al., Delving Deep into Rectifiers, 2015.
    """
    del fan_out
    return _sqrt(2 / fan_in)


def xavier(fan_in: Fan, fan_out: Fan) -> ArrayLike:
    """Returns `sqrt(1 / fan_in)`, which keeps the signal's size through tanh layers.

    Source: LeCun et al., Efficient BackProp, 1998.
    """
    del fan_out
    return _sqrt(1 / fan_in)


def glorot(fan_in: Fan, fan_out: Fan) -> ArrayLike:
    """Returns `sqrt(2 / (fan_in + fan_out))`, for the forward and backward signal.

    Source: Glorot and Bengio, Understanding the difficulty of training deep
    feedforward neural networks, 2010.
    """
    return _sqrt(2 / (fan_in + fan_out))


def zeros(fan_in: Fan, fan_out: Fan) -> float:
    """Returns 0. The units of a layer then stay equal: symmetry never breaks.

    Only a layer that treats units differently, such as dropout, makes them differ.
    """
    del fan_in, fan_out
    return 0.0


def normal(stddev: ArrayLike) -> Initializer:
    """Returns the initializer with the same standard deviation for every layer.

    Args:
        stddev: at least 0; may be traced.
    """
    return lambda fan_in, fan_out: stddev


def normal_per_unit(key: jax.Array, fan_in: int, units: int) -> jax.Array:
    """Returns standard normal draws `[fan_in, units]`, column j from `fold_in(key, j)`.

    The generator's i-th draw from a key does not depend on the number of draws, so
    entry (i, j) depends only on the key, i and j. The exception is its last bit: JAX
    0.12 rounds it depending on the entry's place in a vector.
    """
    low = jnp.finfo(jnp.result_type(float)).epsneg - 1  # erf_inv(-1) is infinite

    def unit(j):
        return jax.random.uniform(jax.random.fold_in(key, j), (fan_in,), minval=low)

    # A loop: XLA takes at least twice as long to compile all units at once.
    u = jax.lax.map(unit, jnp.arange(units)).T
    return math.sqrt(2) * jax.lax.erf_inv(u)


def _sqrt(x: ArrayLike) -> ArrayLike:
    return math.sqrt(x) if isinstance(x, float) else jnp.sqrt(x)
