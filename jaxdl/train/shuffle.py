"""A shuffle: the permutation that `jax.random.permutation` gives, sooner on a CPU.

JAX sorts the places by random numbers. XLA for CPU sorts pairs of arrays one comparison
after another, but one array of integers about five times as fast. So each random number
and its place are sorted as one integer of 64 bits.
"""

import math

import jax
import jax.numpy as jnp

MOST = 2**32 - 1  # of 32 random bits


def shuffle(key: jax.Array, m: int) -> jax.Array:
    """Returns a random permutation of 0, ..., m - 1.

    Places with equal random numbers keep their order, which is not random. The rounds,
    as many as JAX takes, make that rare.

    Args:
        key: consumed here.
        m: at least 1.
    """
    order = jnp.arange(m)
    for _ in range(math.ceil(3 * math.log(m) / math.log(MOST))):
        key, own = jax.random.split(key)
        order = order[_ascending(jax.random.bits(own, (m,), jnp.uint32))]
    return order


def _ascending(bits: jax.Array) -> jax.Array:
    """Returns the places of random numbers in ascending order, ties by place."""
    return jax.lax.platform_dependent(bits, cpu=_sort_together, default=_sort_pairs)


def _sort_together(bits: jax.Array) -> jax.Array:
    with jax.enable_x64(True):
        high = bits.astype(jnp.uint64) << jnp.uint64(32)
        together = high | jnp.arange(len(bits), dtype=jnp.uint64)
        return jax.lax.sort(together, is_stable=False).astype(jnp.uint32)


def _sort_pairs(bits: jax.Array) -> jax.Array:
    places = jnp.arange(len(bits), dtype=jnp.uint32)
    return jax.lax.sort_key_val(bits, places)[1]
