"""The crew of a cluster with machines of several kinds.

Ray itself is faked; hands train for real, and what they make has the bits of a sweep
without a crew.
"""

import itertools
import threading

import pytest

from jaxdl.engine.deadline import NEVER
from jaxdl.engine.kind import kind_here
from jaxdl.interop.ray_actor import Actor, Card
from jaxdl.interop.ray_crew import RayCrew
from jaxdl.interop.ray_faults import differences
from jaxdl.interop.ray_process import Needs
from jaxdl.runs import RunMismatchError
from tests.interop.fake_ray import Ray
from tests.interop.faked_crew import ANY, Local, of_another_kind, trained
from tests.sweeps.kept import assert_same_result, noisy, parts

pytestmark = pytest.mark.usefixtures("quick")


@pytest.mark.parametrize("other", [1, pytest.param(0, marks=pytest.mark.heavy)])
def test_a_machine_of_another_kind_is_left_out_by_name(
    other, digits, expected, capsys, monkeypatch
):
    of_another_kind(monkeypatch, other)
    ray = Ray(1, 1)
    assert_same_result(trained(ray, digits), expected)
    told = capsys.readouterr().err
    assert f"process {other} is left out: got jaxlib '0.0.1' instead of" in told
    assert "train" not in ray.actors[other].calls


def test_machines_with_other_numbers_of_cores_are_of_two_kinds():
    here = kind_here()._replace(threads=2)
    assert differences(here._replace(threads=8), here) == (
        "got threads (cpus=, --cpus) 8 instead of 2; its bits would be others"
    )


def test_a_cluster_of_another_kind_is_refused(digits, monkeypatch):
    of_another_kind(monkeypatch, 0, 1)
    ray = Ray(1, 1)
    with pytest.raises(
        RunMismatchError, match="got 2 processes .*none of which can .*jaxlib '0.0.1'"
    ):
        trained(ray, digits)
    assert all(actor.killed for actor in ray.actors)


@pytest.mark.heavy
def test_a_machine_that_computes_something_else_is_left_out(
    digits, expected, capsys, monkeypatch
):
    """Such as by another version of a library that the recipe calls."""
    outline = Actor._outline

    def changed(self, block):
        if self.number == 0:
            self.task = self.task._replace(recipe=noisy)
        outline(self, block)

    monkeypatch.setattr(Local, "_outline", changed)
    assert_same_result(trained(Ray(1, 1), digits), expected)
    assert "left out: got a recipe that computes something else there" in (
        capsys.readouterr().err
    )


def test_the_kind_of_a_run_on_gpus_is_known_without_a_machine():
    """The platform is no part of a run; who asks for GPUs says it."""
    device = {"platform": "", "device": "NVIDIA H200", "threads": None}
    crew = RayCrew(lambda: Ray(), Needs(None, 1, None))
    found = crew.kind(kind_here()._replace(**device), NEVER)
    assert found == kind_here()._replace(**device | {"platform": "gpu"})
    crew.close()


def test_a_run_on_cpus_without_its_threads_is_refused_at_once():
    old = kind_here()._replace(platform="", threads=None)
    with pytest.raises(
        RunMismatchError, match="no cluster resumes .*read and replayed"
    ):
        RayCrew(lambda: Ray(), ANY).kind(old, NEVER)


@pytest.mark.heavy
def test_a_run_waits_for_the_kind_that_it_was_trained_on(
    digits, expected, capsys, monkeypatch, tmp_path
):
    """The first process has other threads; a sweep without a run would take them."""
    folder = tmp_path / "run"
    trained(Ray(1), digits, run_dir=folder, seconds=parts(3))
    with_threads(monkeypatch, {0: 99})
    ray = Ray(1)
    threading.Timer(0.2, lambda: ray.add(1)).start()
    result = trained(ray, digits, run_dir=folder)
    assert_same_result(result, expected)
    assert "process 0 is left out: got threads" in capsys.readouterr().err
    assert [actor.calls.count("prepare") for actor in ray.actors] == [0, 1]


def test_a_run_whose_kind_is_nowhere_says_which_it_was(digits, monkeypatch, tmp_path):
    folder, here = tmp_path / "run", kind_here()
    trained(Ray(1), digits, run_dir=folder, seconds=parts(3))
    with_threads(monkeypatch, {0: 98, 1: 99})
    with pytest.raises(RunMismatchError) as raised:
        trained(Ray(1, 1), digits, run_dir=folder)
    told = str(raised.value)
    for number, threads in enumerate((98, 99)):
        assert (
            f"process {number}: got threads (cpus=, --cpus) {threads} instead" in told
        )
    assert (
        f"expected one of the kind that the run was trained on: {here.device}" in told
    )
    assert f"and {here.threads} threads of XLA" in told


def with_threads(monkeypatch, threads):
    """Makes some processes, counted from now, have so many threads."""

    def card(self):
        kind = kind_here()
        number = threads.get(self.number, kind.threads)
        return Card(kind._replace(threads=number), f"process {self.number}")

    monkeypatch.setattr(Local, "numbers", itertools.count())
    monkeypatch.setattr(Local, "card", card)
