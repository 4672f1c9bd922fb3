"""The devices of this process, and how many cores it may use."""

import os

import jax


def hand_devices() -> list[jax.Device]:
    """Returns the device of each hand.

    Each device has one hand. A single CPU device has one hand for each core: two
    host threads that run programs on one CPU device use two cores.
    """
    devices = jax.local_devices()
    if len(devices) == 1 and devices[0].platform == "cpu":
        return devices * cores()
    return devices


def cores() -> int:
    """Returns how many cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only
    return len(affinity(0)) if affinity else os.cpu_count() or 1
