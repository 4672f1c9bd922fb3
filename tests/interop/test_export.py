"""Members as safetensors and JSON, read back by other programs' means."""

import dataclasses
import json
import struct

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, optim
from jaxdl.data import About
from jaxdl.interop import export
from tests.sweeps.kept import noisy

safetensors = pytest.importorskip("safetensors.numpy")


def test_weights_and_what_is_needed_to_use_them(small_sweep, digits, tmp_path):
    member = small_sweep.member(1)
    weights, about = export(member, tmp_path / "one", digits.moments)
    arrays = safetensors.load_file(weights)
    np.testing.assert_array_equal(
        arrays["params.0.kernel"], member.params[0]["kernel"], strict=True
    )
    assert len(arrays) == len(jax.tree.leaves((member.params, member.state)))
    read = json.loads(about.read_text())
    assert read["hyperparameters"]["beta"] == float(small_sweep.hparams.beta[1])
    assert read["metrics"]["dev_loss"] == member.metrics["dev_loss"].tolist()
    assert read["normalization"]["mean"] == digits.moments.mean.tolist()
    assert read["status"] == "finished" and read["kept_epoch"] == 2


def test_the_format_is_the_public_one(small_sweep, tmp_path):
    """Eight bytes of the header's length, JSON, then the arrays."""
    weights, _ = export(small_sweep.member(0), tmp_path / "one")
    content = weights.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    entry = json.loads(content[8 : 8 + length])["params.0.kernel"]
    assert entry["dtype"] == "F32" and entry["shape"] == [64, 12]
    first, last = entry["data_offsets"]
    kernel = np.frombuffer(content[8 + length + first : 8 + length + last], "<f4")
    expected = np.ravel(small_sweep.member(0).params[0]["kernel"])
    np.testing.assert_array_equal(kernel, expected)


def test_what_is_not_finite_is_null(small_sweep, tmp_path):
    member = small_sweep.member(2)
    metrics = member.metrics | {"dev_loss": np.array([2.0, np.nan, 1.0])}
    lost = dataclasses.replace(member, metrics=metrics)
    _, about = export(lost, tmp_path / "nan")
    read = json.loads(about.read_text())
    assert read["metrics"]["dev_loss"][1] is None and read["normalization"] is None


def test_classes_and_features_keep_their_names(small_sweep, digits, tmp_path):
    member = small_sweep.member(0)
    assert member.about == digits.train.about
    named = dataclasses.replace(member, about=About(("ash", "oak"), ("leaf", "bark")))
    for given, classes, features in (
        (named, ["ash", "oak"], ["leaf", "bark"]),
        (dataclasses.replace(member, about=About()), None, None),
    ):
        _, about = export(given, tmp_path / "one")
        read = json.loads(about.read_text())
        assert (read["classes"], read["features"]) == (classes, features)


def line(hp):
    optimizer, loss = optim.adam(hp["rate"]), nn.squared_error
    return dl.Recipe(nn.dense(1), optimizer, loss, batch_size=8)


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
@pytest.mark.parametrize("folds", [None, 2])
def test_raw_inputs_and_the_files_give_the_predictions(kind, folds, tmp_path):
    """Also of bytes, of a fold with a normalization of its own, of scaled targets."""
    rng = np.random.default_rng(0)
    raw = rng.integers(0, 200, (60, 3)).astype(kind)
    one = dl.data.from_arrays(raw, (1e5 + 1e3 * raw[:, 0]).astype(np.float32))
    data = dl.data.normalize(
        dl.data.Splits(one[:30], one[30:45], one[45:]), targets=True
    )
    member = dl.sweep(line, {"rate": dl.Uniform(0.1, 0.2)}, data, key=0, members=1,
                      epochs=2, folds=folds, progress=False).member(0)  # fmt: skip
    weights, about = export(member, tmp_path / "one", data.moments)
    arrays, read = safetensors.load_file(weights), json.loads(about.read_text())
    inputs, targets = (
        {name: np.array(x) for name, x in read[part].items()}
        for part in ("normalization", "targets")
    )
    x = (raw - inputs["mean"]) / inputs["scale"]
    outputs = x @ arrays["params.kernel"] + arrays["params.bias"]
    outputs = outputs * targets["scale"] + targets["mean"]
    stored = np.concatenate([d.inputs for d in data.sets.values()])
    np.testing.assert_allclose(member.predict(stored), outputs, rtol=1e-5)


def test_keys_are_written_as_numbers_and_none_is_not_written(digits, tmp_path):
    member = dl.fit(noisy, {"rate": 0.1}, digits, key=0, epochs=1, progress=False)
    arrays = safetensors.load_file(export(member, tmp_path / "noisy")[0])
    dense = ["params.dense.bias", "params.dense.kernel"]
    assert sorted(arrays) == [*dense, "state.key"]
    key = jax.random.key_data(member.state["key"])
    np.testing.assert_array_equal(arrays["state.key"], key, strict=True)
