"""Random keys: those of JAX, made from seeds."""

from typing import Any

import jax
import numpy as np

IMPL = "threefry2x32"  # the only kind of key that vmap keeps apart
MOST_SEEDS = 2**32


def is_key(value: Any) -> bool:
    """Returns whether an array, or its shape, is of typed random keys."""
    dtype = getattr(value, "dtype", None)
    return dtype is not None and jax.dtypes.issubdtype(dtype, jax.dtypes.prng_key)


def as_key(key: jax.Array | int) -> jax.Array:
    """Returns the key of a run, from which each member's randomness is derived.

    Args:
        key: a single threefry key, `jax.random.key(seed)`, or the seed itself, an int
            from 0 to 2^32 - 1.

    Raises:
        TypeError: the key is neither a seed nor a single threefry key.
        ValueError: the seed is above 2^32 - 1.
    """
    whole = isinstance(key, int | np.integer) and not isinstance(key, bool)
    if whole and key >= 0:
        if key >= MOST_SEEDS:  # JAX drops the bits above
            raise ValueError(f"got the seed {key}; expected one from 0 to 2^32 - 1")
        return jax.random.key(int(key), impl=IMPL)
    if isinstance(key, jax.Array) and is_key(key):
        if not key.shape and "fry" in str(jax.random.key_impl(key)):
            return key
    raise TypeError(
        f"got key={key!r}; expected a seed from 0 to 2^32 - 1, or one threefry key, "
        "jax.random.key(seed). Keys of other generators give all models of a batch the "
        "same random numbers"
    )
