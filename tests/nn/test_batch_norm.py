"""Batch normalization against NumPy in float64 and PyTorch."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import nn
from tests.nn.conftest import init


def batches(steps, shape, seed=0):
    return np.random.default_rng(seed).normal(3.0, 2.0, (steps, *shape))


def numpy_batch_norm(z, gamma, beta, eps):
    axes = tuple(range(z.ndim - 1))
    mean, variance = z.mean(axes), z.var(axes)
    return gamma * (z - mean) / np.sqrt(variance + eps) + beta, mean, variance


@pytest.mark.parametrize("shape", [(16, 5), (4, 3, 3, 5)])
def test_batch_norm_in_training_and_evaluation_against_numpy(shape):
    decay, eps, steps = 0.8, 1e-3, 7
    with jax.enable_x64(True):
        layer = nn.batch_norm(decay, eps)
        _, state, _ = init(layer, shape[1:])
        params = {"gamma": jnp.linspace(0.5, 2, 5), "beta": jnp.linspace(-1, 1, 5)}
        gamma, beta = np.asarray(params["gamma"]), np.asarray(params["beta"])
        means, variances = [], []
        step = jax.jit(functools.partial(layer.apply, train=True))
        for z in batches(steps, shape):
            y, state = step(params, state, jnp.asarray(z))
            expected, mean, variance = numpy_batch_norm(z, gamma, beta, eps)
            np.testing.assert_allclose(y, expected, rtol=1e-9, atol=1e-12)
            means.append(mean)
            variances.append(variance)
        # A bias-corrected average is a weighted mean with these weights.
        weights = decay ** np.arange(steps - 1, -1, -1.0)
        mean, variance = (
            np.average(moments, axis=0, weights=weights)
            for moments in (means, variances)
        )
        z = batches(1, shape, seed=1)[0]
        y, kept = layer.apply(params, state, jnp.asarray(z))
        expected = gamma * (z - mean) / np.sqrt(variance + eps) + beta
        np.testing.assert_allclose(y, expected, rtol=1e-9, atol=1e-12)
        chex.assert_trees_all_equal(kept, state)


@pytest.mark.parametrize("shape", [(16, 5), (4, 3, 3, 5)])
def test_batch_norm_against_pytorch_over_20_steps(shape):
    torch = pytest.importorskip("torch")
    decay, eps, m = 0.9, 1e-5, np.prod(shape[:-1])
    theirs = (torch.nn.BatchNorm1d if len(shape) == 2 else torch.nn.BatchNorm2d)(
        5, eps=eps, momentum=1 - decay, dtype=torch.float64
    )

    def channels_first(x):
        return torch.from_numpy(np.moveaxis(x, -1, 1).copy())

    with jax.enable_x64(True):
        ours = nn.batch_norm(decay, eps)
        params, state, _ = init(ours, shape[1:])
        step = jax.jit(functools.partial(ours.apply, train=True))
        for z in batches(20, shape):
            y, state = step(params, state, jnp.asarray(z))
            expected = theirs(channels_first(z)).detach().numpy()
            np.testing.assert_allclose(np.moveaxis(y, -1, 1), expected, atol=1e-10)
        # PyTorch starts from mean 0 and variance 1, averages the unbiased variance and
        # does not correct. What is left of its start is taken out of its own averages.
        started = decay**20
        with torch.no_grad():
            theirs.running_mean /= 1 - started
            theirs.running_var -= started
            theirs.running_var *= (m - 1) / m / (1 - started)
        z = batches(1, shape, seed=1)[0]
        y, _ = ours.apply(params, state, jnp.asarray(z))
        expected = theirs.eval()(channels_first(z)).detach().numpy()
        np.testing.assert_allclose(np.moveaxis(y, -1, 1), expected, atol=1e-10)


def test_batch_norm_before_any_step_is_the_identity():
    layer = nn.batch_norm(0.9, 1e-12)
    params, state, _ = init(layer, (3,))
    x = jnp.array([[1.0, -2.0, 300.0]])
    np.testing.assert_allclose(layer.apply(params, state, x)[0], x, rtol=1e-6)


def test_batch_norm_with_gamma_sigma_and_beta_mu_is_the_identity():
    z = jnp.asarray(batches(1, (16, 5))[0], jnp.float32)
    params = {"gamma": jnp.sqrt(z.var(0) + 1e-5), "beta": z.mean(0)}
    layer = nn.batch_norm()
    y, state = layer.apply(params, init(layer, (5,))[1], z, train=True)
    np.testing.assert_allclose(y, z, rtol=1e-5, atol=1e-5)
    # By default a step weighs a tenth.
    np.testing.assert_allclose(state["weight"], 0.1, rtol=1e-6)


def test_batch_norm_of_a_batch_without_variance_is_finite():
    batch, layer = jnp.full((8, 3), 7.0), nn.batch_norm()
    params, state, _ = init(layer, (3,))
    y, state = layer.apply(params, state, batch, train=True)
    np.testing.assert_array_equal(y, np.zeros_like(batch))
    chex.assert_tree_all_finite(layer.apply(params, state, batch))


@pytest.mark.parametrize("shape", [(1, 3), (1, 1, 1, 3)])
def test_batch_norm_in_training_refuses_one_value_a_feature(shape):
    layer = nn.batch_norm()
    params, state, _ = init(layer, shape[1:])
    with pytest.raises(ValueError, match="got a batch of shape.*batch size of 2"):
        layer.apply(params, state, jnp.ones(shape), train=True)
    y, _ = layer.apply(params, state, jnp.ones(shape))  # moments 0 and 1
    np.testing.assert_allclose(y, np.ones(shape), rtol=1e-4)


def test_batch_norm_of_one_picture_has_moments_over_its_pixels():
    layer = nn.batch_norm()
    params, state, _ = init(layer, (1, 2, 1))
    y, _ = layer.apply(params, state, jnp.array([[[[1.0], [3.0]]]]), train=True)
    np.testing.assert_allclose(y.ravel(), [-1, 1], rtol=1e-4)  # mean 2, variance 1


def test_batch_norm_is_exact_where_the_one_pass_variance_is_not():
    z = jnp.float32(1e4) + jnp.array([[0.0], [1.0], [2.0], [3.0]])
    layer = nn.batch_norm(0.0)
    params, state, _ = init(layer, (1,))
    _, state = layer.apply(params, state, z, train=True)
    np.testing.assert_allclose(state["variance"], [1.25], rtol=1e-6)


@pytest.mark.parametrize("shape", [(16, 5), (4, 3, 3, 5)])
def test_gradients_equal_those_of_the_plain_formula(shape):
    """Also by eps and by the moments that go into the state."""
    rng = np.random.default_rng(0)
    weights = jnp.asarray(rng.normal(size=shape), np.float32)

    def cost(z, gamma, beta, eps, batch_norm):
        y, mean, variance = batch_norm(z, gamma, beta, eps)
        return jnp.sum(y * weights) + jnp.sum(jnp.sin(mean) * variance)

    def ours(z, gamma, beta, eps):
        layer = nn.batch_norm(0.0, eps)  # so that the state is of this batch alone
        _, state, _ = init(layer, shape[1:])
        params = {"gamma": gamma, "beta": beta}
        y, state = layer.apply(params, state, z, train=True)
        return y, state["mean"], state["variance"]

    def plain(z, gamma, beta, eps):
        axes = tuple(range(z.ndim - 1))
        mean, variance = jnp.mean(z, axes), jnp.var(z, axes)
        return gamma * (z - mean) / jnp.sqrt(variance + eps) + beta, mean, variance

    with jax.enable_x64(True), jax.numpy_rank_promotion("allow"):
        drawn = [rng.normal(3.0, 2.0, shape), *rng.normal(size=(2, 5)), 0.1]
        given = [jnp.asarray(x) for x in drawn]
        found, expected = (
            jax.jit(jax.grad(lambda *x, f=f: cost(*x, f), (0, 1, 2, 3)))(*given)
            for f in (ours, plain)
        )
        chex.assert_trees_all_close(found, expected, rtol=1e-9, atol=1e-11)
