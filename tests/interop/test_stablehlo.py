"""Trained models in StableHLO, run by JAX in a process without jaxdl."""

import subprocess
import sys

import jax.export
import numpy as np
import pytest

from jaxdl import interop
from tests.interop.served import LARGE, NAMES, assert_close, named, served

pytest.importorskip("flatbuffers")  # of the extra `stablehlo`

LOADED = """
import pathlib, sys
import jax.export
import numpy as np

for folder in map(pathlib.Path, sys.argv[1:]):
    content = bytearray((folder / "model.stablehlo").read_bytes())
    model = jax.export.deserialize(content)
    assert model.platforms == ("cpu", "cuda", "tpu")
    inputs = np.load(folder / "inputs.npy")
    np.save(folder / "outputs.npy", model.call(inputs))
    np.save(folder / "first.npy", model.call(inputs[:1]))
assert "jaxdl" not in sys.modules
"""


@pytest.mark.parametrize("names", [NAMES, pytest.param(LARGE, marks=pytest.mark.heavy)])
def test_another_process_predicts_from_raw_inputs(names, tmp_path):
    for name in names:
        model, moments, raw, _ = served(name)
        (tmp_path / name).mkdir()
        interop.stablehlo(model, tmp_path / name / "model.stablehlo", moments)
        np.save(tmp_path / name / "inputs.npy", raw)
    folders = [str(tmp_path / name) for name in names]
    subprocess.run([sys.executable, "-c", LOADED, *folders], check=True, cwd=tmp_path)
    for name in names:
        expected = served(name).outputs
        assert_close(np.load(tmp_path / name / "outputs.npy"), expected)
        assert_close(np.load(tmp_path / name / "first.npy"), expected[:1])


def test_a_dict_of_arrays_is_an_input(tmp_path):
    model, moments, raw, expected = named()
    path = interop.stablehlo(model, tmp_path / "model.stablehlo", moments)
    found = jax.export.deserialize(bytearray(path.read_bytes())).call(raw)
    assert_close(np.asarray(found), expected)
