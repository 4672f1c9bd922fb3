"""Runs of another sweep, machine, program or process, which are refused."""

import importlib.metadata
import os

import jax
import pytest

import jaxdl as dl
from jaxdl import nn, runs
from jaxdl.engine import kind
from jaxdl.engine.task import Task
from jaxdl.sweeps import read_result
from jaxdl.train import Status
from jaxdl.train.score import CURVES
from jaxdl.train.settings import SettingsError
from tests.sweeps.kept import SPACE, assert_same_result, small, sweep

ONE = {"members": 1, "epochs": 2}


@pytest.fixture(scope="module")
def recorded(digits, tmp_path_factory):
    """The folder of a run of one member; not to be changed."""
    folder = tmp_path_factory.mktemp("runs") / "recorded"
    sweep(small, SPACE, digits, run_dir=folder, **ONE)
    return folder


def wider(hp):
    return small(hp)._replace(model=nn.serial(nn.dense(3), nn.dense(10)))


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"key": jax.random.key(1)}, "seed: got 1, recorded"),
        ({"key": 1}, "seed: got 1, recorded"),
        ({"epochs": 3}, "epochs"),
        ({"plan": dl.Plan(4)}, "plan"),
        ({"patience": 1}, "patience"),
        ({"repeats": 2}, "repeats"),
        ({"folds": 2}, "folds"),
        ({"search": dl.sobol()}, "search"),
    ],
    ids=lambda part: str(part)[:30],
)
@pytest.mark.usefixtures("nothing_compiles")
def test_another_sweep_is_refused_and_the_difference_named(
    changes, name, recorded, digits
):
    before = {p: p.read_bytes() for p in recorded.rglob("*.bin")}
    with pytest.raises(runs.RunMismatchError, match=name):
        sweep(small, SPACE, digits, run_dir=recorded, **ONE | changes)
    assert before == {p: p.read_bytes() for p in recorded.rglob("*.bin")}


@pytest.mark.usefixtures("nothing_compiles")
def test_other_data_spaces_and_recipes_are_refused_and_named(recorded, digits):
    settings = {"run_dir": recorded, **ONE}
    fewer = digits._replace(train=digits.train[:500])
    with pytest.raises(runs.RunMismatchError, match="data"):
        sweep(small, SPACE, fewer, **settings)
    with pytest.raises(runs.RunMismatchError, match="rate: got LogUniform"):
        sweep(small, {"rate": dl.LogUniform(1e-3, 1.0)}, digits, **settings)
    with pytest.raises(runs.RunMismatchError, match="programs"):
        sweep(wider, SPACE, digits, **settings)
    with pytest.raises(runs.RunMismatchError, match="not the run's"):
        dl.load_member(recorded, wider, 0)


def test_a_search_that_ends_before_the_recorded_one_is_refused(digits, tmp_path):
    def halving(rungs):
        def search(*arguments):
            requests, standing = dl.halving(2)(*arguments), None
            for _ in range(rungs):
                standing = yield requests.send(standing)

        search.__qualname__ = "halving"
        return search

    settings = {"members": 4, "run_dir": tmp_path}
    first = sweep(small, SPACE, digits, search=dl.halving(2), **settings)
    with pytest.raises(runs.RunMismatchError, match="after 2 rungs, .* has 3"):
        sweep(small, SPACE, digits, search=halving(2), **settings)
    again = sweep(small, SPACE, digits, search=halving(3), **settings)
    assert_same_result(first, again)


def other_processor(patch):
    patch.setattr(kind, "instruction_set", lambda: ["abacus"])


def other_version(patch):
    version = importlib.metadata.version
    patch.setattr(importlib.metadata, "version", lambda name: version(name) + ".1")


def other_flags(patch):
    patch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=true")


def other_threads(patch):
    threads = kind.threads() + 1
    patch.setattr(kind, "threads", lambda: threads)


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (other_threads, "threads of the CPU: got .*set PJRT_NPROC=[0-9]+ before"),
        (other_processor, "device: .*abacus"),
        (other_version, "versions: .*jaxdl"),
        (other_flags, "flags: .*fast_math"),
    ],
)
def test_another_machine_or_program_is_refused_and_named(
    other, named, recorded, digits, monkeypatch
):
    other(monkeypatch)
    with pytest.raises(runs.RunMismatchError, match=named):
        sweep(small, SPACE, digits, run_dir=recorded, **ONE)


def test_other_random_numbers_are_refused_and_named(recorded, digits):
    with jax.threefry_partitionable(False):
        with pytest.raises(SettingsError, match="jax_threefry_partitionable=False"):
            sweep(small, SPACE, digits, run_dir=recorded, **ONE)


def test_fewer_optimizations_are_refused_and_named(recorded, digits):
    """They give other bits, with the same programs."""
    jax.config.update("jax_disable_most_optimizations", True)
    try:
        with pytest.raises(runs.RunMismatchError, match="flags: .*most_optimizations"):
            sweep(small, SPACE, digits, run_dir=recorded, **ONE)
    finally:
        jax.config.update("jax_disable_most_optimizations", False)


def test_a_flag_that_changes_no_bit_is_not_recorded(recorded, digits, monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_force_host_platform_device_count=3")
    sweep(small, SPACE, digits, run_dir=recorded, **ONE)


def test_a_second_process_is_refused_with_the_first_ones_name(recorded, digits):
    with runs.read_run(recorded) as store:
        specification = store.specification
    with runs.open_run(recorded, specification):
        with pytest.raises(runs.RunOwnedError, match=str(os.getpid())):
            sweep(small, SPACE, digits, run_dir=recorded, **ONE)
        assert read_result(recorded, small).member(0).status == Status.FINISHED


def test_a_record_with_other_metrics_than_a_sweeps_is_refused(recorded, monkeypatch):
    fewer = tuple(name for name in CURVES if name != "dev_loss")
    monkeypatch.setattr(Task, "curves", fewer)
    with pytest.raises(runs.DamagedError, match="one that a block of this sweep"):
        read_result(recorded, small)
