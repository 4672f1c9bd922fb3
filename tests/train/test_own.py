"""Models side by side share no matrix product, so their places change no bit."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, optim, train
from jaxdl.data import Dataset
from jaxdl.train.own import own_copy
from jaxdl.train.state import init, member_key

MODELS, B, CLASSES = 3, 5, 2
rng = np.random.default_rng(0)


@pytest.mark.parametrize("number", [0, -1, np.nan, np.inf])
def test_a_batch_is_copied_for_each_of_several_models_alone(number):
    batch = {"x": jnp.arange(4.0).reshape(2, 2), "y": jnp.array([1, 0]), "z": None}
    numbers = jnp.full(MODELS, number)
    chex.assert_trees_all_equal(own_copy(batch, number), batch)
    found = jax.vmap(lambda n: own_copy(batch, n))(numbers)
    of_each = jax.tree.map(lambda x: jnp.stack([x] * MODELS), batch)
    chex.assert_trees_all_equal(found, of_each)
    one_own = jax.vmap(lambda x, n: own_copy(batch | {"x": x}, n))
    chex.assert_trees_all_equal(one_own(found["x"], numbers), of_each)


def test_what_is_copied_has_the_gradient_of_the_batch():
    gradient = jax.grad(lambda x: jnp.sum(own_copy(x, 1) ** 2))
    np.testing.assert_array_equal(gradient(jnp.array([1.0, -3.0])), [2.0, -6.0])


def test_one_model_compiles_without_the_select():
    compiled = jax.jit(own_copy).lower(jnp.ones(3), jnp.ones(())).compile()
    assert "select" not in compiled.as_text()


def labels_met(outputs, labels, weights):
    """A metric of the whole set that multiplies labels by outputs."""
    return (jax.nn.one_hot(labels, CLASSES).T @ outputs).sum()


def mixed(outputs, labels):
    """A loss that multiplies labels by outputs."""
    met = jax.nn.one_hot(labels, CLASSES).T @ outputs
    return nn.softmax_cross_entropy(outputs, labels) + (met**2).sum()


def flat(x):
    return x.reshape(len(x), -1)


MODEL_OF = {
    "dense": nn.serial(flat, nn.dense(3), nn.tanh, nn.dense(CLASSES)),
    "narrow": nn.serial(flat, nn.dense(2), nn.dense(CLASSES)),
    "conv2d": nn.serial(nn.conv2d(2, 3), nn.relu, flat, nn.dense(CLASSES)),
}


@pytest.mark.parametrize("model", MODEL_OF)
def test_each_model_has_matrix_products_of_its_own(model):
    def recipe(hp):
        return dl.Recipe(
            MODEL_OF[model],
            optim.gradient_descent(hp),
            mixed,
            metrics={"met": labels_met},
        )

    batch = Dataset(jnp.ones((B, 4, 4, 1)), jnp.zeros(B, int))
    shape, rates = batch.inputs.shape[1:], jnp.ones(MODELS)
    begin = jax.vmap(lambda hp: init(recipe, hp, jax.random.key(0), shape))
    states = jax.eval_shape(begin, rates)
    for make in (train.make_step, train.make_eval):
        function = jax.jit(jax.vmap(make(recipe), (0, 0, None)))
        text = function.lower(rates, states, batch).as_text()
        products = [x for x in text.splitlines() if "stablehlo.dot_general" in x]
        assert products
        assert all("batching_dims = [0] x [0]" in x for x in products)


@pytest.mark.parametrize(
    ("models", "features", "units", "examples"), [(7, 6, 5, 12), (8, 123, 115, 24)]
)
def test_equal_models_stay_equal_in_any_place(models, features, units, examples):
    """Sizes of which no vector or tile of a kernel is a divisor."""

    def recipe(rate):
        model = nn.serial(nn.dense(units), nn.tanh, nn.dense(3))
        return dl.Recipe(model, optim.adam(rate), nn.softmax_cross_entropy)

    inputs = rng.normal(size=(examples, features))
    batch = Dataset(jnp.asarray(inputs, jnp.float32), jnp.arange(examples) % 3)
    key = member_key(jax.random.key(0), 0)
    begin = jax.jit(jax.vmap(lambda rate: init(recipe, rate, key, (features,))))
    states = begin(rates := jnp.full(models, 0.1))
    step, evaluate = (
        jax.jit(jax.vmap(make(recipe), (0, 0, None)))
        for make in (train.make_step, train.make_eval)
    )
    for _ in range(2):
        states, metrics = step(rates, states, batch)
    own = jax.device_get(
        (states._replace(key=()), metrics, evaluate(rates, states, batch))
    )
    for leaf in jax.tree.leaves(own):
        np.testing.assert_array_equal(leaf, np.broadcast_to(leaf[:1], leaf.shape))
