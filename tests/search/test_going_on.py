"""Runs that are cut short, gone on with and extended, to the same bits."""

import errno
import importlib.metadata
import os
import sqlite3
import sys

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import runs
from jaxdl.search import SpaceError, engine, read_result
from jaxdl.search.keep import Keeper
from tests.search.kept import SPACE, cut_after, same, small, sweep, trained_blocks


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
    module = sys.modules["jaxdl.search.sweep"]
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


def test_another_sweep_is_refused_and_the_difference_named(
    recipe, make_recipe, space, digits, tmp_path
):
    sweep(recipe, space, digits, run_dir=tmp_path, members=2, epochs=1)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*.bin")}
    for changes, name in (
        ({"key": jax.random.key(1)}, "key"),
        ({"epochs": 2}, "epochs"),
        ({"plan": dl.Plan(4)}, "plan"),
        ({"patience": 3}, "patience"),
    ):
        with pytest.raises(runs.RunMismatchError, match=name):
            settings = {"members": 2, "epochs": 1, "run_dir": tmp_path} | changes
            sweep(recipe, space, digits, **settings)
    settings = {"members": 2, "epochs": 1, "run_dir": tmp_path}
    fewer = digits._replace(train=jax.tree.map(lambda x: x[:500], digits.train))
    with pytest.raises(runs.RunMismatchError, match="data"):
        sweep(recipe, space, fewer, **settings)
    with pytest.raises(runs.RunMismatchError, match="programs"):
        sweep(make_recipe(batch_size=32), space, digits, **settings)
    with pytest.raises(runs.RunMismatchError, match="not the run's"):
        dl.load_member(tmp_path, make_recipe(batch_size=32), 0)
    assert before == {p: p.read_bytes() for p in tmp_path.rglob("*.bin")}


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


def test_a_search_that_ends_before_the_recorded_one_is_refused(digits, tmp_path):
    def halving(rungs):
        def search(*arguments):
            asking, standing = dl.halving(2)(*arguments), None
            for _ in range(rungs):
                standing = yield asking.send(standing)

        search.__qualname__ = "halving"
        return search

    settings = {"members": 4, "run_dir": tmp_path}
    first = sweep(small, SPACE, digits, search=dl.halving(2), **settings)
    with pytest.raises(runs.RunMismatchError, match="after 2 rungs, .* 3 on record"):
        sweep(small, SPACE, digits, search=halving(2), **settings)
    same(first, sweep(small, SPACE, digits, search=halving(3), **settings))


@pytest.mark.parametrize("settings", [{}, {"search": dl.halving(2), "run_dir": "a"}])
def test_what_cannot_be_extended_is_refused(settings, recipe, space, digits):
    with pytest.raises(ValueError, match="expected the folder of a run"):
        sweep(recipe, space, digits, extend=True, **settings)


@pytest.fixture(scope="module")
def kept_run(digits, tmp_path_factory):
    """A run of one member; not to be changed."""
    folder = tmp_path_factory.mktemp("runs") / "kept"
    sweep(small, SPACE, digits, run_dir=folder, members=1, epochs=1)
    return folder


def other_processor(patch):
    found = {"SIMD Extensions": {"found": ["ABACUS"]}}
    patch.setattr(np, "show_config", lambda mode: found)


def other_version(patch):
    version = importlib.metadata.version
    patch.setattr(importlib.metadata, "version", lambda name: version(name) + ".1")


def other_flags(patch):
    patch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=true")


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (other_processor, "device: .*ABACUS"),
        (other_version, "versions: .*jaxdl"),
        (other_flags, "flags: .*fast_math"),
    ],
)
def test_another_machine_or_program_is_refused_and_named(
    other, named, kept_run, digits, monkeypatch
):
    settings = {"members": 1, "epochs": 1, "run_dir": kept_run}
    other(monkeypatch)
    with pytest.raises(runs.RunMismatchError, match=named):
        sweep(small, SPACE, digits, **settings)


def test_other_random_numbers_are_refused_and_named(kept_run, digits):
    settings = {"members": 1, "epochs": 1, "run_dir": kept_run}
    with jax.threefry_partitionable(False):
        with pytest.raises(runs.RunMismatchError, match="flags: .*partitionable"):
            sweep(small, SPACE, digits, **settings)


def test_a_flag_that_changes_no_bit_is_none(kept_run, digits, monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_force_host_platform_device_count=3")
    sweep(small, SPACE, digits, members=1, epochs=1, run_dir=kept_run)


@pytest.mark.parametrize("workers", [[0], [0, 0, 0], [1, 0]], ids=str)
def test_a_run_goes_on_with_another_number_of_devices_and_blocks(
    workers, recipe, space, digits, tmp_path, monkeypatch
):
    module = sys.modules["jaxdl.search.sweep"]
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


def test_a_second_process_is_refused_with_the_first_ones_name(
    recipe, space, digits, tmp_path
):
    sweep(recipe, space, digits, run_dir=tmp_path, members=2, epochs=1)
    with runs.read_run(tmp_path) as store:
        said = store.specification
    with runs.open_run(tmp_path, said):
        with pytest.raises(runs.RunOwnedError, match=str(os.getpid())):
            sweep(recipe, space, digits, run_dir=tmp_path, members=2, epochs=1)
        assert read_result(tmp_path, recipe).member(0).status == "finished"


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
