"""Every layer against every contract; a new layer is one more row."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import nn
from jaxdl.diagnose import check_gradients

# name: (layer from one traced hyperparameter, shape of an example, values of it)
LAYERS = {
    "dense": (lambda h: nn.dense(3), (5,), (0.0, 1.0)),
    "dense without bias": (lambda h: nn.dense(3, use_bias=False), (5,), (0.0, 1.0)),
    "dense, chosen scale": (lambda h: nn.dense(3, init=nn.normal(h)), (5,), (0.1, 2.0)),
    "dense, xavier": (lambda h: nn.dense(3, init=nn.xavier), (5,), (0.0, 1.0)),
    "dense, glorot": (lambda h: nn.dense(3, init=nn.glorot), (5,), (0.0, 1.0)),
    "dense, zeros": (lambda h: nn.dense(3, init=nn.zeros), (5,), (0.0, 1.0)),
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
BATCH = 4
layers = pytest.mark.parametrize("name", LAYERS)


def run(h, make, in_shape, x, train):
    layer = make(h)
    params, state, out_shape = layer.init(jax.random.key(0), in_shape)
    y, new_state = layer.apply(params, state, x, key=jax.random.key(1), train=train)
    return y, new_state


def example_batch(in_shape, dtype=jnp.float32):
    return jax.random.normal(jax.random.key(2), (BATCH, *in_shape), dtype)


def close(a, b):
    np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6)


@layers
@pytest.mark.parametrize("train", [False, True])
def test_apply_gives_the_shape_that_init_promises(name, train):
    make, in_shape, (h, _) = LAYERS[name]
    layer = make(h)
    params, state, out_shape = layer.init(jax.random.key(0), in_shape)
    y, _ = layer.apply(
        params, state, example_batch(in_shape), key=jax.random.key(1), train=train
    )
    assert y.shape == (BATCH, *out_shape)
    assert y.dtype == jnp.float32


@layers
def test_state_keeps_its_tree_shapes_and_types(name):
    make, in_shape, (h, _) = LAYERS[name]
    _, before, _ = make(h).init(jax.random.key(0), in_shape)
    _, after = run(h, make, in_shape, example_batch(in_shape), True)
    spec = jax.tree.map(lambda x: (x.shape, x.dtype), (before, after))
    assert spec[0] == spec[1]


@layers
@pytest.mark.parametrize("train", [False, True])
def test_two_jitted_calls_are_one_trace_and_equal_eager_ones(name, train):
    make, in_shape, values = LAYERS[name]
    x, traces = example_batch(in_shape), []

    @jax.jit
    def traced(h, x):
        traces.append(h)
        return run(h, make, in_shape, x, train)

    for h in values:
        jax.tree.map(close, run(jnp.float32(h), make, in_shape, x, train), traced(h, x))
    assert len(traces) == 1


@layers
@pytest.mark.parametrize("train", [False, True])
def test_gradients_agree_with_differences_in_float64(name, train):
    make, in_shape, (h, _) = LAYERS[name]
    with jax.enable_x64(True):
        layer = make(h)
        params, state = jax.jit(lambda key: layer.init(key, in_shape)[:2])(
            jax.random.key(0)
        )

        @jax.jit
        def loss(params_and_x):
            params, x = params_and_x
            key = jax.random.key(1)
            y = layer.apply(params, state, x, key=key, train=train)[0].ravel()
            return jnp.cos(jnp.arange(y.size)) @ y

        x = example_batch(in_shape, jnp.float64)
        check = check_gradients(loss, (params, x), eps=1e-6)
        assert check.score < 1e-7, check


@layers
@pytest.mark.parametrize("train", [False, True])
def test_vmap_over_the_hyperparameter_is_a_loop(name, train):
    make, in_shape, values = LAYERS[name]
    x = example_batch(in_shape)

    def one(h):
        return run(h, make, in_shape, x, train)

    together = jax.jit(jax.vmap(one))(jnp.float32(values))
    for i, h in enumerate(values):
        ours = jax.tree.map(lambda a, i=i: a[i], together)
        jax.tree.map(close, ours, one(jnp.float32(h)))


def test_what_is_not_a_layer_is_refused():
    with pytest.raises(TypeError, match="got 3 as a layer"):
        nn.serial(nn.relu, 3)
