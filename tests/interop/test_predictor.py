"""Trained models as pure functions of raw inputs, against `predict`."""

from types import SimpleNamespace

import jax
import numpy as np
import pytest

from jaxdl import nn
from jaxdl.interop.predictor import _mean, inputs_of, predictor
from jaxdl.sweeps import Ensemble
from tests.interop.served import ALL, assert_close, named, served


@pytest.mark.parametrize("name", ALL)
def test_raw_inputs_give_the_predictions(name):
    model, moments, raw, expected = served(name)
    predict = jax.jit(predictor(model, moments))
    assert_close(np.asarray(predict(raw)), expected)
    assert inputs_of(model, len(raw)) == jax.ShapeDtypeStruct(raw.shape, raw.dtype)


@pytest.mark.heavy
def test_sizes_and_repeated_layers_leave_no_mask_and_no_loop():
    model, moments, raw, _ = served("network")
    text = str(jax.make_jaxpr(predictor(model, moments))(raw))
    assert "dot_general" in text and "scan" not in text and "iota" not in text


def test_ids_of_a_dict_are_not_scaled():
    model, moments, raw, expected = named()
    assert_close(np.asarray(predictor(model, moments)(raw)), expected)


@pytest.mark.parametrize(
    "loss", [nn.softmax_cross_entropy, nn.sigmoid_cross_entropy, nn.squared_error]
)
def test_an_ensemble_averages_as_it_does_when_it_predicts(loss):
    """Also for members so sure that float32 has no such small probability."""
    z = np.random.default_rng(0).normal(scale=3, size=(2, 5, 3)).astype(np.float32)
    z[:, 0, 0] = 200.0
    weights = np.array([0.25, 0.75])
    members = tuple(
        SimpleNamespace(loss=loss, predict=lambda _, one=one: one) for one in z
    )
    expected = Ensemble(members, weights, np.arange(2)).predict(None)
    found = _mean(loss)(z, weights.astype(np.float32).reshape(2, 1, 1))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
