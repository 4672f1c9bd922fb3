"""Keys and seeds, wherever a user gives one."""

import chex
import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl.keys import as_key

KEY = jax.random.key(0)
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
