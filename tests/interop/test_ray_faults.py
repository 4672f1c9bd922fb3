"""The crew of a cluster whose processes fail or are short of memory.

Ray itself is faked; hands train for real, and what they make has the bits of a sweep
without a crew.
"""

import itertools
import threading

import pytest

from jaxdl.interop import ray_process, ray_roster
from tests.interop.fake_ray import (
    ActorDiedError,
    ActorUnavailableError,
    OutOfMemoryError,
    Ray,
    RayError,
)
from tests.interop.faked_crew import nth, pending, trained, wait_for
from tests.sweeps.kept import Cut, assert_same_result

pytestmark = pytest.mark.usefixtures("quick")


def short_of_memory(number):
    """Returns a fault of the first so many blocks."""
    count = itertools.count()

    def fault(handle, name, arguments):
        return MemoryError() if name == "train" and next(count) < number else None

    return fault


@pytest.mark.heavy
def test_a_process_that_is_short_of_memory_trains_fewer_at_once(
    digits, expected, capsys
):
    ray = Ray(3, fault=short_of_memory(2))
    assert_same_result(trained(ray, digits), expected)
    assert "short of memory: 1 hand left" in capsys.readouterr().err


def test_a_cluster_without_room_says_what_to_do(digits):
    with pytest.raises(MemoryError, match="expected a narrower block"):
        trained(Ray(2, 1, fault=short_of_memory(100)), digits)


def test_a_process_that_is_ended_for_its_memory_comes_back_with_a_hand_fewer(
    digits, expected, capsys
):
    ray = Ray(2, heard=nth(2, lambda handle: handle.die(OutOfMemoryError("full"))))
    assert_same_result(trained(ray, digits), expected)
    assert "short of memory: 1 hand left" in capsys.readouterr().err


def test_a_process_that_fails_what_others_train_is_left_out_by_name(
    digits, expected, capsys
):
    def fault(handle, name, arguments):
        bad = name == "train" and handle.node == "node0"
        return ZeroDivisionError("broken") if bad else None

    def heard(handle, name, item):
        if name == "train":  # slowly, so that the other one gets blocks as well
            threading.Event().wait(0.05)

    ray = Ray(1, 1, fault=fault, heard=heard)
    assert_same_result(trained(ray, digits), expected)
    told = capsys.readouterr().err
    assert told.count("a block failed on process 0 (broken)") == 2
    assert "process 0 is left out: broken" in told


@pytest.mark.parametrize("cores", [[1, 1], pytest.param([1], marks=pytest.mark.heavy)])
def test_a_block_that_fails_everywhere_ends_the_sweep_with_its_error(cores, digits):
    def fault(handle, name, arguments):
        return ZeroDivisionError("of a block") if name == "train" else None

    ray = Ray(*cores, fault=fault)
    with pytest.raises(ZeroDivisionError, match="of a block"):
        trained(ray, digits)
    assert all(actor.killed for actor in ray.actors)


def test_a_block_fails_where_the_others_wait_for_cores(digits, capsys):
    """Nobody can try it elsewhere, so that its error ends the sweep at once."""
    full, ended = pending("node1")

    def fault(handle, name, arguments):
        full(handle, name, arguments)
        return ZeroDivisionError("of a block") if name == "train" else None

    with pytest.raises(ZeroDivisionError, match="of a block"):
        trained(Ray(1, 1, fault=fault), digits)
    ended.set()
    assert "another process gets it" not in capsys.readouterr().err


@pytest.mark.heavy
def test_a_block_fails_and_who_would_try_it_again_never_comes_back(digits, capsys):
    ended, died = threading.Event(), []

    def fault(handle, name, arguments):
        if handle.node == "node0" and name == "train":
            wait_for(lambda: any("train" in a.calls for a in ray.actors[1:]))
            return ZeroDivisionError("of a block")
        if handle.node == "node1" and name == "train":
            wait_for(lambda: len(told) > 0)
            died.append(handle)
            handle.die()
        if died and name == "card":
            ended.wait(60)

    told, leave = [], ray_roster.Roster.unseat

    def unseat(self, process, state):
        leave(self, process, state)
        if state is ray_process.State.ASIDE:
            told.append(process)

    ray = Ray(1, 1, fault=fault)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ray_roster.Roster, "unseat", unseat)
        with pytest.raises(ZeroDivisionError, match="of a block"):
            trained(ray, digits)
    ended.set()
    assert "another process gets it" in capsys.readouterr().err and died


def test_a_process_that_always_dies_is_left_out(digits, expected, capsys, tmp_path):
    """The run stays, and another cluster resumes it."""

    def fault(handle, name, arguments):
        if name == "train":
            handle.die()

    with pytest.raises(ConnectionError, match="lost 5 times in a row"):
        trained(Ray(1, fault=fault), digits, run_dir=tmp_path / "run")
    assert capsys.readouterr().err.count("is lost;") == 4
    result = trained(Ray(1), digits, run_dir=tmp_path / "run")
    assert_same_result(result, expected)


@pytest.mark.parametrize(
    ("error", "call"),
    [
        (ActorDiedError, "card"),
        *(
            pytest.param(*case, marks=pytest.mark.heavy)
            for case in (
                (ActorDiedError, "prepare"),
                (ActorUnavailableError, "card"),
                (ActorUnavailableError, "prepare"),
            )
        ),
    ],
)
def test_a_process_that_dies_before_it_trains_is_left_out(error, call, digits, capsys):
    """While it starts, or while it compiles; Ray has several errors for that."""

    def fault(handle, name, arguments):
        if name == call:
            handle.die(error("at its start"))

    ray = Ray(1, fault=fault)
    with pytest.raises(ConnectionError, match=r"lost 5 times in a row \(.*its start"):
        trained(ray, digits)
    assert capsys.readouterr().err.count("is lost; it starts again") == 4
    assert len(ray.actors) == 5 and all(actor.killed for actor in ray.actors)


@pytest.mark.heavy
def test_a_process_that_has_no_memory_to_start_has_a_hand_fewer(
    digits, expected, capsys
):
    def fault(handle, name, arguments):
        if name == "prepare" and handle.options["num_cpus"] == 2:
            handle.die(OutOfMemoryError("full"))

    ray = Ray(2, fault=fault)
    assert_same_result(trained(ray, digits), expected)
    assert "short of memory: 1 hand left" in capsys.readouterr().err


def test_what_keeps_machines_from_being_seen_is_told_once(
    digits, expected, capsys, monkeypatch
):
    ray, failures = Ray(1), itertools.count()
    nodes = ray.nodes

    def sometimes():
        if next(failures) < 3:
            raise OSError("no answer")
        return nodes()

    monkeypatch.setattr(ray, "nodes", sometimes)
    assert_same_result(trained(ray, digits), expected)
    assert capsys.readouterr().err.count("cannot see the machines (no answer)") == 1


def test_an_end_that_ray_refuses_hides_no_error(digits, monkeypatch):
    def progress(_):
        raise Cut

    def kill(handle):
        raise RayError("no head")

    ray = Ray(2)
    monkeypatch.setattr(ray, "kill", kill)
    with pytest.raises(Cut):
        trained(ray, digits, progress=progress)
