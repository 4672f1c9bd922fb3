"""Members as safetensors and JSON, read back by other programs' means."""

import json
import struct

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl.interop import export

safetensors = pytest.importorskip("safetensors.numpy")


@pytest.fixture(scope="module")
def result(recipe, space, digits):
    settings = {"key": jax.random.key(0), "members": 3, "epochs": 2}
    return dl.sweep(recipe, space, digits, progress=False, **settings)


def test_weights_and_what_is_needed_to_use_them(result, digits, tmp_path):
    member = result.member(1)
    weights, about = export(member, tmp_path / "one", digits.moments)
    arrays = safetensors.load_file(weights)
    np.testing.assert_array_equal(
        arrays["params.0.kernel"], member.params[0]["kernel"], strict=True
    )
    assert len(arrays) == len(jax.tree.leaves((member.params, member.state)))
    said = json.loads(about.read_text())
    assert said["hyperparameters"]["l2"] == float(result.hparams.l2[1])
    assert said["metrics"]["dev_loss"] == member.metrics["dev_loss"].tolist()
    assert said["normalization"]["mean"] == digits.moments.mean.tolist()
    assert said["status"] == "finished" and said["kept_epoch"] == 1


def test_the_format_is_the_public_one(result, tmp_path):
    """Eight bytes of the header's length, JSON, then the arrays."""
    weights, _ = export(result.member(0), tmp_path / "one")
    content = weights.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    entry = json.loads(content[8 : 8 + length])["params.0.kernel"]
    assert entry["dtype"] == "F32" and entry["shape"] == [64, 32]
    first, last = entry["data_offsets"]
    kernel = np.frombuffer(content[8 + length + first : 8 + length + last], "<f4")
    expected = np.ravel(result.member(0).params[0]["kernel"])
    np.testing.assert_array_equal(kernel, expected)


def test_what_is_not_finite_is_null(result, tmp_path):
    member = result.member(2)
    member.metrics["dev_loss"][1] = np.nan
    _, about = export(member, tmp_path / "nan")
    said = json.loads(about.read_text())
    assert said["metrics"]["dev_loss"][1] is None and said["normalization"] is None
