"""The crew of a cluster: deaths, lack of memory, failures, and who joins or leaves.

Ray itself is faked; hands train for real, and what they make has the bits of a sweep
without a crew.
"""

import itertools
import math
import pickle
import threading
import time

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import runs
from jaxdl.engine import pace, placing, probe
from jaxdl.engine.crew import Threads
from jaxdl.engine.deadline import LATE, NEVER, Deadline
from jaxdl.engine.forecast import forecast
from jaxdl.engine.kind import kind_here
from jaxdl.interop import ray_crew, ray_process, ray_programs, ray_roster
from jaxdl.interop.ray_actor import Actor, Card
from jaxdl.interop.ray_crew import RayCrew
from jaxdl.interop.ray_faults import differences
from jaxdl.interop.ray_process import Needs
from jaxdl.runs import Record, RunMismatchError
from jaxdl.sweeps import schedule
from jaxdl.train import RecipeError
from tests.interop.fake_ray import (
    ActorDiedError,
    ActorUnavailableError,
    OutOfMemoryError,
    Ray,
    RayError,
)
from tests.sweeps.kept import (
    SPACE,
    Cut,
    assert_same_member,
    assert_same_result,
    noisy,
    parts,
    small,
    sweep,
)

ANY = Needs(None, 0, None)


