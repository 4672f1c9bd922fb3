"""The order of the data, keys of members, and what parameters may be."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, optim
from jaxdl.train.state import epoch_order, first_key, member_key

KEY = jax.random.key(0)


@pytest.mark.parametrize("batch_size", [1, 4, 5, 9, 10])
def test_an_epoch_has_every_example_and_completes_the_last_batch(batch_size):
    order = np.asarray(epoch_order(KEY, 3, 10, batch_size))
    chex.assert_shape(order, (-(-10 // batch_size), batch_size))
    np.testing.assert_array_equal(np.sort(order.ravel()[:10]), np.arange(10))
    rest = order.size - 10
    np.testing.assert_array_equal(order.ravel()[10:], order.ravel()[:rest])


def test_every_epoch_and_every_key_has_its_own_order():
    orders = {
        np.asarray(epoch_order(jax.random.key(seed), epoch, 10, 10)).tobytes()
        for seed, epoch in ((0, 0), (0, 1), (1, 0))
    }
    assert len(orders) == 3


@pytest.mark.parametrize("leaf", [jnp.zeros(2, jnp.int32), True, jax.random.key(0)])
def test_parameters_are_floats(leaf, fit, few, nothing_compiles):
    layer = nn.dense(3)

    def init(key, in_shape):
        params, state, out_shape = layer.init(key, in_shape)
        return {"dense": params, "count": leaf}, state, out_shape

    def apply(params, state, x, *, key=None, train=False):
        return layer.apply(params["dense"], state, x)

    def recipe(hp):
        model = nn.Layer(init, apply)
        return dl.Recipe(model, optim.adam(hp), nn.softmax_cross_entropy, batch_size=8)

    with pytest.raises(dl.train.RecipeError, match="'count' of type .*; expected floa"):
        fit(recipe, 0.1, few)


def test_the_first_key_is_that_of_member_0():
    chex.assert_trees_all_equal(first_key(KEY), member_key(KEY, 0))
