"""Memory: how many blocks are on a device at once, and what if it runs out."""

import sys
import threading
from types import SimpleNamespace
from typing import NamedTuple

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl.engine import memory
from jaxdl.engine.workers import place

MIB = 2**20


def program(mib):
    analysis = SimpleNamespace(
        argument_size_in_bytes=(mib + 1) * MIB,
        output_size_in_bytes=2 * MIB,
        alias_size_in_bytes=2 * MIB,
        temp_size_in_bytes=3 * MIB,
    )
    return SimpleNamespace(memory_analysis=lambda: analysis)


SHARED = np.zeros(4 * MIB, np.uint8)


class Device(NamedTuple):
    name: str
    platform: str = "gpu"


A, B, C = Device("a"), Device("b"), Device("c")


def test_a_block_takes_what_its_program_says_beside_the_data():
    assert memory.block_bytes(program(10), SHARED) == (11 + 2 - 2 + 3 - 4) * MIB


def test_a_real_program_takes_at_least_what_it_carries():
    x = np.zeros((256, 1024), np.float32)
    epoch = jax.jit(lambda x: (x @ x.T, x + 1)).lower(x).compile()
    assert memory.block_bytes(epoch, np.zeros(0)) >= x.nbytes + 256**2 * 4 + x.nbytes


@pytest.mark.parametrize(("free", "workers"), [(1000, 3), (29, 2), (20, 2), (19, 1)])
def test_as_many_workers_as_blocks_fit(free, workers, monkeypatch):
    monkeypatch.setattr(memory, "free_bytes", lambda device: free * MIB)
    assert memory.fitting([A] * 3, 10 * MIB, 8) == [A] * workers


def test_every_accelerator_is_looked_at_by_itself(monkeypatch):
    free = {A: 10 * MIB, B: None, C: -5 * MIB}
    monkeypatch.setattr(memory, "free_bytes", free.get)
    assert memory.fitting([A, B, C, A, B, C], 10 * MIB, 8) == [A, B, B]


def test_processors_share_the_hosts_memory(monkeypatch):
    monkeypatch.setattr(memory, "free_bytes", lambda device: 25 * MIB)
    two = [Device("a", "cpu"), Device("b", "cpu")]
    assert memory.fitting(two, 20 * MIB, 8) == two[:1]


def test_a_block_that_does_not_fit_is_an_error_that_names_the_width(monkeypatch):
    monkeypatch.setattr(memory, "free_bytes", lambda device: 7 * MIB)
    with pytest.raises(
        MemoryError,
        match=r"16 members needs 10 MiB .* 7 MiB left; "
        r"expected a narrower block: .*Plan\(block_width=8\)",
    ):
        memory.fitting([A], 10 * MIB, 16)
    with pytest.raises(MemoryError, match="not even one member fits"):
        memory.fitting([A], 10 * MIB, 1)


def test_a_sweep_without_room_is_refused_before_it_trains(
    recipe, space, digits, monkeypatch
):
    def refuse(*_):
        raise AssertionError("trained")

    monkeypatch.setattr(memory, "free_bytes", lambda device: 1000)
    monkeypatch.setattr(sys.modules["jaxdl.engine.engine"], "train_block", refuse)
    with pytest.raises(MemoryError, match="block_width=|not even one"):
        sweep(recipe, space, digits)


def sweep(recipe, space, data):
    return dl.sweep(
        recipe,
        space,
        data,
        key=jax.random.key(0),
        members=24,
        epochs=2,
        progress=False,
        plan=dl.Plan(8),
    )


def test_a_block_that_runs_out_of_memory_ends_with_the_same_bits(
    recipe, space, digits, monkeypatch
):
    module, failed = sys.modules["jaxdl.engine.engine"], []
    expected, train_block = sweep(recipe, space, digits), module.train_block

    def short(programs, block, width, shared, carried, report, *, last):
        def once(number, *rest):
            report(number, *rest)
            if number == 1 and not failed:
                failed.append(block.members[0])
                raise no_memory()

        return train_block(programs, block, width, shared, carried, once, last=last)

    monkeypatch.setattr(module, "train_block", short)
    result = sweep(recipe, space, digits)
    assert len(failed) == 1
    for i in range(24):
        left, right = result.member(i), expected.member(i)
        jax.tree.map(np.testing.assert_array_equal, left.params, right.params)


def test_what_the_host_has_left_is_read_from_the_system(tmp_path, monkeypatch):
    (device,) = jax.devices("cpu")[:1]
    path = tmp_path / "meminfo"
    monkeypatch.setattr(memory, "MEMINFO", path)
    assert memory.free_bytes(device) is None
    path.write_text("MemTotal:  8000 kB\nMemAvailable:   1234 kB\n")
    assert memory.free_bytes(device) == 1234 * 1024
    path.write_text("garbage\n")
    assert memory.free_bytes(device) is None


def no_memory():
    return jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying")


def test_out_of_memory_leaves_fewer_blocks_at_once_and_the_same_results():
    lock, now, most_since = threading.Lock(), [0], []

    def work(block, device, stop):
        del device, stop
        with lock:
            now[0] += 1
            crowded = now[0] > 1
            most_since.append(now[0])
        try:
            # Two at once do not fit: whoever finds another one there fails.
            if crowded:
                raise no_memory()
            threading.Event().wait(0.05)
            return block**2
        finally:
            with lock:
                now[0] -= 1

    assert place(work, list(range(8)), ["gpu"] * 3) == [i**2 for i in range(8)]
    assert most_since.count(2) + most_since.count(3) <= 2
    assert most_since[-1] == 1


@pytest.mark.parametrize("workers", [1, 2])
def test_out_of_memory_of_the_last_worker_is_an_error(workers):
    def work(block, device, stop):
        raise no_memory()

    with pytest.raises(MemoryError, match="expected a narrower one"):
        place(work, [1, 2, 3], ["gpu"] * workers)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_what_ends_one_block_stops_the_others(error):
    begun = []

    def work(block, device, stop):
        begun.append(block)
        if block == 0:
            raise error
        assert stop.wait(10)
        return block

    with pytest.raises(error):
        place(work, list(range(9)), ["gpu"] * 2)
    assert len(begun) <= 3
