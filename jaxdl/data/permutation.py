"""A permutation of rows: that of `jax.random.permutation`, sooner."""

import math

import jax
import numpy as np
from numpy.typing import NDArray

from jaxdl.keys import fold_in, key_words, random_bits

MOST = 2**32 - 1  # of 32 random bits


def permutation(key: jax.Array, m: int) -> NDArray[np.int32]:
    """Returns a random permutation of 0, ..., m - 1.

    NumPy sorts, since XLA compiles a sort for a third of a second. Rows with equal
    random numbers keep their order, which is not random; the rounds make that rare.

    Args:
        key: consumed here.
        m: at least 0.
    """
    order, words = np.arange(m, dtype=np.int32), key_words(key)
    for _ in range(rounds(m)):
        words, own = fold_in(words, [0, 1])
        order = order[np.argsort(random_bits(own, m), kind="stable")]
    return order


def rounds(m: int) -> int:
    """Returns how often JAX sorts m rows by random numbers."""
    return math.ceil(3 * math.log(max(1, m)) / math.log(MOST))
