"""Sizes: dead entries stay zero, and live ones compute as they would alone."""

import functools
import itertools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, optim, train
from jaxdl.data import Dataset
from jaxdl.nn import Size
from tests.nn.conftest import init

KEY = jax.random.key(0)
ACTIVATIONS = (nn.relu, nn.tanh, nn.sigmoid, nn.gelu, nn.softplus)
adamw = functools.partial(optim.adamw, weight_decay=0.1)
OPTIMIZERS = (
    optim.gradient_descent, optim.momentum, optim.rmsprop, optim.adam, adamw,
)  # fmt: skip
ORDINARY = nn.softplus, adamw, "l1"  # softplus is not 0 at 0
PENALTIES = {"none": nn.none, "l1": nn.l1(0.1), "l2": nn.l2(0.1)}
LIVE, DEPTH = 5, 2


@pytest.fixture
def wide():
    with jax.enable_x64(True):
        yield


def batches(shape, steps=20, size=8):
    draws = np.random.default_rng(0)
    inputs = jnp.asarray(draws.normal(size=(steps, size, *shape)))
    return Dataset(inputs, jnp.asarray(draws.integers(0, 3, (steps, size))))


def trained(recipe, hp, shape):
    """Returns the first parameters and those after 20 steps, from one program."""

    @jax.jit
    def train_20_steps(batches):
        first = train.init(recipe, hp, KEY, shape)
        step = functools.partial(train.make_step(recipe), hp)
        last, _ = jax.lax.scan(lambda state, batch: step(state, batch), first, batches)
        return first.params, last.params

    return train_20_steps(batches(shape))


def live_part(leaf, like):
    """Returns the corner of an array that has another's shape."""
    return leaf[corner(like)]


def with_live_part(leaf, new):
    """Returns the array with another one in its corner."""
    changed = np.array(leaf)
    changed[corner(new)] = new
    return changed


def corner(like):
    return tuple(slice(n) for n in like.shape)


def check_live_part_is(padded, alone):
    """Checks that the rest is zero as well."""
    ours = jax.tree.map(live_part, padded, alone)
    chex.assert_trees_all_close(ours, alone, rtol=0, atol=1e-9)
    zeros = jax.tree.map(jnp.zeros_like, alone)
    dead = jax.tree.map(with_live_part, padded, zeros)
    chex.assert_trees_all_equal(dead, jax.tree.map(jnp.zeros_like, padded))


def perceptron(activation, optimizer, penalty):
    """A network whose width and depth are the hyperparameters."""

    def recipe(hp):
        units, depth = hp
        hidden = nn.serial(
            nn.dense(units, use_bias=False),
            nn.batch_norm(),
            activation,
            nn.dropout(0.8),
        )
        return dl.Recipe(
            model=nn.serial(
                nn.dense(units), activation, nn.repeat(hidden, depth), nn.dense(3)
            ),
            optimizer=optimizer(0.02),
            loss=nn.softmax_cross_entropy,
            penalty=penalty,
            batch_size=8,
        )

    return recipe


def stacked(state):
    """Returns a plain network's state as `repeat` with a `Size` has it."""

    def stack(layers):
        return jax.tree.map(lambda *x: jnp.stack(x), *layers)

    first, activation, repeated, last = state
    return first, activation, stack(repeated), last


@pytest.mark.parametrize(
    ("activation", "optimizer", "penalty"),
    [
        pytest.param(*row, marks=() if row == ORDINARY else pytest.mark.heavy)
        for row in itertools.product(ACTIVATIONS, OPTIMIZERS, PENALTIES)
    ],
)
def test_a_size_within_bounds_is_trained_as_the_size_alone(
    activation, optimizer, penalty, wide
):
    recipe = perceptron(activation, optimizer, PENALTIES[penalty])
    sizes = Size(jnp.asarray(LIVE), 4 * LIVE), Size(jnp.asarray(DEPTH), 2 * DEPTH)
    ours, theirs = trained(recipe, sizes, (6,)), trained(recipe, (LIVE, DEPTH), (6,))
    for padded, plain in zip(ours, theirs, strict=True):
        check_live_part_is(padded, stacked(plain))
    first = jax.tree.map(live_part, ours[0], stacked(theirs[0]))
    chex.assert_trees_all_equal(first, stacked(theirs[0]))


def images(channels):
    return dl.Recipe(
        model=nn.serial(
            # A bias before a normalization has a gradient of rounding alone.
            nn.conv2d(channels, use_bias=False), nn.batch_norm(), nn.sigmoid,
            nn.dropout(0.7), nn.max_pool(), nn.residual(nn.conv2d(channels), nn.tanh),
            nn.flatten, nn.dense(channels * 2 + 1), nn.dense(3),
        ),
        optimizer=optim.adam(0.02),
        loss=nn.softmax_cross_entropy,
        batch_size=8,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("live", "bound"),
    [(3, 12), *(pytest.param(*x, marks=pytest.mark.heavy) for x in ((7, 7), (1, 20)))],
)
def test_channels_within_a_bound_are_trained_as_alone(live, bound, wide):
    shape = (6, 6, 1)
    _, padded = trained(images, Size(jnp.asarray(live), bound), shape)
    _, alone = trained(images, live, shape)
    check_live_part_is(padded, alone)


