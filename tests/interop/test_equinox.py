"""Equinox models as layers, against Equinox itself."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxdl as dl
from experiments.bench.foreign_models import Equinox
from jaxdl import interop, nn, optim

X = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)
KEY = jax.random.key(3)


class Scaled(eqx.Module):
    scale: jax.Array
    layer: eqx.nn.Linear

    def __init__(self, scale, key):
        self.scale, self.layer = scale, eqx.nn.Linear(5, 2, use_bias=False, key=key)

    def __call__(self, x):
        return self.scale * self.layer(x)


def test_the_layer_computes_what_equinox_computes():
    layer = interop.equinox(lambda shape, key: Equinox(shape, 0.5, key))
    params, state, out_shape = layer.init(KEY, (5,))
    model, begun = eqx.nn.make_with_state(Equinox)((5,), 0.5, KEY)
    assert out_shape == (10,)
    for train in (True, False):
        now = eqx.nn.inference_mode(model, value=not train)
        keys = jax.random.split(KEY, 6) if train else None
        axes = (0, None, 0 if train else None)
        expected, begun = jax.vmap(
            lambda x, s, k, now=now: now(x, s, key=k),
            axes,
            (0, None),
            axis_name="batch",
        )(X, begun, keys)
        y, state = layer.apply(params, state, X, key=KEY, train=train)
        np.testing.assert_array_equal(y, expected)
        jax.tree.map(np.testing.assert_array_equal, state["inner"], begun)


def test_a_model_of_x_alone_needs_neither_state_nor_key():
    layer = interop.equinox(lambda shape, key: eqx.nn.MLP(5, 2, 4, 1, key=key))
    params, state, out_shape = layer.init(KEY, (5,))
    y, _ = layer.apply(params, state, X, key=KEY, train=True)
    expected = jax.vmap(eqx.nn.MLP(5, 2, 4, 1, key=KEY))(X)
    np.testing.assert_array_equal(y, expected)
    assert out_shape == (2,) and len(jax.tree.leaves(params)) == 4


def test_the_rate_of_a_dropout_is_no_weight():
    layer = interop.equinox(lambda shape, key: Equinox(shape, jnp.float32(0.5), key))
    params = layer.init(KEY, (5,))[0]
    assert params.drop.p is None and params.first.weight.shape == (8, 5)


def traced(make, **settings):
    """Calls `init` with a traced hyperparameter."""

    def init(h):
        layer = interop.equinox(lambda shape, key: make(h, key), **settings)
        return layer.init(KEY, (5,))[0]

    return jax.eval_shape(init, jnp.float32(0.5))


@pytest.mark.parametrize("of", [lambda h: h, lambda h: 1 - h, lambda h: 10**h])
def test_a_hyperparameter_that_would_train_is_refused(of):
    with pytest.raises(TypeError, match="a hyperparameter as the leaf 'scale'"):
        traced(lambda h, key: Scaled(of(h), key))


def test_what_does_not_train_stays_as_it_was_drawn():
    def make(shape, key):
        one, two = jax.random.split(key)
        return Scaled(jax.random.normal(one, ()), two)

    layer = interop.equinox(make, where=lambda name, leaf: name != "scale")
    params, state, _ = layer.init(KEY, (5,))
    y, _ = layer.apply(params, state, X, key=jax.random.key(8), train=True)
    np.testing.assert_allclose(y, jax.vmap(make((5,), KEY))(X), rtol=1e-6)
    assert params.scale is None


def test_where_chooses_what_trains():
    params = traced(Scaled, where=lambda name, leaf: name != "scale")
    assert params.scale is None and params.layer.weight.shape == (2, 5)


def test_where_that_chooses_nothing_is_refused():
    with pytest.raises(ValueError, match="interop.equinox found no parameter"):
        traced(Scaled, where=lambda name, leaf: False)


def test_a_class_made_in_the_recipe_is_refused(digits):
    def recipe(hp):
        class Net(eqx.Module):
            layer: eqx.nn.Linear

            def __init__(self, key):
                self.layer = eqx.nn.Linear(64, 10, key=key)

            def __call__(self, x):
                return self.layer(x)

        model = interop.equinox(lambda shape, key: Net(key))
        return dl.Recipe(model, optim.adam(hp["rate"]), nn.softmax_cross_entropy)

    with pytest.raises(dl.train.RecipeError, match="two classes Net .* outside"):
        dl.fit(recipe, {"rate": 0.1}, digits, key=0, epochs=1, progress=False)


@pytest.mark.parametrize("wrong", [eqx.nn.Linear(5, 2, key=KEY), 3])
def test_what_makes_no_model_is_refused(wrong):
    with pytest.raises(TypeError, match="expected a function that makes the model"):
        interop.equinox(wrong)


def test_a_size_is_refused():
    layer = interop.equinox(
        lambda shape, key: eqx.nn.Linear(5, nn.Size(jnp.int32(2), 4), key=key)
    )
    with pytest.raises(TypeError, match=r"got a Size .* Static\(\[...\]\)"):
        layer.init(KEY, (5,))


class Both(eqx.Module):
    embed: eqx.nn.Embedding
    dense: eqx.nn.Linear

    def __init__(self, shape, key):
        self.embed = eqx.nn.Embedding(4, 2, key=key)
        self.dense = eqx.nn.Linear(shape["table"].shape[0] + 2, 3, key=key)

    def __call__(self, x):
        return self.dense(jnp.concatenate([x["table"], self.embed(x["token"])]))


def test_a_model_takes_a_dict_of_arrays():
    x = {"table": jnp.array(X), "token": jnp.arange(6) % 4}
    in_shape = {"table": nn.Spec((5,), jnp.float32), "token": nn.Spec((), jnp.int32)}
    layer = interop.equinox(Both)
    params, state, out_shape = layer.init(KEY, in_shape)
    y, _ = layer.apply(params, state, x, key=KEY, train=True)
    assert out_shape == (3,)
    np.testing.assert_array_equal(y, jax.vmap(Both(in_shape, KEY))(x))
