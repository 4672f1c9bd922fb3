"""The forms of a convolution, against SciPy and JAX's own, and where each runs."""

import functools

import chex
import jax
import jax.export
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
from scipy.signal import correlate

from jaxdl import nn
from jaxdl.nn import convolution
from jaxdl.nn.convolution import convolve
from tests.nn.conftest import init

RANDOM = np.random.default_rng(0)
FORMS = [convolution._by_patches, convolution._by_xla]


def draws(*shapes):
    return [RANDOM.normal(size=shape).astype(np.float32) for shape in shapes]


def correlated(x, kernel):
    """Returns the sums over windows and channels in float64, `[B, H', W', c]`."""

    def one(image, weights):
        pairs = zip(
            np.moveaxis(np.float64(image), 2, 0),
            np.moveaxis(weights, 2, 0),
            strict=True,
        )
        return sum(correlate(a, np.float64(w), "valid") for a, w in pairs)

    channels = np.moveaxis(kernel, 3, 0)
    return np.stack([[one(image, w) for w in channels] for image in x]).transpose(
        0, 2, 3, 1
    )


def pull_back(form, x, kernel, bias, dz, strides=1, padding="VALID"):
    own = functools.partial(form, strides=strides, padding=padding)
    z, back = jax.vjp(own, x, kernel, bias)
    return z, *back(dz)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("channels", [(1, 3), (2, 20)])
def test_a_form_sums_over_windows_as_scipy_does(form, channels):
    x, kernel, bias = draws((2, 6, 5, channels[0]), (3, 2, *channels), channels[1:])
    z = form(x, kernel, bias, strides=1, padding="VALID")
    np.testing.assert_allclose(z, correlated(x, kernel) + bias, atol=1e-5)
    skipped = form(x, kernel, None, strides=2, padding="VALID")
    np.testing.assert_allclose(skipped, correlated(x, kernel)[:, ::2, ::2], atol=1e-5)


@pytest.mark.parametrize(
    ("strides", "padding", "shared"),
    [
        (1, "SAME", False), (2, "VALID", True),
        pytest.param(1, "SAME", True, marks=pytest.mark.heavy),
        pytest.param(2, "VALID", False, marks=pytest.mark.heavy),
    ],
)  # fmt: skip
def test_the_forms_agree_for_many_models_and_in_their_gradients(
    strides, padding, shared
):
    x, kernel, bias = draws((4, 2, 7, 6, 2), (4, 3, 3, 2, 5), (4, 5))
    x, axis = (x[0], None) if shared else (x, 0)
    found = []
    for form in FORMS:
        one = functools.partial(pull_back, form, strides=strides, padding=padding)
        side = {"SAME": (7, 6), "VALID": (3, 2)}[padding]
        dz = np.cos(np.arange(4 * 2 * np.prod(side) * 5.0)).astype(np.float32)
        many = jax.jit(jax.vmap(one, (axis, 0, 0, 0)))
        found.append(many(x, kernel, bias, dz.reshape(4, 2, *side, 5)))
    chex.assert_trees_all_close(*found, rtol=1e-4, atol=1e-4)


def test_channels_without_a_live_one_are_zero_in_both_forms():
    layer = nn.conv2d(nn.Size(3, 5))
    params, state, _ = init(layer, (6, 6, 2))
    (x,) = draws((2, 6, 6, 2))
    for form in FORMS:
        z = form(x, params["kernel"], params["bias"], strides=1, padding="SAME")
        z = np.asarray(z)
        np.testing.assert_array_equal(z[..., 3:], 0)
        assert (np.abs(z[..., :3]) > 0).any(axis=(0, 1, 2)).all()


def rounded(x):
    return x.astype(ml_dtypes.bfloat16).astype(np.float64)


def test_xla_rounds_the_factors_to_bfloat16_where_the_recipe_asks():
    x, kernel, dz = draws((2, 5, 5, 2), (2, 2, 2, 3), (2, 4, 4, 3))
    with jax.default_matmul_precision("bfloat16"):
        own = functools.partial(convolution._by_xla, bias=None)
        own = functools.partial(own, strides=1, padding="VALID")
        z, back = jax.vjp(own, x, kernel)
        dx, d_kernel = back(jnp.asarray(dz))
    np.testing.assert_allclose(z, correlated(rounded(x), rounded(kernel)), atol=1e-5)
    # dW[u, v] is a correlation of x with dz, summed over the examples.
    expected = np.zeros((2, 2, 2, 3))
    for image, slope in zip(rounded(x), rounded(dz), strict=True):
        for c in range(2):
            for k in range(3):
                expected[..., c, k] += correlate(image[..., c], slope[..., k], "valid")
    np.testing.assert_allclose(d_kernel, expected, atol=1e-5)
    # dx is a full correlation of dz with the turned kernel, summed over the channels.
    padded = np.pad(rounded(dz), ((0, 0), (1, 1), (1, 1), (0, 0)))
    turned = rounded(kernel)[::-1, ::-1].swapaxes(2, 3)
    np.testing.assert_allclose(dx, correlated(padded, turned), atol=1e-5)


def step(x, kernel):
    return jax.grad(lambda k: convolve(x, k, None, 1, "SAME").sum())(kernel)


@pytest.mark.parametrize(
    ("platform", "convolutions"), [("cpu", False), ("cuda", True), ("tpu", True)]
)
def test_each_platform_has_its_own_form_and_no_trace_of_the_other(
    platform, convolutions
):
    many = jax.jit(jax.vmap(step, (None, 0)))
    shapes = [jax.ShapeDtypeStruct(s, jnp.float32) for s in
              ((2, 6, 6, 2), (4, 3, 3, 2, 5))]  # fmt: skip
    text = jax.export.export(many, platforms=[platform])(*shapes).mlir_module()
    assert ("stablehlo.convolution" in text) == convolutions
    assert ("stablehlo.concatenate" in text) != convolutions
