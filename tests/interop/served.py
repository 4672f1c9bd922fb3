"""Trained models, their raw inputs and what they predict, to be served elsewhere."""

import functools
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, optim
from tests.interop.foreign import SHORT, SPACE, recipe_of
from tests.sweeps.kept import sweep


class Served(NamedTuple):
    """A trained model with inputs in the units of the user's data."""

    model: Any
    moments: Any
    raw: np.ndarray
    outputs: np.ndarray  # of `predict`


def hidden(units):
    return nn.serial(nn.dense(units, use_bias=False), nn.batch_norm(), nn.relu)


def network(hp):
    """Returns convolution, sizes, repeated layers and batch norm in one."""
    inner = nn.residual(nn.dense(hp["units"]))
    model = nn.serial(
        lambda x: x.reshape(-1, 4, 4, 1), nn.conv2d(hp["units"] * 2, 3),
        nn.max_pool(2), nn.flatten, hidden(hp["units"]),
        nn.repeat(inner, hp["times"]), nn.dense(3),
    )  # fmt: skip
    optimizer, loss = optim.adam(0.05), nn.softmax_cross_entropy
    return dl.Recipe(model, optimizer, loss, batch_size=20)


NAMES = ("linen", "bytes")
LARGE = ("network", "ensemble")
ALL = [*NAMES, *(pytest.param(name, marks=pytest.mark.heavy) for name in LARGE)]


@functools.cache
def served(name: str) -> Served:
    """Returns a trained model by name."""
    made = {"network": _network, "linen": _linen, "bytes": _bytes, "ensemble": _both}
    return made[name]()


def _network() -> Served:
    raw = (3 + 5 * _draws().normal(size=(60, 16))).astype(np.float32)
    data = _normalized(raw, np.arange(60) % 3)
    hp = {"units": nn.Size(3, 4), "times": nn.Size(2, 3)}
    member = dl.fit(network, hp, data, key=0, epochs=1, progress=False)
    outputs = member.predict(data.moments.normalize(raw))
    return Served(member, data.moments, raw, outputs)


@functools.cache
def named() -> Served:
    """Returns a model of a table and of tokens, whose inputs are a dict."""
    raw = {
        "table": _draws().normal(3, 2, (60, 3)).astype(np.float32),
        "tokens": _draws().integers(0, 5, (60, 4)).astype(np.int32),
    }
    one = dl.data.from_arrays(raw, raw["table"][:, 0], ids=["tokens"])
    data = dl.data.normalize(dl.data.Splits(one[:30], one[30:45], one[45:]))
    member = dl.fit(of_both, {}, data, key=0, epochs=1, progress=False)
    inputs = raw | {"table": data.moments["table"].normalize(raw["table"])}
    return Served(member, data.moments, raw, member.predict(inputs))


def of_both(hp):
    tokens = nn.serial(nn.embedding(5, 2), nn.flatten)

    def init(key, in_shape):
        params, state, (width,) = tokens.init(key, in_shape["tokens"])
        return params, state, (width + in_shape["table"].shape[0] + 1,)

    def apply(params, state, x, *, key=None, train=False):
        own, state = tokens.apply(params, state, x["tokens"], key=key, train=train)
        ones = jnp.ones((own.shape[0], 1))  # of the batch's shape
        return jnp.concatenate([ones, own, x["table"]], axis=1), state

    model = nn.serial(nn.Layer(init, apply), nn.dense(1))
    return dl.Recipe(model, optim.adam(0.05), nn.squared_error, batch_size=8)


def _linen() -> Served:
    """Returns a member of the sweep of test_foreign.py, whose programs it shares."""
    data = dl.data.load("digits")
    member = sweep(recipe_of("linen"), SPACE, data, members=3, **SHORT).member(2)
    return Served(member, None, data.test.inputs, member.predict(data.test.inputs))


def _bytes() -> Served:
    """Returns a line on bytes of a fold with its own moments, and scaled targets."""
    raw = _draws().integers(0, 200, (60, 3)).astype(np.uint8)
    data = _normalized(raw, (1e3 * raw[:, 0]).astype(np.float32), targets=True)
    space = {"rate": dl.Uniform(0.1, 0.2)}
    found = dl.sweep(
        line, space, data, key=0, members=1, epochs=2, folds=2, progress=False
    )
    return Served(found.member(1), data.moments, raw, found.member(1).predict(raw))


def line(hp):
    optimizer, loss = optim.adam(hp["rate"]), nn.squared_error
    return dl.Recipe(nn.dense(1), optimizer, loss, batch_size=8)


def _both() -> Served:
    """Returns an ensemble of the network, and of itself with other parameters."""
    one, moments, raw, _ = served("network")
    other = replace(one, params=jax.tree.map(lambda x: 2 * x, one.params))
    weights, numbers = np.array([0.75, 0.25]), np.arange(2)
    ensemble = dl.sweeps.Ensemble((one, other), weights, numbers)
    return Served(ensemble, moments, raw, ensemble.predict(moments.normalize(raw)))


def _draws() -> np.random.Generator:
    return np.random.default_rng(0)


def _normalized(raw, labels, **settings):
    one = dl.data.from_arrays(raw, labels)
    return dl.data.normalize(dl.data.Splits(one[:30], one[30:45], one[45:]), **settings)


def assert_close(outputs, expected):
    """Checks that outputs are those of `predict`, up to 1e-5 of the largest."""
    assert outputs.dtype == expected.dtype
    most = 1e-5 * max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(outputs, expected, rtol=0, atol=most)
