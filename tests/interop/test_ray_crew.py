"""The crew of a cluster: who comes, leaves, dies and is waited for.

Ray itself is faked; hands train for real, and what they make has the bits of a sweep
without a crew.
"""

import pickle
import threading

import numpy as np
import pytest

import jaxdl as dl
from jaxdl.engine.deadline import NEVER
from jaxdl.engine.forecast import forecast
from jaxdl.engine.kind import kind_here
from jaxdl.interop import ray_crew, ray_process, ray_roster
from jaxdl.interop.ray_actor import Card
from jaxdl.interop.ray_crew import RayCrew
from jaxdl.interop.ray_process import Needs
from jaxdl.runs import Record
from jaxdl.sweeps import schedule
from jaxdl.train import RecipeError
from tests.interop.fake_ray import Ray
from tests.interop.faked_crew import ANY, Local, nth, of_another_kind, trained, wait_for
from tests.sweeps.kept import (
    SPACE,
    Cut,
    assert_same_member,
    assert_same_result,
    parts,
    small,
    sweep,
)

pytestmark = pytest.mark.usefixtures("quick")


@pytest.mark.heavy
def test_repeats_of_a_shard_have_the_bits_of_one_machine(digits):
    settings = {"shard": (1, 2), "repeats": 2, "members": 4, "epochs": 1}
    result = trained(Ray(1), digits, **settings)
    assert_same_result(result, sweep(small, SPACE, digits, **settings))


@pytest.mark.heavy
def test_it_trains_the_search_that_auto_stands_for(digits):
    result = trained(Ray(1), digits, search=dl.auto(), members=8)
    populations = dl.multi_pbt(1, populations=2)
    assert_same_result(
        result, sweep(small, SPACE, digits, search=populations, members=8)
    )


def test_many_hands_tell_of_their_epochs_more_seldom(digits, expected, monkeypatch):
    """Two hands that may tell 0.1 times a second: each one every 20 seconds."""
    pauses = []

    def heard(handle, name, arguments):
        if name == "train":
            pauses.append(arguments[0].pause)

    monkeypatch.setattr(ray_crew, "MOST_TOLD", 0.1)
    assert_same_result(trained(Ray(2, fault=heard), digits), expected)
    assert {*pauses} == {20.0}
    monkeypatch.setattr(ray_crew, "MOST_TOLD", 0.02)
    trained(Ray(2, fault=heard), digits, epochs=1)
    assert pauses[-1] == 30.0


@pytest.mark.parametrize("n", [9, pytest.param(1, marks=pytest.mark.heavy)])
def test_a_process_that_dies_comes_back_and_no_bit_changes(
    n, digits, expected, capsys, tmp_path
):
    ray = Ray(1, 1, heard=nth(n, lambda handle: handle.die()))
    result = trained(ray, digits, run_dir=tmp_path / "run")
    assert_same_result(result, expected)
    assert capsys.readouterr().err.count("is lost; it starts again") == 1
    assert all(actor.killed for actor in ray.actors)


@pytest.mark.heavy
def test_the_only_process_dies_and_comes_back(digits, expected):
    ray = Ray(1, heard=nth(3, lambda handle: handle.die()))
    assert_same_result(trained(ray, digits), expected)


def test_at_most_an_interval_is_trained_again(digits, expected):
    """Six members in blocks of two, four epochs, each an interval."""
    epochs = []

    def heard(handle, name, item):
        if name == "train" and not isinstance(item, Record):
            epochs.append(item[0])
            if len(epochs) == 6:
                handle.die()

    assert_same_result(trained(Ray(1, heard=heard), digits), expected)
    assert len(epochs) in (12, 13)


def test_a_machine_leaves_and_another_joins(digits, expected, capsys):
    ray = Ray(1)

    def change(handle):
        ray.remove("node0")
        ray.add(1)

    ray.heard = nth(5, change)
    assert_same_result(trained(ray, digits), expected)
    assert "is gone with its machine" in capsys.readouterr().err
    assert [*dict.fromkeys(a.node for a in ray.actors)] == ["node0", "node1"]


def test_a_cluster_without_machines_waits_for_one(
    digits, expected, capsys, monkeypatch
):
    monkeypatch.setattr(ray_roster, "TELL_SECONDS", 0.1)
    ray = Ray()
    threading.Timer(1.0, lambda: ray.add(2)).start()
    assert_same_result(trained(ray, digits), expected)
    assert "waits for a machine of the cluster with a free CPU" in (
        capsys.readouterr().err
    )


