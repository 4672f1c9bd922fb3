"""The step against NumPy, under jit and vmap, and the batches of an evaluation."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxdl as dl
from jaxdl import nn, optim, train
from jaxdl.data import Dataset
from jaxdl.train.state import init
from jaxdl.train.step import map_batches
from jaxdl.train.structure import canonical

KEY = jax.random.key(0)


def test_one_step_against_numpy():
    """Two classes, two features, linear softmax regression with L2."""
    batch = Dataset(
        np.array([[1.0, 2.0], [-1.0, 0.5], [0.3, -2.0]]), np.array([0, 1, 1])
    )
    hp = {"rate": 0.5, "l2": 0.3}

    def recipe(hp):
        model, optimizer = nn.dense(2), optim.gradient_descent(hp["rate"])
        return dl.Recipe(model, optimizer, nn.softmax_cross_entropy, nn.l2(hp["l2"]))

    with jax.enable_x64(True):
        start = jax.jit(lambda key: init(recipe, hp, key, (2,)))(KEY)
        step = jax.jit(train.make_step(recipe))
        new, metrics = step(hp, start, jax.tree.map(canonical, batch))
        w, x, y = np.asarray(start.params["kernel"]), batch.inputs, batch.labels
    z = x @ w
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    dz = (p - np.eye(2)[y]) / 3
    expected = {"kernel": w - 0.5 * (x.T @ dz + 0.3 / 3 * w), "bias": -0.5 * dz.sum(0)}
    chex.assert_trees_all_close(jax.device_get(new.params), expected, rtol=1e-12)
    loss = -np.log(p[np.arange(3), y]).mean()
    error = np.mean(z.argmax(1) != y)
    np.testing.assert_allclose(metrics["loss"], loss, rtol=1e-12)
    np.testing.assert_allclose(metrics["error"], error, rtol=1e-12)
    assert new.step == 1


def test_the_steps_of_many_models_are_one_trace(linear, few):
    step = train.make_step(linear)
    batch = jax.tree.map(jnp.asarray, few.train[:8])

    @chex.assert_max_traces(1)
    def loss(rate, key):
        hp = {"rate": rate, "smoothing": 0.1}
        return step(hp, init(linear, hp, key, (4,)), batch)[1]["loss"]

    many = jax.jit(jax.vmap(loss))
    for seed in (0, 1):
        keys = jax.random.split(jax.random.key(seed), 4)
        chex.assert_shape(many(jnp.full(4, 0.1 + seed), keys), (4,))


def test_every_step_draws_its_own_mask(few):
    """At rate 0 the parameters stay, so only the mask makes one step's loss another."""

    def recipe(hp):
        model = nn.serial(nn.dropout(0.5), nn.dense(3))
        optimizer = optim.gradient_descent(optim.constant(0.0))
        return dl.Recipe(model, optimizer, nn.softmax_cross_entropy)

    batch = jax.tree.map(jnp.asarray, few.train)
    start = jax.jit(lambda key: init(recipe, {}, key, (4,)))(KEY)
    step = jax.jit(lambda state: train.make_step(recipe)({}, state, batch))
    second, first_metrics = step(start)
    chex.assert_trees_all_equal(second.params, start.params)
    assert step(second)[1]["loss"] != first_metrics["loss"]
    assert step(start)[1]["loss"] == first_metrics["loss"]


@pytest.mark.heavy
def test_every_optax_alias_built_in_the_recipe_takes_a_traced_rate(few):
    batch = jax.tree.map(jnp.asarray, few.train)
    aliases = (optax.adamw, optax.sgd, optax.lion, optax.rmsprop, optax.nadam)

    def kernels(rate):
        """Returns the kernel after one step of each, `[aliases, 4, 3]`."""
        found = []
        for alias in aliases:

            def recipe(hp, alias=alias):
                return dl.Recipe(nn.dense(3), alias(hp), nn.softmax_cross_entropy)

            state = init(recipe, rate, KEY, (4,))
            new, _ = train.make_step(recipe)(rate, state, batch)
            found.append(new.params["kernel"])
        return jnp.stack(found)

    rates = jnp.array([0.01, 0.1])
    together = jax.jit(jax.vmap(kernels))(rates)
    alone = jax.jit(kernels)(rates[1])
    np.testing.assert_allclose(together[1], alone, rtol=1e-4, atol=1e-6)
    assert (np.abs(together[0] - together[1]).max(axis=(1, 2)) > 1e-3).all()


@pytest.mark.parametrize("m", [1, 255, 256, 257, 700])
def test_batches_of_an_evaluation_add_up(m):
    inputs = np.random.default_rng(0).normal(size=(m, 3)).astype(np.float32)
    dataset = Dataset(jnp.asarray(inputs), jnp.arange(m))
    doubled = map_batches(lambda batch: 2 * batch.inputs, dataset)
    np.testing.assert_array_equal(doubled, 2 * inputs)
