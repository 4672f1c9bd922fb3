"""Every layer against every contract; a new layer is one more row."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import nn
from jaxdl.diagnose import check_gradients
from jaxdl.keys import is_key
from jaxdl.nn import OneOf, Size, Spec
from jaxdl.nn.spec import is_shape, specs
from jaxdl.train.keys import as_numbers
from tests.interop.foreign import NETWORKS

# name: (layer from one traced hyperparameter, shape of an example, values of it)
LAYERS = {
    "dense": (lambda h: nn.dense(3), (5,), (0.0, 1.0)),
    "dense without bias": (lambda h: nn.dense(3, use_bias=False), (5,), (0.0, 1.0)),
    "dense, chosen scale": (lambda h: nn.dense(3, init=nn.normal(h)), (5,), (0.1, 2.0)),
    "batch_norm, decay": (lambda h: nn.batch_norm(h), (5,), (0.5, 0.99)),
    "batch_norm, eps": (lambda h: nn.batch_norm(0.9, h), (5,), (1e-5, 1e-1)),
    "batch_norm of images": (lambda h: nn.batch_norm(h), (2, 3, 4), (0.5, 0.99)),
    "conv2d": (lambda h: nn.conv2d(3), (5, 4, 2), (0.0, 1.0)),
    "conv2d without bias": (
        lambda h: nn.conv2d(3, (2, 3), use_bias=False), (5, 4, 2), (0.0, 1.0)
    ),
    "conv2d, strides": (lambda h: nn.conv2d(3, strides=2), (5, 4, 2), (0.0, 1.0)),
    "conv2d, valid": (
        lambda h: nn.conv2d(3, padding="VALID", init=nn.normal(h)),
        (5, 4, 2), (0.1, 2.0),
    ),
    "max_pool": (lambda h: nn.max_pool(), (5, 4, 2), (0.0, 1.0)),
    "max_pool, oblong": (lambda h: nn.max_pool((2, 3)), (5, 4, 2), (0.0, 1.0)),
    "mean_pool": (lambda h: nn.mean_pool(2), (5, 4, 2), (0.0, 1.0)),
    "random_flip": (lambda h: nn.random_flip(h), (5, 4, 2), (0.0, 0.5)),
    "random_crop": (lambda h: nn.random_crop(h), (5, 4, 2), (0.0, 2.0)),
    "random_shift": (lambda h: nn.random_shift(h), (5, 4, 2), (0.0, 0.3)),
    "random_rotation": (lambda h: nn.random_rotation(h), (5, 4, 2), (0.0, 30.0)),
    "random_affine": (lambda h: nn.random_affine(h), (5, 4, 2), (0.0, 0.3)),
    "cutout": (lambda h: nn.cutout(h), (5, 4, 2), (0.0, 2.0)),
    "dropout": (lambda h: nn.dropout(h), (5,), (0.3, 1.0)),
    "dropout of images": (lambda h: nn.dropout(h), (2, 3, 4), (0.3, 1.0)),
    "flatten": (lambda h: nn.as_layer(nn.flatten), (2, 3, 4), (0.0, 1.0)),
    "a function with a hyperparameter": (
        lambda h: nn.as_layer(lambda x: h * x), (5,), (0.5, 2.0)
    ),
    "serial": (
        lambda h: nn.serial(
            nn.flatten, nn.dense(6, use_bias=False), nn.batch_norm(), nn.relu,
            nn.dropout(h), nn.serial(nn.dense(3)),
        ), (2, 2, 2), (0.3, 1.0),
    ),
    "convolutional serial": (
        lambda h: nn.serial(
            nn.random_crop(1), nn.conv2d(3, use_bias=False), nn.batch_norm(), nn.relu,
            nn.max_pool(), nn.residual(nn.conv2d(3), nn.tanh), nn.flatten,
            nn.dropout(h), nn.dense(2),
        ), (5, 4, 2), (0.3, 1.0),
    ),
    "batch norm after the activation": (
        lambda h: nn.serial(nn.dense(4), nn.tanh, nn.batch_norm(h)), (5,), (0.5, 0.9)
    ),
    "residual": (
        lambda h: nn.residual(nn.dense(5), nn.tanh, nn.dropout(h)), (5,), (0.3, 1.0)
    ),
    "repeat": (
        lambda h: nn.repeat(nn.serial(nn.dense(5), nn.batch_norm(h), nn.tanh), 3),
        (5,), (0.5, 0.9),
    ),
    "repeat, no times": (lambda h: nn.repeat(nn.dense(3), 0), (5,), (0.0, 1.0)),
} | {
    name: (lambda h, f=f: nn.as_layer(f), (5,), (0.0, 1.0))
    for name, f in (
        ("relu", nn.relu), ("tanh", nn.tanh), ("sigmoid", nn.sigmoid),
        ("gelu", nn.gelu), ("softplus", nn.softplus), ("softmax", nn.softmax),
    )
}  # fmt: skip
LAYERS |= {
    "among": (
        lambda h: nn.among(
            OneOf(jnp.asarray(h, jnp.int32), ("linear", "normed")),
            {"linear": nn.dense(3), "normed": nn.serial(nn.dense(3), nn.batch_norm())},
        ), (5,), (0.0, 1.0),
    ),
    "among activations": (
        lambda h: nn.among(
            OneOf(jnp.asarray(h, jnp.int32), ("tanh", "gelu", "square")),
            {"tanh": nn.tanh, "gelu": nn.gelu, "square": jnp.square},
        ), (5,), (0.0, 2.0),
    ),
    "maybe": (
        lambda h: nn.maybe(jnp.asarray(h, int), nn.batch_norm()), (5,), (0.0, 1.0)
    ),
}  # fmt: skip
LAYERS |= {name: (make, (5,), (0.3, 1.0)) for name, make in NETWORKS.items()}
TOKENS = Spec((6,), jnp.int32)
LAYERS |= {
    "embedding": (lambda h: nn.embedding(3, 4), TOKENS, (0.0, 1.0)),
    "embedding, chosen scale": (
        lambda h: nn.embedding(3, 4, init=nn.normal(h)), TOKENS, (0.1, 2.0)
    ),
}  # fmt: skip
BATCH = 4
close = functools.partial(chex.assert_trees_all_close, rtol=2e-5, atol=1e-6)


def every_layer(*, heavy=()):
    """Returns the mark of a test of all layers; those named count as heavy tests."""
    marks = {name: pytest.mark.heavy for name in heavy}
    return pytest.mark.parametrize(
        "name", [pytest.param(name, marks=marks.get(name, ())) for name in LAYERS]
    )


def example_batch(in_shape):
    """Returns draws; of ids 0, 1 and 2."""
    shape, rng = (BATCH, *specs(in_shape).shape), np.random.default_rng(2)
    if is_shape(in_shape):
        return jnp.asarray(rng.normal(size=shape))
    return jnp.asarray(rng.integers(0, 3, shape), jnp.int32)


def applied(layer, params, state, x):
    """Returns output and state in evaluation, then in training."""
    key = jax.random.key(1)
    return [
        layer.apply(params, state, x, key=key, train=mode) for mode in (False, True)
    ]


def outline(layer, in_shape):
    """Returns the shapes of what a layer draws, and its plain output shape."""
    out_shapes = []

    def init(key):
        params, state, out_shape = layer.init(key, in_shape)
        out_shapes.append(out_shape)
        return params, state

    return jax.eval_shape(init, jax.random.key(0)), out_shapes[0]


def run(name, h, x):
    make, in_shape, _ = LAYERS[name]
    layer = make(h)
    params, state, _ = layer.init(jax.random.key(0), in_shape)
    return as_numbers(applied(layer, params, state, x))


@every_layer()
def test_outputs_and_state_have_the_shapes_that_init_promises(name):
    make, in_shape, (h, _) = LAYERS[name]
    layer = make(h)

    def check(x):
        params, state, out_shape = layer.init(jax.random.key(0), in_shape)
        for y, new_state in applied(layer, params, state, x):
            chex.assert_shape(y, (BATCH, *out_shape))
            chex.assert_type(y, jnp.float32)
            chex.assert_trees_all_equal_shapes_and_dtypes(new_state, state)

    jax.eval_shape(check, example_batch(in_shape))


# Layers of layers that have a row, what tests/interop trains, and what test_augment.py,
# test_conv.py and test_among.py try with many models.
@every_layer(
    heavy=(
        "convolutional serial", "serial", "residual", "equinox", "linen", "nnx",
        "batch norm after the activation", "batch_norm of images", "dropout of images",
        "conv2d", "conv2d, strides", "conv2d without bias", "random_flip",
        "random_crop", "random_shift", "random_rotation", "random_affine", "cutout",
        "among", "embedding, chosen scale",
    )
)  # fmt: skip
def test_a_program_of_many_models_agrees_with_eager_calls(name):
    _, in_shape, values = LAYERS[name]
    values, x = jnp.float32(values), example_batch(in_shape)
    alone = [run(name, h, x) for h in values]
    together = jax.jit(jax.vmap(lambda h: run(name, h, x)))(values)
    close(together, jax.tree.map(lambda *one: np.stack(one), *alone))


def drawn(spec, scale):
    """Returns draws in float64 in place of arrays of given shapes; counts stay 0."""
    rng = np.random.default_rng(0)

    def of(leaf):
        if is_key(leaf):
            return jax.random.key(0)
        return scale * rng.normal(size=leaf.shape)

    return jax.tree.map(of, spec)


# Layers of layers, and what has such a test of its own.
@every_layer(
    heavy=(
        "convolutional serial", "serial", "equinox", "nnx", "linen",
        "batch norm after the activation", "batch_norm of images", "dropout of images",
        "conv2d", "conv2d, strides", "conv2d without bias", "conv2d, valid",
        "random_crop", "random_shift", "random_affine", "dense without bias",
        "softplus", "sigmoid", "tanh", "repeat, no times", "max_pool",
    )
)  # fmt: skip
def test_gradients_agree_with_differences_in_float64(name):
    make, in_shape, (h, _) = LAYERS[name]
    with jax.enable_x64(True):
        layer = make(h)
        (params, state), _ = outline(layer, in_shape)
        params, state = drawn(params, 0.5), drawn(state, 0.0)
        x = example_batch(in_shape)
        ids = None if is_shape(in_shape) else x  # which have no gradient

        @jax.jit
        def loss(params_and_x):
            params, x = params_and_x
            outputs = applied(layer, params, state, x if ids is None else ids)
            y = jnp.concatenate([y.ravel() for y, _ in outputs])
            return jnp.cos(jnp.arange(y.size)) @ y

        check = check_gradients(loss, (params, x if ids is None else ()), eps=1e-6)
        assert check.score < 1e-7, check


# name: (what takes the whole number, shape of an example)
COUNTS = {
    "dense, units": (nn.dense, (5,)),
    "dense, bound": (lambda n: nn.dense(Size(1, n)), (5,)),
    "embedding, ids": (lambda n: nn.embedding(n, 3), Spec((6,), jnp.int32)),
    "embedding, width": (lambda n: nn.embedding(3, n), Spec((6,), jnp.int32)),
    "conv2d, channels": (nn.conv2d, (5, 4, 2)),
    "conv2d, size": (lambda n: nn.conv2d(1, n), (5, 4, 2)),
    "conv2d, oblong": (lambda n: nn.conv2d(1, (1, n)), (5, 4, 2)),
    "conv2d, strides": (lambda n: nn.conv2d(1, strides=n), (5, 4, 2)),
    "max_pool": (nn.max_pool, (5, 4, 2)),
    "mean_pool": (lambda n: nn.mean_pool((1, n)), (5, 4, 2)),
    "repeat": (lambda n: nn.repeat(nn.dense(5), n), (5,)),
    "repeat, bound": (lambda n: nn.repeat(nn.dense(5), Size(1, n)), (5,)),
    "Size, sum": (lambda n: nn.dense(Size(1, 3) + n), (5,)),
    "Size, product": (lambda n: nn.dense(Size(1, 3) * n), (5,)),
}


def types(shape):
    return [type(n.bound if isinstance(n, Size) else n) for n in shape]


@pytest.mark.parametrize("name", COUNTS)
def test_an_integer_of_numpy_serves_as_a_plain_one(name):
    make, in_shape = COUNTS[name]
    plain, expected = outline(make(2), in_shape)
    for two in (np.int64(2), np.int32(2), np.uint8(2)):
        drawn, out_shape = outline(make(two), in_shape)
        chex.assert_trees_all_equal_shapes_and_dtypes(drawn, plain)
        assert list(out_shape) == list(expected)
        assert set(types(out_shape)) == {int}
    for wrong in (True, np.True_, 2.0):
        with pytest.raises(TypeError, match="expected an? (plain )?int"):
            make(wrong).init(jax.random.key(0), in_shape)


def test_a_live_integer_of_numpy_becomes_a_plain_one():
    assert type(Size(np.int64(2), 3).live) is int


def test_a_number_is_refused_as_a_layer():
    with pytest.raises(TypeError, match="got 3 as a layer"):
        nn.serial(nn.relu, 3)
