"""Random keys in the state of a layer or an optimizer."""

import jax
import numpy as np
import optax
import pytest

from jaxdl import nn
from jaxdl.keys import is_key
from jaxdl.train import RecipeError
from jaxdl.train.keys import as_keys, as_numbers

KEYS = jax.random.split(jax.random.key(5), 3)


def test_keys_are_told_from_arrays():
    assert is_key(KEYS) and is_key(jax.eval_shape(lambda: KEYS))
    assert not any(map(is_key, (np.ones(2, np.uint32), 1.0, None)))


def test_keys_become_numbers_and_keys_again():
    tree = {"keys": KEYS, "other": np.ones(2, np.uint32), "none": None}
    numbers = as_numbers(tree)
    assert numbers["keys"].shape == (3, 2) and numbers["keys"].dtype == np.uint32
    assert numbers["other"] is tree["other"] and numbers["none"] is None
    again = as_keys(numbers, jax.eval_shape(lambda: tree))
    assert (again["keys"] == KEYS).all() and not is_key(again["other"])


def with_key(impl):
    """Returns a function that changes a recipe: its layer has a key of a kind."""
    init, apply, *_ = nn.dense(3)

    def begin(key, in_shape):
        params, _, out_shape = init(key, in_shape)
        return params, jax.random.key(0, impl=impl), out_shape

    def run(params, state, x, *, key=None, train=False):
        return apply(params, (), x)[0], state

    return lambda recipe: recipe._replace(model=nn.Layer(begin, run))


@pytest.mark.parametrize("impl", ["rbg", "unsafe_rbg"])
def test_a_key_of_another_kind_is_refused(impl, linear, few, fit):
    """Under vmap it gives all members the same random numbers."""
    change, hp = with_key(impl), {"rate": 0.1, "smoothing": 0.0}
    with pytest.raises(RecipeError, match=r"has a key<u?rbg>; expected threefry keys"):
        fit(lambda hp: change(linear(hp)), hp, few)


@pytest.mark.heavy
def test_an_optimizer_may_have_a_key(linear, few, fit):
    def recipe(hp):
        noise = optax.add_noise(0.01, 0.5, jax.random.key(1))
        plain = linear(hp)
        return plain._replace(optimizer=optax.chain(noise, plain.optimizer))

    hp = {"rate": 0.1, "smoothing": 0.0}
    assert np.isfinite(fit(recipe, hp, few, epochs=1).metrics["train_loss"]).all()
