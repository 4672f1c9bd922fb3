"""The signal through the layers, against powers by hand and NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import nn
from jaxdl.data import Dataset
from jaxdl.diagnose import signal

rng = np.random.default_rng(0)
BATCH = Dataset(jnp.ones((4, 6)), jnp.arange(4))


def rms(a):
    return float(np.sqrt(np.mean(a**2)))


def drawn(model):
    """Returns parameters and state for examples of six features."""
    return jax.jit(lambda key: model.init(key, (6,))[:2])(jax.random.key(0))


def linear_chain(scale, depth):
    model = nn.repeat(nn.dense(6, use_bias=False), depth)
    return model, ({"kernel": scale * jnp.eye(6)},) * depth, ((),) * depth


@pytest.mark.parametrize("scale", [1.5, 0.5])
def test_a_linear_chain_grows_and_shrinks_as_the_power_of_its_depth(scale):
    depth = 20
    model, params, state = linear_chain(scale, depth)
    found = signal(model, params, state, BATCH, nn.softmax_cross_entropy)
    assert list(found.activations) == [f"{i} dense" for i in range(depth)]
    np.testing.assert_allclose(
        list(found.activations.values()), scale ** np.arange(1.0, depth + 1), rtol=1e-5
    )
    back = np.array(list(found.gradients.values()))
    np.testing.assert_allclose(
        back / back[-1], scale ** np.arange(depth - 1.0, -1, -1), rtol=1e-5
    )
    # 1.5^12 > 100 and 0.5^7 < 1/100, forward from the inputs, back from the last layer
    far = 12 if scale > 1 else 7
    beyond = (i for i in range(depth) if i + 1 >= far or i <= depth - 1 - far)
    named = [f"{i} dense" for i in beyond]
    assert found.exploding == (tuple(named) if scale > 1 else ())
    assert found.vanishing == (() if scale > 1 else tuple(named))


def test_norms_equal_those_of_a_network_in_numpy():
    with jax.enable_x64(True):
        model = nn.serial(nn.dense(5), nn.tanh, nn.dense(3))
        x, y = rng.normal(size=(7, 6)), rng.normal(size=(7, 3))
        params, state = drawn(model)
        batch = Dataset(jnp.asarray(x), jnp.asarray(y))
        found = jax.jit(lambda p: signal(model, p, state, batch, nn.squared_error))(
            params
        )
    (w1, b1), (w2, b2) = (
        (np.asarray(p["kernel"]), np.asarray(p["bias"])) for p in (params[0], params[2])
    )
    z1 = x @ w1 + b1
    a1 = np.tanh(z1)
    z2 = a1 @ w2 + b2
    dz2 = 2 * (z2 - y) / 7
    da1 = dz2 @ w2.T
    dz1 = da1 * (1 - a1**2)
    for ours, theirs in (
        (found.activations, [rms(a) for a in (z1, a1, z2)]),
        (found.gradients, [np.linalg.norm(g) for g in (dz1, da1, dz2)]),
    ):
        np.testing.assert_allclose(list(ours.values()), theirs, rtol=1e-10)


@pytest.mark.heavy
def test_the_parts_of_a_layer_are_measured():
    model = nn.serial(
        nn.residual(nn.dense(6), nn.relu), nn.repeat(nn.dense(6), 11), nn.dense(4)
    )
    params, state = drawn(model)
    found = signal(model, params, state, BATCH, nn.softmax_cross_entropy)
    names = ["0.0 dense", "0.1 relu", *(f"1.{i} dense" for i in range(11)), "2 dense"]
    assert list(found.activations) == list(found.gradients) == names
    y, _ = model.apply(params, state, BATCH.inputs)
    np.testing.assert_allclose(
        found.activations["2 dense"], np.sqrt(np.mean(y**2)), rtol=1e-5
    )


def test_probing_changes_neither_masks_nor_moments():
    model = nn.serial(nn.dense(6), nn.batch_norm(), nn.dropout(0.5), nn.dense(4))
    params, state = drawn(model)
    batch = Dataset(
        jnp.asarray(rng.normal(size=(9, 6)), jnp.float32), jnp.arange(9) % 4
    )
    key = jax.random.key(1)

    @jax.jit
    def probed_and_plain(params):
        loss = nn.softmax_cross_entropy
        found = signal(model, params, state, batch, loss, key=key)
        return found, model.apply(params, state, batch.inputs, key=key, train=True)[0]

    found, y = probed_and_plain(params)
    np.testing.assert_allclose(
        found.activations["3 dense"], np.sqrt(np.mean(y**2)), rtol=1e-5
    )
    with pytest.raises(ValueError, match="key=None"):
        signal(model, params, state, batch, nn.softmax_cross_entropy)


def test_a_population_has_its_signals_at_once():
    def one(scale):
        return signal(*linear_chain(scale, 15), BATCH, nn.softmax_cross_entropy)

    together = jax.jit(jax.vmap(one))(jnp.array([0.5, 1.0, 1.5]))
    for i, scale in enumerate((0.5, 1.0, 1.5)):
        alone = one(scale)
        for name in alone.activations:
            np.testing.assert_allclose(
                together.activations[name][i], alone.activations[name], rtol=1e-5
            )
    assert together.exploding[-1] == together.vanishing[-1] == "14 dense"


def test_zeros_vanish_and_infinite_values_explode():
    model = nn.serial(nn.dense(6, init=nn.zeros), nn.relu, nn.dense(4, init=nn.zeros))
    params, state = drawn(model)
    found = signal(model, params, state, BATCH, nn.softmax_cross_entropy)
    assert found.vanishing == ("0 dense", "1 relu", "2 dense") and not found.exploding
    assert found.faults == "vanishing at 0 dense, 1 relu, 2 dense"
    infinite = jax.tree.map(lambda w: w + jnp.inf, params)
    found = signal(model, infinite, state, BATCH, nn.softmax_cross_entropy)
    assert "2 dense" in found.exploding


def test_an_explosion_in_the_first_layer_is_seen():
    model = nn.serial(nn.dense(6, init=nn.normal(1e6)), nn.dense(4))
    params, state = drawn(model)
    found = signal(model, params, state, BATCH, nn.softmax_cross_entropy)
    assert "0 dense" in found.exploding
    assert float(found.inputs) == 1


def test_outputs_without_a_gradient_are_left_out():
    model = nn.serial(nn.dense(6), lambda x: x > 0, lambda x: 1.0 * x, nn.dense(4))
    params, state = drawn(model)
    found = signal(model, params, state, BATCH, nn.softmax_cross_entropy)
    assert list(found.activations) == ["0 dense", "2 <lambda>", "3 dense"]


def test_a_single_layer_is_a_model_too():
    layer = nn.dense(4)
    params, state = drawn(layer)
    found = signal(layer, params, state, BATCH, nn.softmax_cross_entropy)
    assert list(found.activations) == ["0 dense"]
    assert not found.exploding and not found.vanishing and found.faults == ""
