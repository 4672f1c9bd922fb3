"""Compiled programs on their way from one process of a cluster to the others."""

import threading

import pytest

from jaxdl.interop import ray_programs
from jaxdl.interop.ray_actor import Actor
from jaxdl.interop.ray_programs import Shared
from tests.interop.fake_ray import Ray, RayError
from tests.interop.faked_crew import Local, trained
from tests.sweeps.kept import assert_same_result

pytestmark = pytest.mark.usefixtures("quick")


def test_the_first_program_of_a_key_stays():
    """Others have loaded it; so the second one of another key changes nothing of it."""
    shared = Shared(Ray(), threading.Condition())
    shared.add({"a": b"first"})
    shared.add({"a": b"second", "b": b"other"})
    assert shared.sent == {"a": b"first", "b": b"other"}


def test_no_change_waits_while_programs_are_put():
    ray, changed, putting = Ray(), threading.Condition(), threading.Event()
    shared, ended = Shared(ray, changed), threading.Event()
    ray.put = lambda value: putting.set() or ended.wait(20) and value
    adding = threading.Thread(target=shared.add, args=[{"a": b"it"}])
    adding.start()
    assert putting.wait(20) and changed.acquire(timeout=10)
    changed.release()
    ended.set()
    adding.join(20)
    assert shared.sent == {"a": b"it"}


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
    monkeypatch.setattr(ray_programs, "ANSWER_SECONDS", 2.0)  # on a busy machine
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
