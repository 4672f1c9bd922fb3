"""Convolution and pooling against hand calculation, JAX's own convolution, PyTorch."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import nn
from tests.nn.conftest import init

IMAGES = np.random.default_rng(0).normal(size=(3, 7, 6, 2))
SHAPE = IMAGES.shape[1:]
FORMS = [(3, 1, "SAME"), ((2, 3), 1, "VALID"), (4, 3, "VALID"), (1, 1, "SAME")]


def test_conv2d_by_hand():
    image = jnp.arange(9.0).reshape(1, 3, 3, 1)
    params = {"kernel": jnp.array([[1.0, 2], [3, 4]])[..., None, None],
              "bias": jnp.array([10.0])}  # fmt: skip
    z, _ = nn.conv2d(1, 2, padding="VALID").apply(params, (), image)
    # 0*1 + 1*2 + 3*3 + 4*4 + 10 and so on
    np.testing.assert_array_equal(z[0, ..., 0], [[37, 47], [67, 77]])
    z, _ = nn.conv2d(1, 2).apply(params, (), image)  # zeros below and on the right
    np.testing.assert_array_equal(
        z[0, ..., 0], [[37, 47, 27], [67, 77, 39], [30, 33, 18]]
    )


@pytest.mark.parametrize(
    ("size", "strides", "padding"),
    [
        (3, 2, "SAME"), ((2, 3), 1, "VALID"),
        *(pytest.param(*FORMS[i], marks=pytest.mark.heavy) for i in (0, 2, 3)),
    ],
)  # fmt: skip
def test_conv2d_and_its_gradients_are_those_of_jax(size, strides, padding):
    with jax.enable_x64(True):
        layer = nn.conv2d(5, size, strides=strides, padding=padding, use_bias=False)
        params, state, out_shape = init(layer, SHAPE)

        def ours(kernel, x):
            return layer.apply({"kernel": kernel}, state, x)[0]

        def theirs(kernel, x):
            return jax.lax.conv_general_dilated(
                x, kernel, (strides, strides), padding,
                dimension_numbers=("NHWC", "HWIO", "NHWC"),
            )  # fmt: skip

        @functools.partial(jax.jit, static_argnums=0)
        def value_and_gradients(convolve, *factors):
            z, pull_back = jax.vjp(convolve, *factors)
            return z, pull_back(jnp.cos(jnp.arange(z.size)).reshape(z.shape))

        factors = params["kernel"], jnp.asarray(IMAGES)
        z, gradients = value_and_gradients(ours, *factors)
        expected = value_and_gradients(theirs, *factors)
        chex.assert_shape(z, (len(IMAGES), *out_shape))
        chex.assert_trees_all_close((z, gradients), expected, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize(("size", "strides", "padding"), FORMS)
def test_conv2d_and_its_gradients_are_those_of_pytorch(size, strides, padding):
    torch = pytest.importorskip("torch")
    with jax.enable_x64(True):
        layer = nn.conv2d(5, size, strides=strides, padding=padding)
        params, state, _ = init(layer, SHAPE)
        params["bias"] = jnp.arange(5.0)
        theirs = torch.nn.Conv2d(
            2, 5, size, stride=strides, padding=padding.lower(), dtype=torch.float64
        )
        with torch.no_grad():
            theirs.weight.copy_(
                torch.tensor(np.asarray(params["kernel"]).transpose(3, 2, 0, 1))
            )
            theirs.bias.copy_(torch.arange(5.0))
        x = torch.tensor(IMAGES.transpose(0, 3, 1, 2), requires_grad=True)
        expected = theirs(x)
        (expected**3).sum().backward()

        def cubes(params, x):
            z, _ = layer.apply(params, state, x)
            return jnp.sum(z**3), z

        (_, z), (by_params, by_x) = jax.jit(
            jax.value_and_grad(cubes, (0, 1), has_aux=True)
        )(params, jnp.asarray(IMAGES))
        pairs = [
            (z, expected.detach().permute(0, 2, 3, 1)),
            (by_x, x.grad.permute(0, 2, 3, 1)),
            (by_params["kernel"], theirs.weight.grad.permute(2, 3, 1, 0)),
            (by_params["bias"], theirs.bias.grad),
        ]
        for ours, torchs in pairs:
            np.testing.assert_allclose(ours, torchs.numpy(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("size", [2, 3, (3, 2)])
@pytest.mark.parametrize("name", ["max", "mean"])
def test_pools_and_their_gradients_are_those_of_pytorch(name, size):
    torch = pytest.importorskip("torch")
    with jax.enable_x64(True):
        layer = {"max": nn.max_pool, "mean": nn.mean_pool}[name](size)
        theirs = {"max": torch.nn.MaxPool2d, "mean": torch.nn.AvgPool2d}[name](size)
        x = torch.tensor(IMAGES.transpose(0, 3, 1, 2), requires_grad=True)
        expected = theirs(x)
        (expected**3).sum().backward()
        y = layer.apply((), (), jnp.asarray(IMAGES))[0]
        np.testing.assert_allclose(y, expected.detach().permute(0, 2, 3, 1), atol=1e-12)
        back = jax.grad(lambda x: jnp.sum(layer.apply((), (), x)[0] ** 3))(
            jnp.asarray(IMAGES)
        )
        np.testing.assert_allclose(back, x.grad.permute(0, 2, 3, 1), atol=1e-12)


def test_pools_by_hand():
    image = jnp.array([[1.0, 5, 9], [2, 4, 9], [9, 9, 9]])[None, :, :, None]
    assert nn.max_pool().apply((), (), image)[0].tolist() == [[[[5.0]]]]
    assert nn.mean_pool().apply((), (), image)[0].tolist() == [[[[3.0]]]]


def test_the_gradient_of_equal_largest_values_is_shared():
    image = jnp.array([[7.0, 7], [1, 7]])[None, :, :, None]
    grad = jax.grad(lambda x: nn.max_pool().apply((), (), x)[0].sum())(image)
    np.testing.assert_allclose(grad[0, ..., 0], np.array([[1, 1], [0, 1]]) / 3)


@pytest.mark.parametrize(("side", "slices"), [(4, 16), (5, 0)])
def test_the_gradient_of_a_large_window_is_one_sum(side, slices):
    """So that it compiles soon: a window of 28 has 784 entries."""
    image = jnp.ones((1, side, side, 1))
    grad = jax.grad(lambda x: nn.max_pool(side).apply((), (), x)[0].sum())
    text = jax.jit(grad).lower(image).as_text()
    assert text.count("stablehlo.slice") == slices
    np.testing.assert_allclose(
        grad(image), np.full(image.shape, 1 / side**2), rtol=1e-6
    )


def test_kernels_have_the_variance_of_their_fans():
    variances = {nn.he: 2 / 450, nn.xavier: 1 / 450, nn.glorot: 2 / (450 + 9 * 64)}
    layers = [nn.conv2d(64, init=initializer) for initializer in variances]
    drawn = jax.jit(lambda key: [layer.init(key, (9, 9, 50))[0] for layer in layers])
    kernels = [params["kernel"] for params in drawn(jax.random.key(0))]
    for kernel, variance in zip(kernels, variances.values(), strict=True):
        assert np.var(kernel) == pytest.approx(variance, rel=0.03)  # 28,800 draws


@pytest.mark.heavy
def test_a_channels_weights_do_not_depend_on_how_many_channels_there_are(monkeypatch):
    def kernels():
        for channels, c in ((3, 2), (30, 7)):
            kernel = init(nn.conv2d(channels, init=nn.normal(1.0)), (9, 9, c))
            yield kernel[0]["kernel"][:, :, :2, :3]

    # XLA may round the normal's last bit by its place in a vector; the draws it is made
    # of are the same to the bit.
    np.testing.assert_array_max_ulp(*kernels(), maxulp=2)
    monkeypatch.setattr(jax.lax, "erf_inv", lambda uniform: uniform)
    np.testing.assert_array_equal(*kernels())


def test_a_batch_norm_of_images_has_moments_per_channel():
    x = jnp.asarray(IMAGES, jnp.float32)
    layer = nn.batch_norm(0.0)
    params, state, _ = init(layer, SHAPE)
    y, state = layer.apply(params, state, x, train=True)
    np.testing.assert_allclose(state["mean"], IMAGES.mean((0, 1, 2)), rtol=1e-4)
    np.testing.assert_allclose(y.mean((0, 1, 2)), [0, 0], atol=1e-6)
    np.testing.assert_allclose(y.std((0, 1, 2)), [1, 1], rtol=1e-4)


def test_the_bias_before_a_batch_norm_has_no_effect():
    layer = nn.serial(nn.conv2d(4), nn.batch_norm())
    params, state, _ = init(layer, SHAPE)
    x = jnp.asarray(IMAGES, jnp.float32)

    @jax.jit
    def output(bias):
        moved = ({**params[0], "bias": bias}, params[1])
        return layer.apply(moved, state, x, train=True)[0]

    y = output(jnp.zeros(4))
    np.testing.assert_allclose(output(jnp.full(4, 3.0)), y, atol=1e-5)
    slope = jax.jit(jax.jacrev(output))(jnp.zeros(4))
    np.testing.assert_allclose(slope, np.zeros_like(slope), atol=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.conv2d(0), "conv2d got channels=0; expected at least 1"),
        (lambda: nn.conv2d(3, 0), "size=0"),
        (lambda: nn.conv2d(3, strides=0), "strides=0"),
        (lambda: nn.conv2d(3, padding="same"), "expected SAME or VALID"),
        (lambda: init(nn.conv2d(3), (64,)), r"shape \(64,\); expected images.*reshape"),
        (lambda: init(nn.conv2d(3, 8, padding="VALID"), SHAPE), "at least 8 by 8"),
        (lambda: nn.max_pool(0), "max_pool got size=0"),
        (lambda: init(nn.max_pool((2, 7)), SHAPE), "at least 2 by 7"),
        (lambda: init(nn.mean_pool(2), (6,)), "mean_pool got examples"),
    ],
)
def test_invalid_arguments_and_shapes_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_traced_channels_are_refused_and_the_way_out_named():
    with pytest.raises(TypeError, match="Static"):
        jax.jit(lambda c: init(nn.conv2d(c), SHAPE)[0])(3)
