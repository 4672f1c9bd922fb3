"""A shuffle: the permutation that `jax.random.permutation` gives, sooner.

JAX sorts the places by random numbers. XLA for CPU sorts pairs of arrays one comparison
after another, but one array of integers by a faster routine. So each random number and
its place are sorted as one integer of 64 bits. XLA for TPU writes out every stage of
its sort, which takes long to compile. So the stages are a loop there.
"""

import jax
import jax.numpy as jnp

from jaxdl.data.permutation import MOST, rounds


def shuffle(key: jax.Array, m: int) -> jax.Array:
    """Returns a random permutation of 0, ..., m - 1.

    Places with equal random numbers keep their order, which is not random. The rounds,
    as many as JAX takes, make that rare.

    Args:
        key: consumed here.
        m: at least 1.
    """
    order = jnp.arange(m)
    for _ in range(rounds(m)):
        key, own = jax.random.split(key)
        order = order[_ascending(jax.random.bits(own, (m,), jnp.uint32))]
    return order


def _ascending(bits: jax.Array) -> jax.Array:
    """Returns the places of random numbers in ascending order, ties by place."""
    return jax.lax.platform_dependent(
        bits, cpu=_sort_together, tpu=_sort_in_stages, default=_sort_pairs
    )


def _sort_together(bits: jax.Array) -> jax.Array:
    with jax.enable_x64(True):
        high = bits.astype(jnp.uint64) << jnp.uint64(32)
        together = high | jnp.arange(len(bits), dtype=jnp.uint64)
        return jax.lax.sort(together, is_stable=False).astype(jnp.uint32)


def _sort_pairs(bits: jax.Array) -> jax.Array:
    places = jnp.arange(len(bits), dtype=jnp.uint32)
    return jax.lax.sort_key_val(bits, places)[1]


def _sort_in_stages(bits: jax.Array) -> jax.Array:
    """Returns the same by a bitonic sorter: stages that compare and exchange pairs.

    In a stage of a size and a distance, places that differ in the bit `distance` are a
    pair. It ends in ascending order where the place lacks the bit `size`.

    Source: Batcher, Sorting Networks and their Applications, 1968.
    """
    doublings = (len(bits) - 1).bit_length()
    stages = [(2**i, 2**j) for i in range(1, doublings + 1) for j in reversed(range(i))]
    place = jnp.arange(2**doublings, dtype=jnp.uint32)
    # What fills up to a power of two comes last: no number is larger, and no place.
    rest = jnp.full(len(place) - len(bits), MOST, jnp.uint32)

    def exchange(pair, stage):
        size, distance = stage
        is_first = place & distance.astype(jnp.uint32) == 0
        ascending = place & size.astype(jnp.uint32) == 0
        number, own = pair
        its_number, its = (
            jnp.where(is_first, jnp.roll(x, -distance), jnp.roll(x, distance))
            for x in pair
        )
        is_larger = (number > its_number) | ((number == its_number) & (own > its))
        exchanged = is_larger == (is_first == ascending)
        number = jnp.where(exchanged, its_number, number)
        return (number, jnp.where(exchanged, its, own)), None

    start = jnp.concatenate([bits, rest]), place
    of_stages = jnp.array(stages, jnp.int32).reshape(-1, 2)
    (_, order), _ = jax.lax.scan(exchange, start, of_stages)
    return order[: len(bits)]
