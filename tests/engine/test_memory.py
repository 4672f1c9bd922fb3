"""Memory: how many blocks fit on a device at once, by hand."""

from types import SimpleNamespace
from typing import NamedTuple

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl.engine import memory
from tests.sweeps.kept import SPACE, small, sweep

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


def test_a_block_takes_what_its_program_takes_without_the_shared_inputs():
    assert memory.block_bytes(program(10), SHARED) == (11 + 2 - 2 + 3 - 4) * MIB


def test_a_program_of_unknown_memory_takes_nothing():
    unknown = SimpleNamespace(memory_analysis=lambda: None)
    assert memory.block_bytes(unknown, SHARED) == 0


def test_a_real_program_takes_at_least_what_it_carries():
    x = np.zeros((256, 1024), np.float32)
    epoch = jax.jit(lambda x: (x @ x.T, x + 1)).lower(x).compile()
    assert memory.block_bytes(epoch, np.zeros(0)) >= x.nbytes + 256**2 * 4 + x.nbytes


@pytest.mark.parametrize(("free", "hands"), [(1000, 3), (29, 2), (20, 2), (19, 1)])
def test_there_are_as_many_hands_as_blocks_fit(free, hands, monkeypatch):
    monkeypatch.setattr(memory, "free_bytes", lambda device: free * MIB)
    assert memory.fitting([A] * 3, 10 * MIB, 8) == [A] * hands


def test_each_accelerator_has_its_own_memory(monkeypatch):
    free = {A: 10 * MIB, B: None, C: -5 * MIB}
    monkeypatch.setattr(memory, "free_bytes", free.get)
    assert memory.fitting([A, B, C, A, B, C], 10 * MIB, 8) == [A, B, B]


def test_cpu_devices_share_the_memory_of_the_host(monkeypatch):
    monkeypatch.setattr(memory, "free_bytes", lambda device: 25 * MIB)
    two = [Device("a", "cpu"), Device("b", "cpu")]
    assert memory.fitting(two, 20 * MIB, 8) == two[:1]


def test_a_block_that_does_not_fit_is_an_error_that_names_a_width_that_does(
    monkeypatch,
):
    monkeypatch.setattr(memory, "free_bytes", lambda device: 7 * MIB)
    with pytest.raises(
        MemoryError,
        match=r"16 members needs 10 MiB .* 7 MiB left; "
        r"expected a narrower block: .*Plan\(block_width=8\)",
    ):
        memory.fitting([A], 10 * MIB, 16)
    with pytest.raises(MemoryError, match="not even one member fits"):
        memory.fitting([A], 10 * MIB, 1)


def test_the_free_memory_of_the_host_is_read_from_the_system(tmp_path, monkeypatch):
    (device,) = jax.devices("cpu")[:1]
    path = tmp_path / "meminfo"
    monkeypatch.setattr(memory, "MEMINFO", path)
    assert memory.free_bytes(device) is None
    path.write_text("MemTotal:  8000 kB\nMemAvailable:   1234 kB\n")
    assert memory.free_bytes(device) == 1234 * 1024
    path.write_text("garbage\n")
    assert memory.free_bytes(device) is None


class Gpu:
    platform = "gpu"

    def __init__(self, **stats):
        self.memory_stats = lambda: stats or None


def test_the_free_memory_of_an_accelerator_is_its_limit_without_what_is_in_use():
    assert memory.free_bytes(Gpu(bytes_limit=12, bytes_in_use=5)) == 7
    assert memory.free_bytes(Gpu(bytes_limit=12)) == 12
    assert memory.free_bytes(Gpu()) is memory.free_bytes(Gpu(bytes_in_use=5)) is None


def test_memory_in_use_is_that_of_the_process_or_of_the_devices(monkeypatch, tmp_path):
    devices = jax.devices()
    resident = memory.used_bytes(devices)
    if resident is not None:
        assert 2**26 < resident < 2**36
    statm = tmp_path / "statm"
    monkeypatch.setattr(memory, "STATM", str(statm))
    assert memory.used_bytes(devices) is None
    statm.write_text("900 300 20 1 0 50 0\n")
    assert memory.used_bytes(devices) == 300 * memory.os.sysconf("SC_PAGE_SIZE")
    one, other = Gpu(bytes_in_use=5), Gpu(bytes_in_use=7)
    assert memory.used_bytes([one, other, one]) == 12
    assert memory.used_bytes([one, Gpu()]) is None


def test_a_block_that_cannot_fit_is_refused_before_it_is_compiled(
    digits, nothing_compiles, monkeypatch
):
    """A dense layer 64 x 10 has 650 parameters and as many of momentum: 5.2 kB."""
    monkeypatch.setattr(memory, "free_bytes", lambda device: 7 * MIB)
    words = r"of 2000 members needs 10 MiB .*width=1024"
    with pytest.raises(MemoryError, match=words):
        sweep(small, SPACE, digits, plan=dl.Plan(2000))
