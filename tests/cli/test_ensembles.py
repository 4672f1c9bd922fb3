"""`jaxdl ensemble` on the folder of a run."""

import json

import pytest

import jaxdl as dl


def test_an_ensemble_is_shown_beside_the_best_and_exported(
    main, small_sweep, run_dir, small_file, digits, tmp_path
):
    pytest.importorskip("safetensors")
    out = tmp_path / "both"
    status, printed, _ = main(
        "ensemble", run_dir, small_file, "--size", "4", "--export", out
    )
    found = small_sweep.ensemble(digits.dev, size=4)
    lines = printed.splitlines()
    assert status == 0 and lines[0].split()[:3] == ["model", "dev_loss", "dev_error"]
    values = [float(word) for word in lines[3].split()[1:]]
    parts = (found.evaluate(digits.dev), found.evaluate(digits.test))
    expected = [value for part in parts for value in part.values()]
    assert values == pytest.approx(expected, rel=1e-2)
    members = [line.split()[0] for line in lines[7:-3]]
    assert members == [str(number) for number in found.numbers]
    assert lines[-3].startswith("chosen by the dev loss; another metric")
    assert lines[-2:] == [f"{out}.safetensors", f"{out}.json"]
    told = json.loads((tmp_path / "both.json").read_text())
    assert told["weights"] == found.weights.tolist()
    assert told["numbers"] == found.numbers.tolist()


def test_a_run_with_folds_has_no_ensemble(main, linear, tmp_path):
    run = tmp_path / "run"
    # The programs of the sweep of test_summary.py.
    given = (linear, "--members", "1", "--epochs", "1", "--repeats", "2")
    assert main("sweep", *given, "--folds", "2", "--out", run)[0] == 0
    status, _, error = main("ensemble", run, linear)
    assert status == 2 and "got a run with folds" in error


def test_a_run_without_a_best_has_no_ensemble(
    main, monkeypatch, small_sweep, run_dir, small_file
):
    monkeypatch.setattr(dl.SweepResult, "has_best", lambda result: False)
    status, _, error = main("ensemble", run_dir, small_file)
    assert status == 1 and "no member of the run has a finite dev error" in error


def test_an_export_replaces_nothing_of_the_run(main, linear, tmp_path):
    export = tmp_path / "checkpoints" / "x"
    status, _, error = main("ensemble", tmp_path, linear, "--export", export)
    assert status == 2 and f"got {export}.safetensors, where the run in" in error
