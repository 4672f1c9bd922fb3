"""The workers: who takes which block, and what ends them."""

import threading

import jax
import jax.numpy as jnp
import pytest

from jaxdl.engine import workers
from jaxdl.engine.workers import place, worker_devices


def no_memory():
    return jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying")


def test_results_come_in_the_order_of_the_blocks():
    used = []

    def work(block, device, stop):
        used.append(device)
        threading.Event().wait(0.01 * (block % 3))
        return block**2

    assert place(work, list(range(9)), ["a", "b"]) == [i**2 for i in range(9)]
    assert set(used) == {"a", "b"}


def test_a_worker_has_the_precision_of_its_caller():
    """The setting is a thread's own."""

    def work(block, device, stop):
        return jnp.result_type(float)

    with jax.enable_x64(True):
        assert place(work, [0], ["a"]) == [jnp.float64]
    assert place(work, [0], ["a"]) == [jnp.float32]


def test_out_of_memory_leaves_fewer_blocks_at_once_and_the_same_results():
    lock, now, most_since = threading.Lock(), [0], []

    def work(block, device, stop):
        with lock:
            now[0] += 1
            crowded = now[0] > 1
            most_since.append(now[0])
        try:
            # Two at once do not fit: a block that finds another one there fails.
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


@pytest.mark.parametrize("count", [1, 2])
def test_out_of_memory_of_the_last_worker_is_an_error(count):
    def work(block, device, stop):
        raise no_memory()

    with pytest.raises(MemoryError, match=r"expected a narrower block: .*block_width="):
        place(work, [1, 2, 3], ["gpu"] * count)


@pytest.mark.parametrize("bad", [0, 1])
@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError, MemoryError])
def test_the_failure_of_one_block_stops_the_others(error, bad):
    tried = []

    def work(block, device, stop):
        tried.append(block)
        if block == bad:
            raise error
        assert stop.wait(20)
        return block

    with pytest.raises(error):
        place(work, list(range(50)), ["gpu"] * 2)
    # Two workers, and one that may have taken its next block before the failure.
    assert len(tried) <= 3


class Device:
    def __init__(self, platform):
        self.platform = platform


def test_one_cpu_has_a_worker_a_core_and_other_devices_one_each(monkeypatch):
    cpu, gpus = Device("cpu"), [Device("gpu"), Device("gpu")]
    monkeypatch.setattr(workers, "cores", lambda: 3)
    for devices, expected in (([cpu], [cpu] * 3), (gpus, gpus), (gpus[:1], gpus[:1])):
        monkeypatch.setattr(jax, "local_devices", lambda found=devices: found)
        assert worker_devices() == expected
