"""Runs that are interrupted, resumed and extended, to the same bits."""

import errno
import os
import sqlite3

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import runs
from jaxdl.engine import pace
from jaxdl.engine.population import Population
from jaxdl.keys import is_key
from jaxdl.spaces import SpaceError
from jaxdl.sweeps import read_result
from jaxdl.train import Status
from tests.sweeps.kept import (
    SPACE,
    assert_same_member,
    assert_same_result,
    cut_after,
    noisy,
    small,
    sweep,
    trained_blocks,
)


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({}, marks=pytest.mark.heavy, id="random"),
        pytest.param({"search": dl.halving(2)}, marks=pytest.mark.heavy, id="halving"),
        pytest.param({"search": dl.pbt(1), "epochs": 3}, id="pbt"),
        pytest.param({"patience": 1}, marks=pytest.mark.heavy, id="patience"),
        pytest.param(
            {"repeats": 2, "members": 5}, marks=pytest.mark.heavy, id="repeats"
        ),
    ],
)
def test_a_run_that_is_cut_after_each_record_ends_with_the_same_bits(
    settings, recipe, space, digits, tmp_path, monkeypatch, on_devices
):
    """With everything random or stateful that a recipe has."""
    settings = {"members": 10, "plan": dl.Plan(8)} | settings
    whole = sweep(recipe, space, digits, **settings)
    monkeypatch.setattr(pace, "KEEP_SECONDS", 0.0)  # every epoch is put on record
    on_devices(0)
    again, cuts = None, 0
    while again is None:
        with cut_after(1):
            again = sweep(recipe, space, digits, run_dir=tmp_path, **settings)
        cuts += again is None
    assert cuts > 4
    assert_same_result(whole, again)


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({}, marks=pytest.mark.heavy, id="random"),
        pytest.param({"patience": 1}, id="patience"),
        pytest.param({"search": dl.pbt(1)}, marks=pytest.mark.heavy, id="pbt"),
    ],
)
def test_a_none_among_parameters_and_a_key_in_a_state_stay_what_they_are(
    settings, digits, tmp_path, monkeypatch
):
    whole = sweep(noisy, SPACE, digits, **settings)
    monkeypatch.setattr(pace, "KEEP_SECONDS", 0.0)  # every epoch is put on record
    with cut_after(3):
        sweep(noisy, SPACE, digits, run_dir=tmp_path, **settings)
    again = sweep(noisy, SPACE, digits, run_dir=tmp_path, **settings)
    assert_same_result(whole, again)
    member = dl.load_member(tmp_path, noisy, 3)
    assert member.params["bias"] is None and is_key(member.state["key"])
    assert_same_member(member, whole.member(3))
    inputs = digits.test.inputs[:3]
    np.testing.assert_array_equal(
        member.predict(inputs), again.member(3).predict(inputs)
    )


def test_a_finished_run_is_returned_and_trains_nothing(finished, digits):
    folder, first = finished
    assert runs.is_finished(folder)
    with trained_blocks() as blocks:
        again = sweep(small, SPACE, digits, run_dir=folder, members=4)
    assert not blocks
    assert_same_result(first, again)


def test_members_and_epochs_are_added_to_a_finished_run(digits, result, tmp_path):
    few, wrong = {"members": 3, "run_dir": tmp_path}, {"members": 8}
    sweep(small, SPACE, digits, epochs=2, **few)
    with trained_blocks() as blocks:
        more = sweep(small, SPACE, digits, run_dir=tmp_path, extend=True)
    assert_same_result(result, more)
    old = [b for b in blocks if 0 in b.members]
    assert min(b.first for b in old[:1]) == 2  # what was trained is not trained again
    with trained_blocks() as blocks:
        assert_same_result(more, sweep(small, SPACE, digits, run_dir=tmp_path))
    assert not blocks
    with pytest.raises(runs.RunMismatchError, match="members"):
        sweep(small, SPACE, digits, extend=True, **few)
    with pytest.raises(runs.RunMismatchError, match="members"):
        sweep(small, SPACE, digits, run_dir=tmp_path, **wrong)


def no_file(*_):
    raise OSError(errno.EROFS, os.strerror(errno.EROFS))


def no_row(*_):
    error = sqlite3.OperationalError("attempt to write a readonly database")
    error.sqlite_errorcode = sqlite3.SQLITE_READONLY
    raise error


@pytest.mark.parametrize(
    "refusal",
    [(runs.array_files, "write", no_file), (runs.records, "insert", no_row)],
    ids=["arrays", "rows"],
)
def test_a_sweep_on_a_disk_that_takes_nothing_resumes_when_it_does(
    refusal, digits, result, tmp_path, monkeypatch
):
    monkeypatch.setattr(pace, "KEEP_SECONDS", 0.0)
    with cut_after(4):
        sweep(small, SPACE, digits, run_dir=tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(*refusal)
        for _ in range(2):
            with pytest.raises(OSError, match=f"{tmp_path}.*(Read-only|readonly)"):
                sweep(small, SPACE, digits, run_dir=tmp_path)
    before = read_result(tmp_path, small)
    assert np.isfinite(before.metrics["dev_loss"]).sum() >= 4
    assert_same_result(result, sweep(small, SPACE, digits, run_dir=tmp_path))
    assert not runs.doctor(tmp_path).problems


def test_superseded_arrays_leave_the_disk(digits, tmp_path, monkeypatch):
    monkeypatch.setattr(pace, "KEEP_SECONDS", 0.0)
    seen, commit = [], Population.commit

    def counted(self, trained, stop):
        committed = commit(self, trained, stop)
        self.store.flush()
        seen.append(len(list((tmp_path / "checkpoints").iterdir())))
        return committed

    monkeypatch.setattr(Population, "commit", counted)
    result = sweep(small, SPACE, digits, run_dir=tmp_path, members=2, epochs=8)
    assert len(seen) == 8 and max(seen) == 3  # the new one, before it, and one to drop
    assert sum(block is not None for block in result.blocks) == 1


def test_hyperparameters_that_are_not_finite_are_recorded(digits, tmp_path):
    rates = np.array([0.01, np.nan, np.inf])
    settings = {"members": 3, "epochs": 1, "run_dir": tmp_path}
    first = sweep(small, {"rate": rates}, digits, **settings)
    diverged = Status.DIVERGED
    assert first.status.tolist() == [Status.FINISHED, diverged, diverged]
    assert_same_result(first, sweep(small, {"rate": rates}, digits, **settings))
    read = read_result(tmp_path, small)
    np.testing.assert_array_equal(read.hparams["rate"], np.float32(rates))
    with pytest.raises(runs.RunMismatchError, match="rate: got"):
        other = {"rate": np.array([0.01, np.inf, np.inf])}
        sweep(small, other, digits, **settings)


@pytest.mark.usefixtures("nothing_compiles")
def test_static_values_that_are_not_finite_are_refused(digits, tmp_path):
    given = SPACE | {"share": dl.Static([0.1, np.inf])}
    with pytest.raises(SpaceError, match="share=inf; expected finite ones in a run"):
        sweep(small, given, digits, run_dir=tmp_path)


def test_numpy_counts_and_a_seed_resume_the_run_of_plain_ones(finished, digits):
    folder, first = finished
    counts = {"members": np.int64(4), "epochs": np.int32(4), "key": np.int64(0)}
    with trained_blocks() as blocks:
        again = sweep(small, SPACE, digits, run_dir=folder, **counts)
    assert not blocks
    assert_same_result(first, again)
    assert jax.random.key_data(again.task.key).tolist() == [0, 0]
