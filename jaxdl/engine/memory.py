"""Memory: how many blocks a device holds at once, planned from the compiled program."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax

MEMINFO, STATM = "/proc/meminfo", "/proc/self/statm"  # Linux only


def fitting(devices: list[jax.Device], needed: int, width: int) -> list[jax.Device]:
    """Returns those of the workers' devices whose blocks fit into memory together.

    Args:
        devices: one entry a worker; a device may come more than once.
        needed: bytes that a block takes beside what all blocks share.
        width: members in a block.

    Raises:
        MemoryError: not even one block fits.
    """
    chosen: list[jax.Device] = []
    left: dict[Any, int | None] = {}
    for device in devices:
        memory = "host" if device.platform == "cpu" else device
        free = left.setdefault(memory, free_bytes(device))
        if free is None or free >= needed:
            chosen.append(device)
            left[memory] = None if free is None else free - needed
    if not chosen:
        free = free_bytes(devices[0]) or 0
        raise MemoryError(_advice(devices[0], needed, free, width))
    return chosen


def block_bytes(epoch: Any, shared: Any) -> int:
    """Returns what a block's compiled program takes while it runs; 0 if unknown.

    Args:
        epoch: the program.
        shared: what all blocks read, which is not counted.
    """
    analysis = epoch.memory_analysis()
    if analysis is None:
        return 0
    return (
        analysis.argument_size_in_bytes
        + analysis.output_size_in_bytes
        - analysis.alias_size_in_bytes
        + analysis.temp_size_in_bytes
        - sum(x.nbytes for x in jax.tree.leaves(shared))
    )


def free_bytes(device: jax.Device) -> int | None:
    """Returns how much memory a device has left; None if unknown.

    The host's is what the system could still give; a container's limit is not seen.
    """
    if device.platform == "cpu":
        return _available_on_host()
    stats = device.memory_stats() or {}
    if "bytes_limit" not in stats:
        return None
    return stats["bytes_limit"] - stats.get("bytes_in_use", 0)


def used_bytes(devices: Sequence[jax.Device]) -> int | None:
    """Returns how much memory devices have in use, on CPU the process; None if unknown.

    It is what they hold now, not the most that they have held.
    """
    if devices[0].platform == "cpu":
        return _resident()
    stats = [device.memory_stats() or {} for device in set(devices)]
    if not all("bytes_in_use" in s for s in stats):
        return None
    return sum(s["bytes_in_use"] for s in stats)


def _resident() -> int | None:
    try:
        pages = int(Path(STATM).read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return None


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
        f"a narrower block: plan=jaxdl.Plan(block_width={narrower}), or --block-width "
        f"{narrower}"
        if narrower
        else "a smaller model or batch: not even one member fits"
    )
    return (
        f"a block of {width} members needs {needed / 2**20:,.0f} MiB on {device}, "
        f"which has {free / 2**20:,.0f} MiB left; expected {what}"
    )
