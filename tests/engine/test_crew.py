"""The crew of threads: who is free, who is lost, and what a block is trained by."""

import concurrent.futures
import threading

import jax
import pytest

from jaxdl.engine import crew
from jaxdl.engine.crew import Threads
from jaxdl.engine.hands import Lost
from jaxdl.engine.placing import place


def no_memory():
    return jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying")


@pytest.fixture
def make(monkeypatch):
    """Returns a function that makes a crew on devices, which has no task."""

    def threads(*devices):
        monkeypatch.setattr(crew, "hand_devices", lambda: [*devices])
        return Threads()

    return threads


def test_each_device_has_a_hand_which_is_taken_and_given_back(make):
    threads, stop = make("a", "b"), threading.Event()
    first, second = threads.take(stop), threads.take(stop)
    assert {first.device, second.device} == {"a", "b"} and threads.size == 2
    threads.give(first)
    assert threads.take(stop) is first


def test_nobody_is_taken_after_the_stop(make):
    threads, stop = make("a"), threading.Event()
    stop.set()
    with pytest.raises(concurrent.futures.CancelledError):
        threads.take(stop)
    assert threads.take(threading.Event()).device == "a"  # it stays free


def test_out_of_memory_leaves_fewer_hands(make):
    threads, lock, now, most = make(*"aaa"), threading.Lock(), [0], []

    def work(block, stop):
        while True:
            hand = threads.take(stop)
            with lock:
                now[0] += 1
                most.append(now[0])
                crowded = now[0] > 1
            if not crowded:
                threading.Event().wait(0.05)
            with lock:
                now[0] -= 1
            if not crowded:
                threads.give(hand)
                return block**2
            threads.lose(hand, MemoryError())  # two at once do not fit

    found = []
    place(work, range(8), lambda block, result: found.append(result) or [], lambda: 3)
    assert sorted(found) == [i**2 for i in range(8)] and threads.size == 1
    assert most.count(2) + most.count(3) <= 2 and most[-1] == 1


def test_the_last_hand_cannot_be_lost(make):
    threads = make("a")
    hand = threads.take(threading.Event())
    with pytest.raises(MemoryError, match=r"expected a narrower block: .*block_width="):
        threads.lose(hand, MemoryError())
    assert (
        threads.take(threading.Event()) is hand
    )  # whoever waits does not wait forever


def test_the_last_hand_that_is_lost_is_no_lack_of_memory(make):
    threads = make("a")
    with pytest.raises(Lost, match="gone"):
        threads.lose(threads.take(threading.Event()), Lost("gone"))


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (no_memory(), MemoryError),
        (jax.errors.JaxRuntimeError("INTERNAL: x"), jax.errors.JaxRuntimeError),
        (ZeroDivisionError(), ZeroDivisionError),
    ],
)
def test_only_a_device_without_memory_is_out_of_memory(
    raised, expected, make, monkeypatch
):
    threads = make("a")
    threads.task, block = Task(), Of()
    threads.shared = {"a": {"family": None}}
    threads._programs = {("one", "family"): {"a": None}}

    def fail(*_, **__):
        raise raised

    monkeypatch.setattr(crew, "train_block", fail)
    hand = threads.take(threading.Event())
    with pytest.raises(expected):
        hand.train(block, None, lambda *_: None, last=True)


class Task:
    block_width = 2


class Of:
    """Stands for a block."""

    structure, family = "one", "family"