@pytest.mark.heavy
def test_many_sizes_side_by_side_are_each_alone(wide):
    """vmap over live sizes, in evaluation as in training."""
    recipe = perceptron(nn.sigmoid, optim.adam, nn.none)
    widths, depths = jnp.array([1, 4]), jnp.array([3, 0])
    x = jnp.asarray(np.random.default_rng(1).normal(size=(8, 6)))

    def outputs(sizes):
        model = recipe(sizes).model
        params, state, _ = model.init(KEY, (6,))
        return model.apply(params, state, x)[0]

    @jax.jit
    @jax.vmap
    def together(width, depth):
        return outputs((Size(width, 7), Size(depth, 3)))

    alone = jax.jit(outputs, static_argnums=0)
    sizes = zip(widths.tolist(), depths.tolist(), strict=True)
    for row, one in zip(together(widths, depths), sizes, strict=True):
        np.testing.assert_allclose(row, alone(one), rtol=0, atol=1e-12)


def test_a_depth_of_0_is_the_identity():
    layer = nn.repeat(nn.serial(nn.dense(4), nn.relu), Size(0, 3))
    params, state, shape = init(layer, (4,))
    x = jnp.ones((2, 4))
    np.testing.assert_array_equal(layer.apply(params, state, x)[0], x)
    assert shape == (4,)
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(params))


def test_arithmetic_with_ints_does_so_with_both():
    size = Size(5, 9)
    assert size + 1 == 1 + size == Size(6, 10)
    assert size - 1 == Size(4, 8)
    assert size * 2 == 2 * size == Size(10, 18)
    assert size // 2 == Size(2, 4)


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda s: Size(10, 9), "live=10, bound=9"),
        (lambda s: Size(-1, 9), "live=-1"),
        (lambda s: Size(1, 9.0), "bound=9.0"),
        (lambda s: s * 1.5, "got a Size with 1.5"),
        (lambda s: s + s, "expected an int beside it"),
        (lambda s: list(range(s)), "got a Size where a plain number is wanted"),
        (lambda s: float(s), "got a Size where a plain number is wanted"),
        (lambda s: 1 if s else 2, "got a Size where a plain number is wanted"),
        (lambda s: s == 5, "got a Size where a plain number is wanted"),
        (lambda s: s != 5, "got a Size where a plain number is wanted"),
        (lambda s: 9 > s, "got a Size where a plain number is wanted"),
        (lambda s: max(s, 3), "got a Size where a plain number is wanted"),
        (lambda s: s**0.5, "got a Size where a plain number is wanted"),
        (lambda s: 1 / s, "got a Size where a plain number is wanted"),
        (lambda s: nn.max_pool(s), "expected a plain int"),
        (lambda s: nn.dense(Size(0, 0)), "units=0"),
    ],
)
def test_a_size_is_no_plain_number(use, message):
    with pytest.raises((TypeError, ValueError), match=message):
        use(Size(5, 9))


def test_a_function_that_changes_the_axis_of_a_size_is_refused():
    layer = nn.serial(nn.dense(Size(5, 9)), lambda x: x.reshape(-1, 3, 3))
    with pytest.raises(ValueError, match="expected a function that keeps the shape"):
        layer.init(KEY, (4,))


@pytest.mark.parametrize(
    "mixes", [nn.softmax, lambda x: x - x.mean(-1, keepdims=True), lambda x: x[:, ::-1]]
)
def test_a_function_that_mixes_dead_features_into_live_ones_is_refused(mixes):
    layer = nn.serial(nn.dense(Size(5, 9)), mixes, nn.dense(3))
    with pytest.raises(ValueError, match="feature .* depends on one behind it"):
        jax.eval_shape(lambda key: layer.init(key, (4,))[0], KEY)


def test_a_function_of_a_traced_number_keeps_a_size():
    def init(slope, live):
        def leaky(x):
            return jnp.where(x > 0, x, slope * x)

        return nn.serial(nn.dense(Size(live, 9)), leaky).init(KEY, (4,))[0]

    slopes, live = jnp.array([0.1, 0.2]), jnp.array([2, 3])
    kernel = jax.jit(jax.vmap(init))(slopes, live)[0]["kernel"]
    assert (kernel != 0).any(1).sum(1).tolist() == [2, 3]


def test_repeating_a_layer_that_changes_the_size_is_refused():
    with pytest.raises(ValueError, match="how often they are applied is a Size"):
        nn.repeat(nn.dense(5), Size(2, 3)).init(KEY, (4,))
