"""Keys and seeds, wherever a user gives one; bits by NumPy, against `jax.random`."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxdl as dl
from jaxdl.keys import (
    PART,
    as_key,
    bits_of_each,
    fold_in,
    folded,
    key_words,
    random_bits,
)

KEY = jax.random.key(0)
SEEDS = [0, 1, 7, 2**31, 2**32 - 1]
KEYS = [jax.random.key(seed, impl="threefry2x32") for seed in SEEDS]
EXAMPLES = dl.data.from_arrays(np.arange(12.0)[:, None], np.arange(12) % 2, classes=2)
SPACE = {"rate": dl.Uniform(0.0, 1.0)}


@pytest.mark.parametrize("seed", [0, 7, 2**32 - 1, np.int64(7), np.uint32(2**32 - 1)])
def test_a_seed_is_the_threefry_key_of_it(seed):
    expected = jax.random.key(int(seed), impl="threefry2x32")
    chex.assert_trees_all_equal(as_key(seed), expected)


def test_a_seed_is_a_threefry_key_whatever_the_default_is():
    with jax.default_prng_impl("rbg"):
        key = as_key(7)
    chex.assert_trees_all_equal(key, jax.random.key(7, impl="threefry2x32"))


def test_a_threefry_key_is_a_key():
    assert as_key(KEY) is KEY


def test_a_seed_beyond_32_bits_is_refused():
    with pytest.raises(ValueError, match=r"seed 4294967296; .* from 0 to 2\^32 - 1"):
        as_key(2**32)


@pytest.mark.parametrize(
    "key",
    [-1, True, 1.0, "0", None, jax.random.PRNGKey(0), jax.random.split(KEY),
     jax.random.key(0, impl="rbg"), jax.random.key(0, impl="unsafe_rbg")],
)  # fmt: skip
def test_only_a_seed_or_one_threefry_key_will_do(key):
    with pytest.raises(TypeError, match="expected a seed .* or one threefry key"):
        as_key(key)


@pytest.mark.parametrize(
    "call",
    [
        lambda key: dl.data.split(EXAMPLES, key=key).train.inputs,
        lambda key: dl.data.fold_rows(EXAMPLES, 3, key=key),
        lambda key: dl.sample(key, SPACE, 3),
        lambda key: dl.sample_one(key, SPACE),
    ],
)
def test_functions_take_a_seed_for_its_key(call):
    chex.assert_trees_all_equal(call(7), call(jax.random.key(7)))
    with pytest.raises(TypeError, match="expected a seed .* or one threefry key"):
        call("7")


def data(key):
    return np.asarray(jax.random.key_data(key))


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("number", SEEDS)
def test_a_number_is_folded_in_as_by_jax(key, number):
    expected = jax.random.fold_in(key, np.uint32(number))
    np.testing.assert_array_equal(key_words(key, number), data(expected))
    twice = folded(key, number, 3)
    chex.assert_trees_all_equal(twice, jax.random.fold_in(expected, 3))


def test_keys_and_numbers_broadcast():
    keys = np.stack([data(key) for key in KEYS])
    ours = fold_in(keys, np.arange(3)[:, None])
    for i in range(3):
        expected = jax.vmap(jax.random.fold_in, (0, None))(jnp.stack(KEYS), i)
        np.testing.assert_array_equal(ours[i], data(expected))


def test_a_split_is_a_fold():
    ours = fold_in(data(KEYS[2]), np.arange(5))
    np.testing.assert_array_equal(ours, data(jax.random.split(KEYS[2], 5)))


@pytest.mark.parametrize("m", [0, 1, 5, PART, PART + 1])
def test_bits_are_those_of_jax(m):
    ours = random_bits(data(KEYS[2]), m)
    expected = jax.random.bits(KEYS[2], (m,), jnp.uint32)
    chex.assert_trees_all_equal(ours, np.asarray(expected))


def test_bits_of_each_are_those_of_keys_with_numbers_folded_in():
    keys = jax.vmap(jax.random.fold_in, (None, 0))(KEYS[2], jnp.arange(70_000))
    expected = jax.vmap(lambda key: jax.random.bits(key, (), jnp.uint32))(keys)
    ours = bits_of_each(data(KEYS[2]), 70_000)
    chex.assert_trees_all_equal(ours, np.asarray(expected))


@pytest.mark.parametrize("number", [-1, 2**32])
def test_a_number_that_has_no_32_bits_is_refused(number):
    with pytest.raises(OverflowError, match=f"got {number}; expected numbers from 0"):
        key_words(KEYS[0], number)


@pytest.mark.parametrize("call", [dl.sample, dl.sample_one])
def test_jax_is_to_draw_as_numpy_does(call):
    with jax.threefry_partitionable(False):
        with pytest.raises(ValueError, match="jax_threefry_partitionable=False"):
            call(7, SPACE, 3)
