"""Members as safetensors and JSON, read back by other programs' means."""

import dataclasses
import json
import struct

import jax
import numpy as np
import pytest

from jaxdl.data import About
from jaxdl.interop import export

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


def test_classes_and_features_keep_their_names(small_sweep, tmp_path):
    about = About(classes=("no", "yes"), features=("age", "größe"))
    _, path = export(small_sweep.member(0), tmp_path / "named", about=about)
    read = json.loads(path.read_text())
    assert (read["classes"], read["features"]) == (["no", "yes"], ["age", "größe"])
    _, path = export(small_sweep.member(0), tmp_path / "plain")
    read = json.loads(path.read_text())
    assert read["classes"] is read["features"] is None
