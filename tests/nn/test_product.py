"""The product of a layer: values and gradients against NumPy in float64."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.nn.product import product

RANDOM = np.random.default_rng(0)


def draws(*shapes):
    return [RANDOM.normal(size=shape).astype(np.float32) for shape in shapes]


@jax.jit
def pull_back(x, kernel, dz):
    z, back = jax.vjp(product, x, kernel)
    return z, *back(dz)


@pytest.mark.parametrize(("n_in", "units"), [(20, 1), (20, 15), (20, 16), (12, 10)])
@pytest.mark.parametrize("leading", [(7,), (3, 5, 2), (0,), ()])
def test_product_and_gradients_are_those_of_numpy(n_in, units, leading):
    x, kernel, dz = draws((*leading, n_in), (n_in, units), (*leading, units))
    z, dx, d_kernel = pull_back(x, kernel, dz)
    np.testing.assert_allclose(z, np.float64(x) @ kernel, atol=1e-5)
    np.testing.assert_allclose(dx, np.float64(dz) @ kernel.T, atol=1e-5)
    expected = np.einsum(
        "bi,bo->io", np.float64(x).reshape(-1, n_in), dz.reshape(-1, units)
    )
    np.testing.assert_allclose(d_kernel, expected, atol=1e-5)


@pytest.mark.parametrize("units", [10, 40])
@pytest.mark.parametrize("shared", [True, False])
def test_vmap_over_models_is_a_loop_of_single_products(units, shared):
    x, kernel, dz = draws((4, 7, 20), (4, 20, units), (4, 7, units))
    x, axis = (x[0], None) if shared else (x, 0)
    together = jax.vmap(pull_back, (axis, 0, 0))(x, kernel, dz)
    for i in range(4):
        alone = pull_back(x if shared else x[i], kernel[i], dz[i])
        ours = [a[i] for a in together]
        chex.assert_trees_all_close(ours, [*alone], rtol=1e-7, atol=1e-5)


def test_the_gradient_of_the_gradient_is_that_of_a_plain_product():
    x, kernel = draws((5, 3), (3, 20))

    def steepness(dot, kernel):
        return jnp.sum(jax.grad(lambda k: jnp.sum(jnp.sin(dot(x, k))))(kernel) ** 2)

    slope = jax.jit(jax.grad(steepness, argnums=1), static_argnums=0)
    ours, plain = (slope(dot, kernel) for dot in (product, jnp.matmul))
    np.testing.assert_allclose(ours, plain, rtol=1e-4, atol=1e-4)


def rounded(x):
    """Returns x with the 8 significant bits of bfloat16, by the bits of float32."""
    bits = np.asarray(x, np.float32).view(np.uint32)
    even = (bits >> 16) & 1
    return (((bits + 0x7FFF + even) >> 16) << 16).view(np.float32)


@pytest.mark.parametrize("units", [10, 40])
def test_bfloat16_rounds_the_factors_and_sums_in_float32(units):
    x, kernel, dz = draws((7, 300), (300, units), (7, units))
    with jax.default_matmul_precision("bfloat16"):
        z, dx, d_kernel = pull_back(x, kernel, dz)
    x, kernel, dz = (np.float64(rounded(a)) for a in (x, kernel, dz))
    for ours, expected in ((z, x @ kernel), (dx, dz @ kernel.T), (d_kernel, x.T @ dz)):
        assert ours.dtype == np.float32
        np.testing.assert_allclose(ours, expected, rtol=2e-5, atol=2e-5)


FLOATS = (jnp.float32, jnp.float16, jnp.bfloat16)


@pytest.mark.parametrize("units", [4, 20])
@pytest.mark.parametrize("of_x", FLOATS)
@pytest.mark.parametrize("of_kernel", FLOATS)
def test_values_and_gradients_have_the_types_of_a_plain_product(of_x, of_kernel, units):
    x = jax.ShapeDtypeStruct((3, 20), of_x)
    kernel = jax.ShapeDtypeStruct((20, units), of_kernel)

    def outline(dot):
        def value_and_gradients(x, kernel):
            z, back = jax.vjp(dot, x, kernel)
            return z, back(z)

        return jax.eval_shape(value_and_gradients, x, kernel)

    chex.assert_trees_all_equal_shapes_and_dtypes(outline(product), outline(jnp.matmul))


def test_float64_is_left_alone_in_bfloat16():
    with jax.enable_x64(True), jax.default_matmul_precision("bfloat16"):
        x = jnp.asarray(RANDOM.normal(size=(5, 20)))
        z, dx, d_kernel = pull_back(x, x.T, jnp.ones((5, 5)))
        np.testing.assert_allclose(z, np.asarray(x) @ np.asarray(x).T, rtol=1e-12)
        ones = np.ones((5, 5))
        np.testing.assert_allclose(d_kernel, np.asarray(x).T @ ones, rtol=1e-12)


def test_counts_are_taken_as_numbers():
    x, (kernel,) = jnp.arange(6).reshape(2, 3), draws((3, 20))
    d_kernel = jax.grad(lambda k: product(x, k).sum())(kernel)
    np.testing.assert_allclose(d_kernel, np.asarray(x).T @ np.ones((2, 20)))


def test_the_gradient_lies_as_the_weights_do():
    """A transposed gradient is read across its rows by whatever comes after it."""
    x, kernel, dz = draws((8, 64), (64, 32), (8, 32))
    text = jax.jit(lambda *a: pull_back(*a)[2]).lower(x, kernel, dz).as_text()
    (dot,) = [line for line in text.splitlines() if "stablehlo.dot_general" in line]
    assert dot.rstrip().endswith("-> tensor<64x32xf32>")
