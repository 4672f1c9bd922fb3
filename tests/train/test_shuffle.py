"""A shuffle, against JAX's own."""

import functools

import jax
import jax.export
import numpy as np
import pytest

from jaxdl.train import shuffle as module
from jaxdl.train.shuffle import shuffle

SIZES = (1, 2, 10, 1625, 1626, 5000)  # two rounds from 1626 on


SORTS = [module._sort_together, module._sort_pairs, module._sort_in_stages]


@functools.cache
def permutations(m):
    """Returns what JAX has for three keys."""
    permute = jax.jit(lambda key: jax.random.permutation(key, m))
    return [permute(jax.random.key(seed)) for seed in range(3)]


@pytest.mark.parametrize(
    "m",
    [
        pytest.param(m, marks=pytest.mark.heavy if m in (10, 5000) else ())
        for m in SIZES
    ],
)
@pytest.mark.parametrize("sort", SORTS)
def test_it_is_the_permutation_of_jax(m, sort, monkeypatch):
    monkeypatch.setattr(module, "_ascending", sort)
    ours = jax.jit(lambda key: shuffle(key, m))
    for seed, expected in enumerate(permutations(m)):
        found = ours(jax.random.key(seed))
        np.testing.assert_array_equal(found, expected, strict=True)


@pytest.mark.parametrize("sort", SORTS)
def test_equal_numbers_keep_the_order_of_their_places(sort):
    bits = np.array([7, 2**32 - 1, 7, 0, 2**32 - 1], np.uint32)
    assert sort(jax.numpy.asarray(bits)).tolist() == [3, 0, 2, 1, 4]


def test_it_is_the_same_inside_programs_and_with_64_bits():
    keys = jax.random.split(jax.random.key(0), 3)
    permute = jax.jit(lambda key: jax.random.permutation(key, 100))
    expected = [permute(key) for key in keys]
    mapped = jax.jit(jax.vmap(lambda key: shuffle(key, 100)))(keys)
    np.testing.assert_array_equal(mapped, expected)
    with jax.enable_x64(True):
        one = jax.jit(lambda key: shuffle(key, 100))(keys[0])
        np.testing.assert_array_equal(one, permute(keys[0]), strict=True)


@pytest.mark.parametrize(
    ("platform", "sorts"), [("cpu", True), ("cuda", True), ("tpu", False)]
)
def test_a_tpu_sorts_in_a_loop_that_is_soon_compiled(platform, sorts):
    key = jax.ShapeDtypeStruct((), jax.random.key(0).dtype)
    found = jax.export.export(
        jax.jit(lambda key: shuffle(key, 5000)), platforms=[platform]
    )
    assert ("stablehlo.sort" in found(key).mlir_module()) == sorts