def test_a_machine_that_joins_trains(digits):
    ray, trains = Ray(1), set()
    both = threading.Event()

    def heard(handle, name, item):
        if name == "train":
            trains.add(handle.node)
            if handle.node == "node0":
                len(ray.machines) == 1 and ray.add(1)
                both.wait(20)
            else:
                both.set()

    ray.heard = heard
    trained(ray, digits)
    assert trains == {"node0", "node1"}


@pytest.mark.heavy
def test_a_wait_for_a_hand_is_not_told_while_others_train(
    digits, expected, capsys, monkeypatch
):
    def change(handle):
        wait_for(lambda: ["train" in a.calls for a in ray.actors] == [True, True])
        monkeypatch.setattr(ray_roster, "TELL_SECONDS", 0.0)
        handle.die()
        threading.Event().wait(0.2)

    ray = Ray(1, 1, heard=nth(2, change))
    assert_same_result(trained(ray, digits), expected)
    told = capsys.readouterr().err
    assert "is lost; it starts again" in told and "waits for" not in told


@pytest.mark.heavy
def test_after_the_last_machine_has_left_another_may_join(
    digits, expected, capsys, monkeypatch
):
    """Also if one that was left out is still there, and long after all was well."""
    of_another_kind(monkeypatch, 1)
    ray = Ray(1, 1)

    def change(handle):
        threading.Event().wait(2 * ray_roster.HOPE_SECONDS)
        ray.machines["node0"]["Alive"] = False  # which is seen before its hand is lost
        threading.Event().wait(0.1)
        handle.die()
        threading.Timer(0.1, lambda: ray.add(1)).start()

    ray.heard = nth(5, change)
    assert_same_result(trained(ray, digits), expected)
    assert "process 1 is left out" in capsys.readouterr().err


def hire(ray, needs):
    """Has processes start, and none train."""
    crew = RayCrew(lambda: ray, needs)
    crew.kind(None, NEVER)
    crew.close()


@pytest.mark.parametrize(
    ("needs", "hands", "threads"),
    [
        (ANY, [4, 2], [4, 2]),
        (Needs(5, 0, None), [4, 1], [4, 2]),
        (Needs(3, 0, None), [3], [4]),
        (Needs(None, 0, 2), [2, 2, 2], [2, 2, 2]),
        (Needs(3, 0, 2), [2, 1], [2, 2]),
    ],
)
def test_processes_have_the_hands_that_were_asked_for(needs, hands, threads):
    ray = Ray(4, 2, 0)
    hire(ray, needs)
    options = [actor.options for actor in ray.actors]
    assert [one["num_cpus"] for one in options] == hands
    assert [actor.self.threads for actor in ray.actors] == threads
    assert all(one["max_restarts"] == 0 for one in options)
    assert not any(one["max_task_retries"] or one["num_gpus"] for one in options)


def test_each_gpu_has_a_process(monkeypatch):
    def init(self, hands, threads, settings, paths):
        asked.append((hands, threads))
        own(self, 1, threads, settings, paths)

    own, asked = Local.__init__, []
    monkeypatch.setattr(Local, "__init__", init)
    ray = Ray(8)
    ray.add(8, gpus=2)
    hire(ray, Needs(None, 1, None))
    assert asked == [(None, None)] * 2  # hands, one for each device that it finds
    assert [(a.node, a.options["num_gpus"]) for a in ray.actors] == [("node1", 1)] * 2


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt, pytest.param(Cut, marks=pytest.mark.heavy)]
)
def test_a_sweep_that_ends_early_ends_its_processes(error, digits):
    def progress(_):
        raise error

    ray = Ray(2)
    with pytest.raises(error):
        trained(ray, digits, progress=progress)
    assert len(ray.actors) == 1 and ray.actors[0].killed


@pytest.mark.heavy
def test_a_crew_trains_one_sweep_after_another(digits, expected):
    ray = Ray(2)
    crew = RayCrew(lambda: ray, ANY)
    for _ in range(2):
        assert_same_result(sweep(small, SPACE, digits, crew=crew), expected)
    assert len(ray.actors) == 2


@pytest.mark.parametrize("error", [TypeError, pickle.PicklingError])
def test_what_cannot_be_sent_is_refused(error, digits):
    ray = Ray(1)

    def put(value):
        raise error("cannot pickle '_thread.lock' object")

    ray.put = put
    with pytest.raises(RecipeError, match="expected what can be pickled"):
        trained(ray, digits)


