"""Placing: the order of blocks, what follows from them, and what ends them."""

import threading

import jax
import jax.numpy as jnp
import pytest

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

    place(work, range(9), then, 2)
    assert found == {i: i**2 for i in range(9)}


def test_a_block_may_be_followed_by_others_which_come_after_those_that_wait():
    begun = []

    def work(block, stop):
        begun.append(block)
        return block

    def then(block, result):
        return [10 * block, 10 * block + 1] if block < 10 else []

    place(work, [1, 2, 3], then, 1)
    assert begun == [1, 2, 3, 10, 11, 20, 21, 30, 31]


def test_a_thread_has_the_precision_of_its_caller():
    """The setting is a thread's own."""
    found = []

    def work(block, stop):
        return jnp.result_type(float)

    with jax.enable_x64(True):
        place(work, [0], lambda block, result: found.append(result) or [], 1)
    place(work, [0], lambda block, result: found.append(result) or [], 1)
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
        place(work, range(50), nothing, 2)
    # Two threads, and one that may have begun its next block before the failure.
    assert len(tried) <= 3


def test_a_failure_of_the_caller_stops_the_blocks():
    def work(block, stop):
        assert block == 0 or stop.wait(20)

    def then(block, result):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        place(work, range(50), then, 2)
