"""Memory: how many blocks are on a device at once, and what if it runs out."""

import threading
from types import SimpleNamespace

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl.search import memory
from jaxdl.search.workers import place

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


@pytest.mark.parametrize(("free", "workers"), [(1000, 3), (29, 2), (20, 2), (19, 1)])
def test_as_many_workers_as_blocks_fit(free, workers, monkeypatch):
    monkeypatch.setattr(memory, "free_bytes", lambda device: free * MIB)
    # a block takes 10 + 1 + 2 - 2 + 3 MiB, of which 4 are shared
    assert memory.fitting(["gpu"] * 3, program(10), SHARED, 8) == ["gpu"] * workers


def test_every_device_is_looked_at_by_itself(monkeypatch):
    free = {"a": 10 * MIB, "b": None, "c": 25 * MIB}
    monkeypatch.setattr(memory, "free_bytes", free.get)
    chosen = memory.fitting(["a", "b", "c", "a", "b", "c"], program(10), SHARED, 8)
    assert sorted(chosen) == ["a", "b", "b", "c", "c"]


def test_a_block_that_does_not_fit_is_an_error_that_names_the_width(monkeypatch):
    monkeypatch.setattr(memory, "free_bytes", lambda device: 7 * MIB)
    with pytest.raises(
        MemoryError,
        match=r"16 members needs 10 MiB .* 7 MiB left; "
        r"expected a narrower block, plan=jaxdl.Plan\(block_width=8\)",
    ):
        memory.fitting(["gpu"], program(10), SHARED, 16)
    with pytest.raises(MemoryError, match="not even one member fits"):
        memory.fitting(["gpu"], program(10), SHARED, 1)


def test_a_sweep_without_room_is_refused_before_it_trains(
    recipe, space, digits, monkeypatch
):
    monkeypatch.setattr(memory, "free_bytes", lambda device: 1000)
    with pytest.raises(MemoryError, match="block_width=|not even one"):
        dl.sweep(
            recipe,
            space,
            digits,
            key=jax.random.key(0),
            members=4,
            epochs=1,
            progress=False,
        )


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


def test_out_of_memory_of_the_only_worker_is_the_error():
    def work(block, device, stop):
        raise no_memory()

    with pytest.raises(jax.errors.JaxRuntimeError, match="RESOURCE_EXHAUSTED"):
        place(work, [1, 2, 3], ["gpu"] * 2)