class Local(Actor):
    """A process of the cluster that is this one."""

    numbers = itertools.count()

    def __init__(self, hands, threads, settings, paths):
        self.threads = threads
        self.crew = Threads(jax.devices()[:1] * hands)
        self.sent, self.outlines = None, {}
        self.number = next(self.numbers)

    def card(self):
        return Card(kind_here(), f"process {self.number}")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Keeps and tells of each epoch, and looks often."""
    monkeypatch.setattr(ray_process, "Actor", Local)
    monkeypatch.setattr(Local, "numbers", itertools.count())
    monkeypatch.setattr(pace, "KEEP_SECONDS", 0.0)
    monkeypatch.setattr(ray_crew, "MOST_TOLD", math.inf)
    monkeypatch.setattr(placing, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(ray_process, "LOOK_SECONDS", 0.02)
    for name in ("FOLLOW_SECONDS", "RETRY_SECONDS", "LOOK_SECONDS"):
        monkeypatch.setattr(ray_roster, name, 0.02)
    monkeypatch.setattr(ray_roster, "HOPE_SECONDS", 0.3)


@pytest.fixture(scope="module")
def expected(digits):
    return sweep(small, SPACE, digits)


def trained(ray, digits, needs=ANY, **settings):
    return sweep(small, SPACE, digits, crew=RayCrew(lambda: ray, needs), **settings)


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


def nth(n, act):
    """Returns what acts when it is called for the n-th time on an epoch, from 1."""
    count = itertools.count(1)

    def heard(handle, name, item):
        if name == "train" and not isinstance(item, Record) and next(count) == n:
            act(handle)

    return heard


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


def test_one_process_compiles_first_and_the_others_load_its_programs(
    digits, monkeypatch
):
    """Of two machines; what the first one has compiled goes to the other."""
    steps, given, both = [], [], threading.Event()
    prepare = Actor.prepare

    def noted(self, sent, blocks, programs):
        given.append((self.number, {*programs}))
        *ready, found = prepare(self, sent, blocks, programs)
        return *ready, found | {f"of process {self.number}": b""}

    def fault(handle, name, arguments):
        if name == "prepare":
            steps.append("begins")
            threading.Event().wait(0.2)

    def train(handle, name, item):
        if name == "prepare":
            steps.append("ends")
        if name == "train":
            both.wait(20) if steps.count("ends") < 2 else both.set()

    monkeypatch.setattr(Local, "prepare", noted)
    trained(Ray(1, 1, fault=fault, heard=train), digits, epochs=1)
    assert steps == ["begins", "ends", "begins", "ends"]
    (first, nothing), (second, programs) = given
    assert first != second and nothing == set()
    assert f"of process {first}" in programs


@pytest.mark.parametrize(
    "answers", [False, pytest.param(True, marks=pytest.mark.heavy)]
)
def test_the_others_wait_for_one_that_compiles_as_long_as_it_answers(
    answers, digits, expected, monkeypatch
):
    """Of three machines; while one does not answer, one other compiles beside it."""
    compiles, beside, first = [], [0], []
    monkeypatch.setattr(ray_programs, "ALONE_SECONDS", 0.05)
    monkeypatch.setattr(ray_programs, "ANSWER_SECONDS", 0.2)
    ended = threading.Event()

    def fault(handle, name, arguments):
        if name == "card" and handle in first and not answers:
            ended.wait(60)
        if name == "prepare":
            first or first.append(handle)
            compiles.append(handle)
            if first[0] in compiles:
                beside[0] = max(beside[0], len(compiles) - 1)
            threading.Event().wait(0.1)
            if handle is first[0]:
                ended.wait(60 if not answers else 1.0)

    def heard(handle, name, item):
        if name == "prepare":
            compiles.remove(handle)
        if name == "train" and handle not in first:
            ended.set()

    result = trained(Ray(1, 1, 1, fault=fault, heard=heard), digits)
    assert_same_result(result, expected)
    assert beside[0] == (not answers)


@pytest.mark.heavy
def test_one_that_dies_amid_compiling_is_followed_by_another(digits, expected):
    prepares = []

    def fault(handle, name, arguments):
        if name == "prepare":
            prepares.append(handle)
            if len(prepares) == 1:
                threading.Event().wait(0.2)  # the other waits by now
                handle.die()

    ray = Ray(1, 1, fault=fault)
    assert_same_result(trained(ray, digits), expected)
    assert prepares[1] is not prepares[0]


@pytest.mark.heavy
@pytest.mark.parametrize("error", [RayError, MemoryError, OSError])
def test_a_full_object_store_ends_no_sweep(
    error, digits, expected, capsys, monkeypatch
):
    """The task fits, and the compiled programs do not: all processes compile."""

    def put(value):
        if isinstance(value, dict):
            raise error("the object store is full")
        return value

    prepare = Actor.prepare
    monkeypatch.setattr(
        Local, "prepare", lambda *a: (*prepare(*a)[:2], {"one": b"program"})
    )
    ray = Ray(1, 1)
    ray.put = put
    assert_same_result(trained(ray, digits), expected)
    told = capsys.readouterr().err
    assert "compiled programs are not shared (the object store is full)" in told
    assert "left out" not in told and len(ray.actors) == 2


def wait_for(holds):
    """Returns once a function does."""
    for _ in range(1000):
        if holds():
            return
        threading.Event().wait(0.02)
    raise AssertionError("waited in vain")


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


def of_another_kind(monkeypatch, *numbers):
    """Makes some processes be of another kind."""

    def card(self):
        kind = kind_here()
        if self.number in numbers:
            kind = kind._replace(versions=kind.versions | {"jaxlib": "0.0.1"})
        return Card(kind, f"process {self.number}")

    monkeypatch.setattr(Local, "card", card)


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


def pending(node):
    """Returns a fault of a machine whose process waits for others' cores."""
    ended = threading.Event()

    def fault(handle, name, arguments):
        if handle.node == node and name == "card":
            ended.wait(60)

    return fault, ended


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


def test_a_run_comes_back_although_no_machine_does(digits, tmp_path):
    folder = tmp_path / "run"
    cut = trained(Ray(1), digits, run_dir=folder, seconds=parts(3))
    again = trained(Ray(), digits, run_dir=folder, seconds=0.2)
    assert np.isfinite(cut.metrics["dev_loss"]).sum() == 2 * 3
    assert_same_result(again, cut)


def test_a_run_that_has_ended_waits_for_no_machine(digits, expected, tmp_path):
    trained(Ray(1), digits, run_dir=tmp_path / "run")
    assert_same_result(trained(Ray(), digits, run_dir=tmp_path / "run"), expected)


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
