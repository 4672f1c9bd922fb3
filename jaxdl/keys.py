"""Random keys: those of JAX, made from seeds; and what the host draws from them.

XLA compiles each small function of `jax.random` by itself, 0.02 to 0.4 s a shape. What
is drawn before anything trains is drawn by NumPy, to the same bits.
"""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from numpy.typing import ArrayLike, NDArray

IMPL = "threefry2x32"  # the only kind of key that vmap keeps apart
MOST_SEEDS = 2**32
ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))  # in bits, of four rounds each
PARITY = 0x1BD11BDA
PART = 2**16  # draws at once


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
        ValueError: the seed is above 2^32 - 1; or JAX's setting of random numbers is
            not its default.
    """
    if not jax.config.jax_threefry_partitionable:  # pyrefly: ignore
        raise ValueError(
            "got JAX's setting jax_threefry_partitionable=False, with which a program "
            "draws other numbers than a space; expected True, or unset "
            "JAX_THREEFRY_PARTITIONABLE"
        )
    whole = isinstance(key, int | np.integer) and not isinstance(key, bool)
    if whole and key >= 0:
        if key >= MOST_SEEDS:  # JAX drops the bits above
            raise ValueError(f"got the seed {key}; expected one from 0 to 2^32 - 1")
        return key_of([0, key])
    if isinstance(key, jax.Array) and is_key(key):
        if not key.shape and "fry" in str(jax.random.key_impl(key)):
            return key
    raise TypeError(
        f"got key={key!r}; expected a seed from 0 to 2^32 - 1, or one threefry key, "
        "jax.random.key(seed). Keys of other generators give all models of a batch the "
        "same random numbers"
    )


def key_of(words: ArrayLike) -> jax.Array:
    """Returns the keys of pairs of words, `[..., 2]`."""
    held = jax.device_put(np.asarray(words, np.uint32))
    return jax.random.wrap_key_data(held, impl=IMPL)


def folded(key: jax.Array, *numbers: int) -> jax.Array:
    """Returns a key with numbers folded in, one after the other."""
    return key_of(key_words(key, *numbers))


def key_words(key: Any, *numbers: int) -> NDArray[np.uint32]:
    """Returns the two words of `folded(key, *numbers)`, `[2]`."""
    found = np.asarray(jax.random.key_data(key))
    for number in numbers:
        found = fold_in(found, number)
    return found


def random_bits(words: NDArray[np.uint32], m: int) -> NDArray[np.uint32]:
    """Returns `jax.random.bits(key, (m,), jnp.uint32)`; m is at most 2^32."""
    return _in_parts(lambda numbers: _xor(fold_in(words, numbers)), m)


def bits_of_each(words: NDArray[np.uint32], m: int) -> NDArray[np.uint32]:
    """Returns `jax.random.bits(fold_in(key, i), (), jnp.uint32)` for i below m."""
    return _in_parts(lambda numbers: _xor(fold_in(fold_in(words, numbers), 0)), m)


def fold_in(words: NDArray[np.uint32], numbers: ArrayLike) -> NDArray[np.uint32]:
    """Returns `jax.random.fold_in` of keys and numbers, as words `[..., 2]`.

    Twenty rounds of threefry turn the counter (0, number) into two words.
    `jax.random.split(key, n)` is `fold_in(words, np.arange(n))` by another name.

    Args:
        words: of keys, `[..., 2]`.
        numbers: from 0 to 2^32 - 1; their shape broadcasts with that of the keys.

    Raises:
        OverflowError: a number is outside this range.

    Source: Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3, 2011.
    """
    first, second = words[..., 0], words[..., 1]
    injected = first, second, first ^ second ^ np.uint32(PARITY)
    numbers = np.asarray(numbers)
    counter = numbers.astype(np.uint32)
    if (counter != numbers).any():
        raise OverflowError(f"got {numbers}; expected numbers from 0 to 2^32 - 1")
    with np.errstate(over="ignore"):  # sums are modulo 2^32
        x, y = np.broadcast_arrays(first, counter + second)
        for four in range(5):
            for bits in map(np.uint32, ROTATIONS[four % 2]):
                x = x + y
                y = (y << bits | y >> np.uint32(32) - bits) ^ x
            x = x + injected[(four + 1) % 3]
            y = y + injected[(four + 2) % 3] + np.uint32(four + 1)
    return np.stack([x, y], axis=-1)


def _in_parts(draw: Callable[[Any], NDArray[np.uint32]], m: int) -> NDArray[np.uint32]:
    """Returns what is drawn for the numbers below m, in parts that fit a cache."""
    starts = range(0, max(m, 1), PART)
    return np.concatenate([draw(np.arange(i, min(i + PART, m))) for i in starts])


def _xor(words: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Returns one number of 32 bits for each pair of words, `[..., 2]`."""
    return words[..., 0] ^ words[..., 1]
