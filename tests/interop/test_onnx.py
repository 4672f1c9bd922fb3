"""Trained models in ONNX, run by onnxruntime."""

import importlib
import logging

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import interop
from jaxdl.train import RecipeError
from tests.interop.served import ALL, assert_close, named, served

# Both are in the extra `onnx`.
onnxruntime = pytest.importorskip("onnxruntime")
jax2onnx = pytest.importorskip("jax2onnx")


@pytest.fixture(scope="module", autouse=True)
def fits():
    """Skips the tests where jax2onnx does not fit the version of JAX."""
    try:
        jax2onnx.to_onnx(jax.jit(jnp.tanh), [("batch", 2)])
    except AttributeError as error:
        pytest.skip(f"jax2onnx does not fit jax {jax.__version__}: {error}")


@pytest.mark.parametrize("name", ALL)
def test_onnxruntime_predicts_from_raw_inputs(name, tmp_path):
    model, moments, raw, expected = served(name)
    path = interop.onnx(model, tmp_path / "model.onnx", moments)
    session = onnxruntime.InferenceSession(path)
    for rows in (raw, raw[:1]):
        (outputs,) = session.run(["outputs"], {"inputs": rows})
        assert_close(outputs, expected[: len(rows)])


def test_each_array_of_a_dict_is_an_input(tmp_path):
    model, moments, raw, expected = named()
    path = interop.onnx(model, tmp_path / "model.onnx", moments)
    session = onnxruntime.InferenceSession(path)
    (outputs,) = session.run(["outputs"], raw)
    assert_close(outputs, expected)


def test_the_process_stays_as_it_was(tmp_path):
    def trace():
        return str(jax.make_jaxpr(lambda x: jax.nn.relu(jnp.dot(x, x)))(np.eye(2)))

    before, level = trace(), logging.getLogger().level
    model, moments, *_ = served("bytes")
    interop.onnx(model, tmp_path / "model.onnx", moments)
    assert trace() == before and logging.getLogger().level == level


def test_what_cannot_be_converted_is_explained(monkeypatch, tmp_path):
    def values(model, moments):
        pairs = jnp.ones((1, 1, 2))
        return lambda x: jnp.linalg.svd(x[:, :2, None] * pairs, compute_uv=False)

    model, moments, *_ = served("bytes")
    module = importlib.import_module("jaxdl.interop.onnx")
    monkeypatch.setattr(module, "predictor", values)
    with pytest.raises(RecipeError, match=r"not convert \(svd .* interop.stablehlo"):
        interop.onnx(model, tmp_path / "model.onnx", moments)


def test_versions_that_do_not_fit_are_named(monkeypatch, tmp_path):
    def fails(*_, **__):
        raise AttributeError("module 'jax._src.core' has no attribute 'X'")

    monkeypatch.setattr(jax2onnx, "to_onnx", fails)
    model, moments, *_ = served("bytes")
    told = f"fails with jax {jax.__version__} .*'X'.* interop.stablehlo"
    with pytest.raises(ImportError, match=told):
        interop.onnx(model, tmp_path / "model.onnx", moments)
