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
    def biases(name, leaf):
        return name == "0.bias" and leaf.shape == (2,)

    np.testing.assert_allclose(nn.l1(1.0, where=biases)(PARAMS, 2), 100)
    np.testing.assert_allclose(nn.l2(1.0, where=biases)(PARAMS, 1), 1e4)  # / 2


class Linear(NamedTuple):
    weight: jax.Array
    bias: jax.Array


def parts_that_decay(where):
    """Returns what l2, l1 and adamw move or cost where the weights are 3 and 4."""

    def decay(params):
        optimizer = optim.adamw(1.0, weight_decay=0.5, **where)
        zeros = jax.tree.map(jnp.zeros_like, params)
        updates, _ = optimizer.update(zeros, optimizer.init(params), params)
        return sum(float(-jnp.sum(u)) for u in jax.tree.leaves(updates))

    l2, l1 = nn.l2(2.0, **where), nn.l1(1.0, **where)
    return (lambda p: l2(p, 1), 25.0), (lambda p: l1(p, 1), 7.0), (decay, 3.5)


WEIGHTS, ONES = jnp.array([[3.0, 4.0]]), jnp.ones(2)
OTHERS = {
    "own names": ({"W": WEIGHTS, "b": ONES}, "'W', 'b'"),
    "Equinox": ({"layers": [Linear(WEIGHTS, ONES)]}, "'layers.0.weight', 'layers.0.b"),
    "Haiku": ({"mlp/~/linear_0": {"w": WEIGHTS, "b": ONES}}, "'mlp/~/linear_0.b', "),
    "nested": (({"a": {"kernels": (WEIGHTS, ONES)}},), "'0.a.kernels.0', '0.a.ker"),
    "one leaf": (WEIGHTS, "among ''"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_filter_that_chooses_no_leaf_is_refused_and_another_one_given(name):
    params, leaves = OTHERS[name]
    for act, _ in parts_that_decay({}):
        with pytest.raises(ValueError, match=f"named `kernel`.*{leaves}.*where=lambda"):
            act(params)
    matrices = {"where": lambda name, leaf: leaf.ndim > 1}
    for act, expected in parts_that_decay(matrices):
        assert float(act(params)) == pytest.approx(expected)


def test_a_model_without_parameters_has_nothing_to_penalize():
    for act, _ in parts_that_decay({}):
        with pytest.raises(ValueError, match="got a model without parameters"):
            act(((), ()))
    assert nn.none(((), ()), 1) == 0


@pytest.mark.parametrize("penalty", [nn.l1, nn.l2])
def test_a_strength_below_zero_is_refused(penalty):
    with pytest.raises(ValueError, match="strength=-0.1; expected a number at least 0"):
        penalty(-0.1)


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
