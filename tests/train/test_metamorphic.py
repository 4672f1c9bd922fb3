"""What must not matter does not: orders of members, classes, features and units."""

import functools
from dataclasses import replace

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, optim, train
from jaxdl.data import Dataset
from jaxdl.train.state import init, member_key

rng = np.random.default_rng(0)
FEATURES, UNITS, CLASSES, B = 6, 5, 4, 12
HP = {"rate": 0.1, "smoothing": 0.1}


def recipe(hp):
    return dl.Recipe(
        nn.serial(
            nn.dense(UNITS, use_bias=False), nn.batch_norm(), nn.tanh, nn.dense(CLASSES)
        ),
        optim.adam(hp["rate"]),
        nn.label_smoothing(nn.softmax_cross_entropy, hp["smoothing"]),
        nn.l2(0.1),
        batch_size=B,
    )


@pytest.fixture
def wide():
    """Float64, so that another order of a sum shows only far behind the point."""
    with jax.enable_x64(True):
        yield


def batch(examples=B):
    inputs = rng.normal(size=(examples, FEATURES))
    return Dataset(jnp.asarray(inputs), jnp.asarray(rng.integers(0, CLASSES, examples)))


@functools.cache
def compiled(make):
    return jax.jit(train.make_step(make))


def trained(state, batch, steps=5, make=recipe):
    for _ in range(steps):
        state, metrics = compiled(make)(HP, state, batch)
    return state, metrics


@functools.cache
def start(make=recipe):
    return jax.jit(lambda key: init(make, HP, key, (FEATURES,)))(jax.random.key(0))


def permuted(state, path, order, axis):
    """Returns the state with one leaf's axis in another order, moments included."""

    def permute(where, leaf):
        name = jax.tree_util.keystr(where, simple=True, separator=".")
        return jnp.take(leaf, order, axis) if name.endswith(path) else leaf

    return jax.tree.map_with_path(permute, state._replace(key=None))._replace(
        key=state.key
    )


def assert_close(a, b):
    chex.assert_trees_all_close(
        (a[0]._replace(key=0), a[1]),
        (b[0]._replace(key=0), b[1]),
        rtol=1e-9,
        atol=1e-12,
    )


@pytest.mark.usefixtures("wide")
def test_the_order_of_features_does_not_matter_with_their_weights():
    order, data = jnp.asarray(rng.permutation(FEATURES)), batch()
    state, metrics = trained(start(), data)
    moved = trained(
        permuted(start(), "0.kernel", order, 0),
        replace(data, inputs=data.inputs[:, order]),
    )
    assert_close(moved, (permuted(state, "0.kernel", order, 0), metrics))


@pytest.mark.usefixtures("wide")
def test_the_order_of_classes_does_not_matter_with_their_weights():
    order, data = jnp.asarray(rng.permutation(CLASSES)), batch()
    state, metrics = trained(start(), data)
    renamed = replace(data, labels=jnp.argsort(order)[data.labels])

    def reorder(state):
        return permuted(permuted(state, "3.kernel", order, 1), "3.bias", order, 0)

    assert_close(trained(reorder(start()), renamed), (reorder(state), metrics))


@pytest.mark.usefixtures("wide")
def test_the_order_of_hidden_units_does_not_matter_with_their_weights():
    order, data = jnp.asarray(rng.permutation(UNITS)), batch()
    state, metrics = trained(start(), data)

    def reorder(state):
        state = permuted(state, "0.kernel", order, 1)
        for name in ("1.gamma", "1.beta", "1.mean", "1.variance", "3.kernel"):
            state = permuted(state, name, order, 0)
        return state

    assert_close(trained(reorder(start()), data), (reorder(state), metrics))


@pytest.mark.usefixtures("wide")
def test_the_order_of_examples_does_not_matter():
    order, data = jnp.asarray(rng.permutation(B)), batch()
    shuffled = data[order]
    assert_close(trained(start(), shuffled), trained(start(), data))


def test_the_order_of_members_does_not_matter_to_the_bit():
    order, data = rng.permutation(8), batch()
    rates = {"rate": np.logspace(-3, -1, 8), "smoothing": np.linspace(0, 0.3, 8)}
    rates = {name: np.float32(values) for name, values in rates.items()}

    @jax.jit
    @jax.vmap
    def begin(hp, i):
        return init(recipe, hp, member_key(jax.random.key(0), i), (FEATURES,))

    states = begin(rates, jnp.arange(8))
    step = jax.jit(jax.vmap(train.make_step(recipe), (0, 0, None)))

    def some_steps(hp, state):
        for _ in range(5):
            state, metrics = step(hp, state, data)
        return jax.device_get((state._replace(key=()), metrics))

    def reordered(tree):
        return jax.tree.map(lambda x: x[order], tree)

    here = reordered(some_steps(rates, states))
    there = some_steps(reordered(rates), jax.jit(reordered)(states))
    chex.assert_trees_all_equal(here, there)


def plain(hp):
    """A network in which each example counts by itself."""
    model = nn.serial(nn.dense(UNITS), nn.tanh, nn.dense(CLASSES))
    return dl.Recipe(model, optim.adam(hp["rate"]), nn.softmax_cross_entropy)


@pytest.mark.usefixtures("wide")
@pytest.mark.parametrize(
    "parts", [3, *(pytest.param(n, marks=pytest.mark.heavy) for n in (2, 4))]
)
def test_a_batch_in_parts_under_accumulation_is_the_whole_batch(parts):
    def in_parts(hp):
        optimizer = optim.accumulate(optim.adam(hp["rate"]), parts)
        return plain(hp)._replace(optimizer=optimizer)

    whole, _ = trained(start(plain), data := batch(), 1, plain)
    state, size = start(in_parts), B // parts
    for i in range(parts):
        part = data[i * size : (i + 1) * size]
        state, _ = trained(state, part, 1, in_parts)
    chex.assert_trees_all_close(state.params, whole.params, rtol=1e-9, atol=1e-12)


@pytest.mark.usefixtures("wide")
def test_an_example_of_weight_two_is_the_example_twice():
    data = batch()
    weights = jnp.array([2.0, 0, 1, 1, 2, 0, 1, 1, 1, 1, 1, 1])  # a mean of 1
    repeated = jnp.array([0, 0, 2, 3, 4, 4, 6, 7, 8, 9, 10, 11])
    twice = data[repeated]
    weighted = trained(start(plain), replace(data, weights=weights), make=plain)
    state, metrics = trained(start(plain), twice, make=plain)
    assert_close(weighted, (state, metrics))
    evaluate = jax.jit(train.make_eval(plain))
    ours = evaluate(HP, state, replace(data, weights=5 * weights))
    theirs = evaluate(HP, state, twice)
    chex.assert_trees_all_close(ours, theirs, rtol=1e-9)
