"""Runs of another sweep, machine, program or process, which are refused."""

import importlib.metadata
import os

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import runs
from jaxdl.engine import checkpoints
from jaxdl.sweeps import read_result
from tests.sweeps.kept import SPACE, same, small, sweep
from jaxdl.train import Status


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


def test_a_second_process_is_refused_with_the_first_ones_name(
    recipe, space, digits, tmp_path
):
    sweep(recipe, space, digits, run_dir=tmp_path, members=2, epochs=1)
    with runs.read_run(tmp_path) as store:
        said = store.specification
    with runs.open_run(tmp_path, said):
        with pytest.raises(runs.RunOwnedError, match=str(os.getpid())):
            sweep(recipe, space, digits, run_dir=tmp_path, members=2, epochs=1)
        assert read_result(tmp_path, recipe).member(0).status == Status.FINISHED


def test_a_record_with_other_metrics_than_a_sweep_s_is_refused(
    digits, tmp_path, monkeypatch
):
    sweep(small, SPACE, digits, run_dir=tmp_path, members=2, epochs=1)
    monkeypatch.setattr(checkpoints, "METRICS", checkpoints.METRICS - {"dev_loss"})
    with pytest.raises(runs.DamagedError, match="none that a block of this sweep"):
        read_result(tmp_path, small)