def test_a_silent_process_is_told_of_and_waited_for(
    digits, expected, capsys, monkeypatch
):
    monkeypatch.setattr(ray_process, "SILENT_SECONDS", 0.1)
    ray = Ray(1, heard=nth(2, lambda handle: threading.Event().wait(0.5)))
    assert_same_result(trained(ray, digits), expected)
    assert "nothing is heard of process 0" in capsys.readouterr().err


@pytest.mark.parametrize("flags", [[], ["--xla_gpu_autotune_level=0"]])
def test_it_is_told_what_equal_bits_on_gpus_take(flags, capsys, monkeypatch):
    here = kind_here()
    own = here.flags | {"XLA_FLAGS": flags}
    kind = here._replace(platform="gpu", device="NVIDIA H200", flags=own)
    monkeypatch.setattr(ray_roster, "kind_here", lambda: here._replace(flags=own))
    monkeypatch.setattr(Local, "card", lambda self: Card(kind, "one"))
    crew = RayCrew(lambda: Ray(1), ANY)
    assert crew.kind(None, NEVER) == kind
    crew.close()
    told = "expected --xla_gpu_autotune_level=0" in capsys.readouterr().err
    assert told == (not flags)


def test_a_module_that_is_not_there_is_named(digits):
    """Ray has the traceback among the words of the error."""

    def fault(handle, name, arguments):
        if name == "prepare":
            return ImportError("No module named 'ours'\ntraceback: ...")

    with pytest.raises(ConnectionError, match=r"process 0: No module named 'ours'\)"):
        trained(Ray(1, fault=fault), digits)


def test_a_run_comes_back_although_no_machine_does(digits, tmp_path):
    folder = tmp_path / "run"
    cut = trained(Ray(1), digits, run_dir=folder, seconds=parts(3))
    again = trained(Ray(), digits, run_dir=folder, seconds=0.2)
    assert np.isfinite(cut.metrics["dev_loss"]).sum() == 2 * 3
    assert_same_result(again, cut)


def test_a_run_that_has_ended_waits_for_no_machine(digits, expected, tmp_path):
    trained(Ray(1), digits, run_dir=tmp_path / "run")
    assert_same_result(trained(Ray(), digits, run_dir=tmp_path / "run"), expected)


@pytest.mark.parametrize(("hangs", "counted_hands"), [("prepare", 3), ("card", 1)])
def test_a_schedule_counts_the_hands_that_have_started(
    hangs, counted_hands, digits, monkeypatch
):
    """The second process of three hands never gets ready: it compiles; or it waits.

    The latter is so where others use the cores of its machine.
    """

    def fault(handle, name, arguments):
        first = handle.node == "node0"
        if first and name == "prepare" and hangs == "prepare":
            wait_for(lambda: all(p.fits for p in crew.roster.processes))
        if not first and name == "card" == hangs:
            closed.wait(60)
        if not first and name == "card" and hangs == "prepare":
            wait_for(lambda: "prepare" in ray.actors[0].calls)
        if not first and name == "prepare":
            closed.wait(60)

    def counted(*given):
        hands.add(given[4])
        return forecast(*given)

    closed, hands = threading.Event(), set()
    monkeypatch.setattr(schedule, "forecast", counted)
    ray = Ray(1, 2, fault=fault)
    crew = RayCrew(lambda: ray, ANY)
    sweep(small, SPACE, digits, crew=crew, seconds=600)
    closed.set()
    assert hands == {counted_hands}


@pytest.mark.parametrize(
    ("keep", "arrays"), [(2, 2), pytest.param(None, 10, marks=pytest.mark.heavy)]
)
def test_of_those_that_never_train_on_the_weights_alone_come_back(
    keep, arrays, digits, expected, tmp_path
):
    """A dense layer has two arrays; its training carries eight more."""
    came = {}

    def heard(handle, name, item):
        if name == "train" and isinstance(item, Record):
            came.setdefault(item.until, set()).add(len(item.arrays))

    settings = {"keep": keep, "run_dir": tmp_path / "run"}
    result = trained(Ray(1, heard=heard), digits, **settings)
    assert came == {1: {10}, 2: {10}, 3: {10}, 4: {arrays}}
    for member in expected.ranking()[:2]:
        assert_same_member(result.member(member), expected.member(member))
