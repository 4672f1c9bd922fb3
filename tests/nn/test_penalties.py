"""Penalties against hand calculation."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import nn, optim

PARAMS = (
    {"kernel": jnp.array([[1.0, -2.0], [3.0, 0.0]]), "bias": jnp.array([100.0, 100.0])},
    {"gamma": jnp.array([100.0]), "beta": jnp.array([100.0])},
    {"kernel": jnp.array([[-4.0]])},
)


def test_penalties_by_hand_act_on_kernels_only():
    # Squares 1 + 4 + 9 + 16 = 30, sizes 1 + 2 + 3 + 4 = 10.
    np.testing.assert_allclose(nn.l2(0.5)(PARAMS, 10), 0.5 / 20 * 30)
    np.testing.assert_allclose(nn.l1(0.5)(PARAMS, 10), 0.5 / 10 * 10)
    assert nn.l2(0.0)(PARAMS, 10) == nn.l1(0.0)(PARAMS, 10) == 0
    assert nn.none(PARAMS, 10) == 0


def test_the_argument_where_chooses_the_leaves():
    def biases(path):
        return "bias" in jax.tree_util.keystr(path)

    np.testing.assert_allclose(nn.l1(1.0, where=biases)(PARAMS, 2), 100)


def test_kernels_are_found_in_named_tuples_too():
    class Params(NamedTuple):
        kernel: jax.Array
        bias: jax.Array

    params = Params(jnp.ones(3), jnp.ones(3))
    assert nn.l2(1.0)(params, 1) == 1.5
    decay = optim.adamw(1.0, weight_decay=0.5)
    zeros = jax.tree.map(jnp.zeros_like, params)
    updates, _ = decay.update(zeros, decay.init(params), params)
    np.testing.assert_array_equal(updates.kernel, -0.5 * np.ones(3))
    np.testing.assert_array_equal(updates.bias, np.zeros(3))


@pytest.mark.parametrize("penalty", [nn.l1, nn.l2])
def test_a_penalty_vmapped_over_its_strength_is_a_loop(penalty):
    strengths = jnp.array([0.0, 0.1, 10.0])
    together = jax.jit(jax.vmap(lambda s: penalty(s)(PARAMS, 8)))(strengths)
    alone = [penalty(s)(PARAMS, 8) for s in strengths]
    np.testing.assert_allclose(together, alone, rtol=1e-6)


def test_l2_under_gradient_descent_is_weight_decay():
    rate, strength, m = 0.1, 0.7, 16
    w = {"kernel": jnp.array([1.0, -2.0, 3.0])}
    loss_gradient = jnp.array([0.3, 0.2, 0.1])
    gradient = jax.grad(
        lambda w: jnp.sum(w["kernel"] * loss_gradient) + nn.l2(strength)(w, m)
    )(w)
    optimizer = optim.gradient_descent(rate)
    updates, _ = optimizer.update(gradient, optimizer.init(w))
    expected = (1 - rate * strength / m) * w["kernel"] - rate * loss_gradient
    np.testing.assert_allclose(w["kernel"] + updates["kernel"], expected, rtol=1e-6)
