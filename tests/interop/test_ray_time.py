"""The crew of a cluster within a time.

Ray itself is faked; hands train for real, and what they make has the bits of a sweep
without a crew.
"""

import itertools
import threading
import time

import numpy as np
import pytest

import jaxdl as dl
from jaxdl import runs
from jaxdl.engine import pace, probe
from jaxdl.engine.deadline import LATE, Deadline
from jaxdl.interop.ray_crew import RayCrew
from jaxdl.runs import Record
from tests.interop.fake_ray import Ray
from tests.interop.faked_crew import ANY, of_another_kind, pending, trained
from tests.sweeps.kept import SPACE, assert_same_result, parts, small, sweep

pytestmark = pytest.mark.usefixtures("quick")


class Until(Deadline):
    """A deadline that passes when an event is set."""

    def left(self):
        return -2 * LATE if passed[0].is_set() else 1e9

    def epochs(self, most, epoch):
        return 0 if passed[0].is_set() else 1


passed = [threading.Event()]


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({}, id="random"),
        pytest.param(
            {"search": dl.halving(2, first=1), "members": 8},
            id="halving",
            marks=pytest.mark.heavy,
        ),
    ],
)
def test_a_time_ends_a_hand_that_hangs_and_changes_no_bit(settings, digits, tmp_path):
    """What came back before is kept, and the next call resumes it."""
    plain, folder = sweep(small, SPACE, digits, **settings), tmp_path / "run"
    hangs, epochs = threading.Event(), itertools.count(1)
    passed[0] = threading.Event()

    def hang(handle, name, item):
        if name == "train" and not isinstance(item, Record) and next(epochs) == 4:
            passed[0].set()
            hangs.wait(60)

    trained(Ray(1), digits, run_dir=folder, seconds=parts(1), **settings)
    began = time.monotonic()
    cut = trained(
        Ray(1, heard=hang), digits, run_dir=folder, seconds=Until(), **settings
    )
    assert time.monotonic() - began < 50  # the hand still hangs
    hangs.set()
    known = np.isfinite(cut.metrics["dev_loss"])
    assert known.sum() == 2 * (1 + 3) and not runs.is_finished(folder)  # blocks of two
    for name, curve in cut.metrics.items():
        np.testing.assert_array_equal(curve[known], plain.metrics[name][known])
    whole = trained(Ray(1), digits, run_dir=folder, seconds=600, **settings)
    assert runs.is_finished(folder)
    assert_same_result(whole, plain)


def test_a_time_in_which_no_machine_comes_is_an_error_that_names_those_in_the_way(
    digits, monkeypatch
):
    with pytest.raises(TimeoutError, match=r"no machine was ready to train within 0.2"):
        trained(Ray(), digits, seconds=0.2)
    of_another_kind(monkeypatch, 0)
    full, ended = pending("node1")
    with pytest.raises(TimeoutError) as raised:
        trained(Ray(1, 1, fault=full), digits, seconds=1.0)
    ended.set()
    told = str(raised.value)
    assert "no machine was ready to train (process 0: got jaxlib '0.0.1'" in told
    assert "; a process on node1: is not ready yet) within 1 s" in told


@pytest.mark.parametrize("settings", [{}, {"shard": (0, 2)}], ids=["measured", "not"])
def test_a_block_that_does_not_end_in_time_is_named(settings, digits):
    """It is the one that measures, or the first one of all."""
    hangs, passed[0] = threading.Event(), threading.Event()

    def fault(handle, name, arguments):
        if name == "train":
            passed[0].set()
            hangs.wait(60)

    with pytest.raises(TimeoutError, match="a block on process 0 did not end"):
        trained(Ray(1, fault=fault), digits, seconds=Until(), **settings)
    hangs.set()


def test_a_cluster_that_does_not_answer_ends_with_the_time(digits):
    """Ray tries for minutes."""
    answers = threading.Event()
    crew = RayCrew(lambda: answers.wait(60), ANY)
    began = time.monotonic()
    with pytest.raises(TimeoutError, match=r"the cluster did not answer within 0.1 s"):
        sweep(small, SPACE, digits, crew=crew, seconds=0.1)
    assert time.monotonic() - began < 30
    answers.set()


def test_an_error_of_connecting_is_raised_with_a_time_too(digits):
    def connect():
        raise ConnectionError("nobody")

    with pytest.raises(ConnectionError, match="nobody"):
        sweep(small, SPACE, digits, crew=RayCrew(connect, ANY), seconds=600)


@pytest.mark.parametrize("seconds", [600, pytest.param(None, marks=pytest.mark.heavy)])
def test_with_a_time_the_parts_of_a_block_grow(seconds, digits, monkeypatch):
    """A hand may be slower than the measured one, and what it has not given is lost."""
    parts = []

    def fault(handle, name, arguments):
        if name == "train":
            parts.append((int(arguments[0].members[0]), arguments[0].first))

    monkeypatch.setattr(pace, "KEEP_SECONDS", 30.0)
    monkeypatch.setattr(probe, "LEAST", 0.0)  # two blocks measure
    trained(Ray(1, fault=fault), digits, seconds=seconds)
    measured = 0 if seconds is None else 2
    *_, last = {member for member, _ in parts}
    assert parts[:measured] == [(0, 0)] * measured
    found = [first for member, first in parts[measured:] if member == last]
    assert found == ([0] if seconds is None else [0, 1, 2])
