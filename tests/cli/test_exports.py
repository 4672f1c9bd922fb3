"""`jaxdl export` on the folder of a run."""

import csv
import json
import shutil
from pathlib import Path

import jax
import jax.export
import numpy as np
import pytest

from tests.interop.served import assert_close
from tests.small import EXPERIMENT


def test_a_member_is_exported(main, small_sweep, run_dir, small_file, tmp_path):
    pytest.importorskip("safetensors")
    copy = shutil.copytree(run_dir, tmp_path / "copy")
    status, printed, _ = main("export", copy, small_file, "--member", "3")
    weights, about = map(Path, printed.split())
    assert status == 0 and weights == copy / "member_3.safetensors"
    told = json.loads(about.read_text())
    assert told["metrics"]["dev_error"] == small_sweep.metrics["dev_error"][3].tolist()
    status, printed, _ = main("export", copy, small_file, "--out", tmp_path / "best")
    assert (tmp_path / "best.json").exists() and len(printed.split()) == 2


def test_all_members_are_exported_as_a_table(
    main, small_sweep, run_dir, small_file, tmp_path, monkeypatch
):
    path = tmp_path / "members.csv"
    monkeypatch.chdir(tmp_path)
    status, printed, _ = main("export", run_dir, small_file, "--table", path.name)
    assert status == 0 and printed == f"{path}\n"  # absolute, as those of a member
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    errors = [float(row["dev_error"]) for row in rows]
    np.testing.assert_array_equal(errors, small_sweep.final()["dev_error"])


@pytest.mark.parametrize("other", [("--member", "1"), ("--out", "x"), ("--onnx", "x")])
def test_a_table_is_of_all_members(main, run_dir, small_file, other):
    status, _, error = main("export", run_dir, small_file, "--table", "a.csv", *other)
    assert status == 2 and "expected --table alone" in error


def test_other_data_are_refused(main, write, small_sweep, run_dir):
    file = write(f"{EXPERIMENT}\ndata = data._replace(dev=data.dev[1:])\n")
    status, _, error = main("export", run_dir, file, "--member", "0")
    assert status == 2 and "got a file whose data are not the run's" in error


def test_a_member_that_the_run_does_not_have_is_refused(
    main, small_sweep, run_dir, small_file
):
    status, _, error = main("export", run_dir, small_file, "--member", "32")
    assert status == 2 and "got member 32; expected a number from 0 to 31" in error


def test_a_member_is_exported_as_programs(
    main, small_sweep, run_dir, small_file, digits, tmp_path
):
    pytest.importorskip("flatbuffers")
    path = tmp_path / "best.stablehlo"
    given = ("export", run_dir, small_file, "--stablehlo", path)
    status, printed, _ = main(*given)
    assert status == 0 and printed == f"{path}\n"
    program = jax.export.deserialize(bytearray(path.read_bytes()))
    expected = small_sweep.best().predict(digits.test.inputs)
    raw = digits.test.inputs * digits.moments.scale + digits.moments.mean
    outputs = program.call(raw.astype(np.float32))
    assert_close(np.asarray(outputs), expected)


def test_a_program_replaces_nothing_of_the_run(main, linear, tmp_path):
    for option in ("--onnx", "--stablehlo"):
        status, _, error = main("export", tmp_path, linear, option, linear)
        assert status == 2 and "which is the experiment file" in error
