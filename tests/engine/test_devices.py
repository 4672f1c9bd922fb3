"""The devices that hands have."""

import jax

from jaxdl.engine import devices
from jaxdl.engine.devices import hand_devices


class Device:
    def __init__(self, platform):
        self.platform = platform


def test_one_cpu_has_a_worker_a_core_and_other_devices_one_each(monkeypatch):
    cpu, gpus = Device("cpu"), [Device("gpu"), Device("gpu")]
    monkeypatch.setattr(devices, "cores", lambda: 3)
    for found, expected in (([cpu], [cpu] * 3), (gpus, gpus), (gpus[:1], gpus[:1])):
        monkeypatch.setattr(jax, "local_devices", lambda found=found: found)
        assert hand_devices() == expected
