"""Runs that are cut short, gone on with and extended, to the same bits."""

import errno
import os
import sqlite3
import sys

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import runs
from jaxdl.engine import engine
from jaxdl.engine.checkpoints import Keeper
from jaxdl.spaces import SpaceError
from jaxdl.sweeps import read_result
from tests.sweeps.kept import SPACE, cut_after, same, small, sweep, trained_blocks


@pytest.mark.parametrize(
    "settings",
    [{}, {"search": dl.halving(2)}, {"search": dl.pbt(1)}, {"patience": 1},
     {"repeats": 2, "members": 3}],
    ids=["random", "halving", "pbt", "patience", "repeats"],
)  # fmt: skip
def test_a_run_that_is_cut_after_each_record_goes_on_to_the_same_bits(
    settings, recipe, space, digits, tmp_path, monkeypatch
):
    settings = {"members": 4} | settings
    whole = sweep(recipe, space, digits, **settings)
    monkeypatch.setattr(engine, "KEEP_SECONDS", 0.0)  # every epoch is put on record
    module = sys.modules["jaxdl.sweeps.sweep"]
    monkeypatch.setattr(module, "worker_devices", lambda: jax.devices()[:1])
    again, cuts = None, 0
    while again is None:
        with cut_after(1):
            again = sweep(recipe, space, digits, run_dir=tmp_path, **settings)
        cuts += again is None
    assert cuts > 4
    same(whole, again)


def test_a_finished_run_is_returned_and_trains_nothing(recipe, space, digits, tmp_path):
    first = sweep(recipe, space, digits, run_dir=tmp_path)
    with trained_blocks() as blocks:
        again = sweep(recipe, space, digits, run_dir=tmp_path)
    assert not blocks
    same(first, again)
    read = read_result(tmp_path, recipe)
    same(first, read)
    member = dl.load_member(tmp_path, recipe, 3)
    assert member.evaluate(digits.test) == first.member(3).evaluate(digits.test)
    assert float(member.hparams.learning_rate) == first.hparams.learning_rate[3]


def test_members_and_epochs_are_added_to_a_finished_run(
    recipe, space, digits, tmp_path
):
    sweep(recipe, space, digits, run_dir=tmp_path, members=3, epochs=2)
    with trained_blocks() as blocks:
        more = sweep(recipe, space, digits, run_dir=tmp_path, extend=True)
    same(sweep(recipe, space, digits), more)
    old = [b for b in blocks if 0 in b.members]
    assert min(b.first for b in old[:1]) == 2  # what was trained is not trained again
    with trained_blocks() as blocks:
        same(more, sweep(recipe, space, digits, run_dir=tmp_path))
    assert not blocks
    with pytest.raises(runs.RunMismatchError, match="members"):
        sweep(recipe, space, digits, run_dir=tmp_path, members=3, extend=True)
    with pytest.raises(runs.RunMismatchError, match="members"):
        sweep(recipe, space, digits, run_dir=tmp_path, members=8)


@pytest.mark.parametrize("workers", [[0], [0, 0, 0], [1, 0]], ids=str)
def test_a_run_goes_on_with_another_number_of_devices_and_blocks(
    workers, recipe, space, digits, tmp_path, monkeypatch
):
    module = sys.modules["jaxdl.sweeps.sweep"]
    monkeypatch.setattr(module, "worker_devices", lambda: jax.devices()[:1] * 2)
    whole = sweep(recipe, space, digits)
    with cut_after(1):
        sweep(recipe, space, digits, run_dir=tmp_path)
    devices = [jax.devices()[i] for i in workers]
    monkeypatch.setattr(module, "worker_devices", lambda: devices)
    same(whole, sweep(recipe, space, digits, run_dir=tmp_path))


def no_space(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def no_page(*_):
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    raise error


@pytest.mark.parametrize(
    "full",
    [(runs.arrays, "write", no_space), (runs.records, "insert", no_page)],
    ids=["arrays", "rows"],
)
def test_a_sweep_that_fills_the_disk_says_so_and_goes_on_when_it_is_freed(
    full, digits, tmp_path, monkeypatch
):
    monkeypatch.setattr(engine, "KEEP_SECONDS", 0.0)
    whole = sweep(small, SPACE, digits)
    with cut_after(4):
        sweep(small, SPACE, digits, run_dir=tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(*full)
        for _ in range(2):
            with pytest.raises(OSError, match=f"{tmp_path}.*(No space|is full)"):
                sweep(small, SPACE, digits, run_dir=tmp_path)
    before = read_result(tmp_path, small)
    assert np.isfinite(before.metrics["dev_loss"]).sum() >= 4
    same(whole, sweep(small, SPACE, digits, run_dir=tmp_path))
    assert not runs.examine(tmp_path).problems


def test_what_is_superseded_leaves_the_disk(
    recipe, space, digits, tmp_path, monkeypatch
):
    monkeypatch.setattr(engine, "KEEP_SECONDS", 0.0)
    seen, keep = [], Keeper.keep

    def counted(self, number, trained):
        kept = keep(self, number, trained)
        seen.append(len(list((tmp_path / "checkpoints").iterdir())))
        return kept

    monkeypatch.setattr(Keeper, "keep", counted)
    result = sweep(recipe, space, digits, run_dir=tmp_path, members=2, epochs=8)
    assert len(seen) == 8 and max(seen) == 3  # the new one, before it, and one to go
    assert sum(block is not None for block in result.blocks) == 1


def test_hyperparameters_that_are_not_finite_are_kept(recipe, space, digits, tmp_path):
    rates = np.array([0.01, np.nan, np.inf])
    given = space._replace(learning_rate=rates)
    settings = {"members": 3, "epochs": 1, "run_dir": tmp_path}
    first = sweep(recipe, given, digits, **settings)
    assert first.status.tolist() == ["finished", "diverged", "diverged"]
    same(first, sweep(recipe, given, digits, **settings))
    np.testing.assert_array_equal(
        read_result(tmp_path, recipe).hparams.learning_rate, np.float32(rates)
    )
    with pytest.raises(runs.RunMismatchError, match="space"):
        other = space._replace(learning_rate=np.array([0.01, np.inf, np.inf]))
        sweep(recipe, other, digits, **settings)
    with pytest.raises(SpaceError, match="expected finite ones, to be kept"):
        sweep(recipe, space._replace(l2=dl.Static([0.1, np.inf])), digits, **settings)
