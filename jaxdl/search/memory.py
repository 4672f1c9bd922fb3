"""Memory: how many blocks a device holds at once, planned from the compiled program."""

from collections import Counter
from typing import Any

import jax

MEMINFO = "/proc/meminfo"  # Linux only


def fitting(
    devices: list[jax.Device], epoch: Any, shared: Any, width: int
) -> list[jax.Device]:
    """Returns those of the workers' devices whose blocks fit into memory together.

    Args:
        devices: one entry a worker; a device may come more than once.
        epoch: the compiled program of the largest block, as it lies on a device.
        shared: what all blocks read, `[...]` leaves; already on every device.
        width: members in a block.

    Raises:
        MemoryError: not even one block fits on a device.
    """
    needed = max(1, block_bytes(epoch) - _bytes(shared))
    chosen = []
    for device, workers in Counter(devices).items():
        free = free_bytes(device)
        blocks = workers if free is None else min(workers, free // needed)
        if blocks == 0:
            raise MemoryError(_advice(device, needed, free or 0, width))
        chosen += [device] * blocks
    return chosen


def block_bytes(epoch: Any) -> int:
    """Returns the bytes that a compiled program takes while it runs; 0 if unknown."""
    analysis = epoch.memory_analysis()
    if analysis is None:
        return 0
    return (
        analysis.argument_size_in_bytes
        + analysis.output_size_in_bytes
        - analysis.alias_size_in_bytes
        + analysis.temp_size_in_bytes
    )


def free_bytes(device: jax.Device) -> int | None:
    """Returns how much memory a device has left; None if unknown."""
    if device.platform == "cpu":
        return _available_on_host()
    stats = device.memory_stats() or {}
    if "bytes_limit" not in stats:
        return None
    return stats["bytes_limit"] - stats.get("bytes_in_use", 0)


def _available_on_host() -> int | None:
    try:
        with open(MEMINFO) as lines:
            fields = dict(line.split(":", 1) for line in lines)
        return 1024 * int(fields["MemAvailable"].split()[0])  # "... kB"
    except (OSError, KeyError, ValueError):
        return None


def _advice(device: jax.Device, needed: int, free: int, width: int) -> str:
    fits = free * width // needed
    narrower = 2 ** (fits.bit_length() - 1) if fits else 0
    what = (
        f"a narrower block, plan=jaxdl.Plan(block_width={narrower})"
        if narrower
        else "a smaller model or batch: not even one member fits"
    )
    return (
        f"a block of {width} members needs {needed / 2**20:,.0f} MiB on {device}, "
        f"which has {free / 2**20:,.0f} MiB left; expected {what}"
    )


def _bytes(tree: Any) -> int:
    return sum(x.nbytes for x in jax.tree.leaves(tree))
