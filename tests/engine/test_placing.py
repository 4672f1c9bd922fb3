"""Placing: the order of blocks, what follows from them, and what ends them."""

import threading

import jax
import jax.numpy as jnp
import pytest

from jaxdl.engine import placing
from jaxdl.engine.placing import place


def nothing(block, result):
    return []


def test_every_block_comes_to_the_caller_with_its_result():
    found = {}
    caller = threading.get_ident()

    def work(block, stop):
        threading.Event().wait(0.01 * (block % 3))
        assert threading.get_ident() != caller
        return block**2

    def then(block, result):
        assert threading.get_ident() == caller
        found[block] = result
        return []

    place(work, range(9), then, lambda: 2)
    assert found == {i: i**2 for i in range(9)}


def test_a_block_may_be_followed_by_others_which_come_after_those_that_wait():
    begun = []

    def work(block, stop):
        begun.append(block)
        return block

    def then(block, result):
        return [10 * block, 10 * block + 1] if block < 10 else []

    place(work, [1, 2, 3], then, lambda: 1)
    assert begun == [1, 2, 3, 10, 11, 20, 21, 30, 31]


def test_a_thread_has_the_precision_of_its_caller():
    """The setting is a thread's own."""
    found = []

    def work(block, stop):
        return jnp.result_type(float)

    with jax.enable_x64(True):
        place(work, [0], lambda block, result: found.append(result) or [], lambda: 1)
    place(work, [0], lambda block, result: found.append(result) or [], lambda: 1)
    assert found == [jnp.float64, jnp.float32]


@pytest.mark.parametrize("bad", [0, 1])
@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError, MemoryError])
def test_the_failure_of_one_block_stops_the_others(error, bad):
    tried = []

    def work(block, stop):
        tried.append(block)
        if block == bad:
            raise error
        assert stop.wait(20)
        return block

    with pytest.raises(error):
        place(work, range(50), nothing, lambda: 2)
    # Two threads, and one that may have begun its next block before the failure.
    assert len(tried) <= 3


def test_a_failure_of_the_caller_stops_the_blocks():
    def work(block, stop):
        assert block == 0 or stop.wait(20)

    def then(block, result):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        place(work, range(50), then, lambda: 2)


def test_a_hand_that_comes_later_trains_too(monkeypatch):
    monkeypatch.setattr(placing, "LOOK_SECONDS", 0.01)
    hands, both = [1], threading.Barrier(2, timeout=20)

    def work(block, stop):
        hands[0] = 2
        both.wait()  # until another block trains at the same time
        return block

    found = []
    place(work, [0, 1], lambda block, _: found.append(block) or [], lambda: hands[0])
    assert sorted(found) == [0, 1]


def test_one_block_trains_while_no_hand_is_there():
    """Its thread waits for one."""
    found = []
    place(lambda block, stop: block, [0, 1], lambda block, _: found.append(block) or [],
          lambda: 0)  # fmt: skip
    assert found == [0, 1]
