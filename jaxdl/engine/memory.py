"""Memory: how many blocks fit on a device at once, by what their program takes."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax

from jaxdl.data import Source, Splits
from jaxdl.data.trees import named
from jaxdl.train.part import bytes_of, on_device_shapes
from jaxdl.train.state import TrainState

ONE_TOO_MANY = (
    "the device ran out of memory with one block on it; expected a narrower block: "
    "plan=jaxdl.Plan(block_width=...), or --block-width, below the width of this plan"
)
MEMINFO, STATM = "/proc/meminfo", "/proc/self/statm"  # Linux only


def fitting(devices: list[jax.Device], needed: int, width: int) -> list[jax.Device]:
    """Returns the devices of as many hands as have memory for one block each.

    CPU devices share the memory of the host. A device whose free memory is unknown
    keeps all its hands.

    Args:
        devices: one for each hand; several hands may share a device.
        needed: bytes that a block takes in addition to what all blocks share.
        width: how many members a block has room for.

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
    """Returns how many bytes a block takes while it trains; 0 if unknown.

    Args:
        epoch: its compiled program.
        shared: the inputs that all blocks read; they are not counted.
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


def check_carried(
    devices: list[jax.Device], train_states: Sequence[TrainState], width: int
) -> None:
    """Checks that a device has memory for what goes from step to step in a block.

    A block takes at least that, and its shapes tell before anything is compiled.

    Args:
        devices: one for each hand.
        train_states: of a member in each known program, of jax.ShapeDtypeStruct.
        width: how many members a block has room for.

    Raises:
        MemoryError: as `fitting`.
    """
    sizes = [bytes_of(state._replace(key=())) for state in train_states]
    most = max(sizes, default=0)
    fitting(devices, most * width, width)


def mebibytes(count: float) -> str:
    """Returns a number of bytes in words, such as `5 MiB`."""
    return f"{count / 2**20:,.0f} MiB"


def stays_on_host(data: Splits, devices: Sequence[jax.Device]) -> bool:
    """Returns whether the examples of train and dev set do not go to the devices.

    They stay if they are read from a source, or if a device has no memory for them.
    CPU devices share the memory of the host, and each has its own copy.

    Args:
        data: train, dev and test sets.
        devices: that would hold the train and the dev set, each of them.
    """
    sets = [data.train] if data.dev is data.train else [data.train, data.dev]
    arrays = [x for s in sets for x in named(s.inputs).values()]
    if any(isinstance(x, Source) for x in arrays):
        return True
    needed = sum(bytes_of(on_device_shapes(s).inputs) for s in sets)
    host = [device for device in devices if device.platform == "cpu"]
    free = free_bytes(devices[0])
    return free is not None and needed * max(1, len(host)) > free


def free_bytes(device: jax.Device) -> int | None:
    """Returns how many bytes of memory a device has left; None if unknown.

    For a CPU it is the memory that the host has available. A limit of a container is
    not taken into account.
    """
    if device.platform == "cpu":
        return _available_on_host()
    stats = device.memory_stats() or {}
    if "bytes_limit" not in stats:
        return None
    return stats["bytes_limit"] - stats.get("bytes_in_use", 0)


def used_bytes(devices: Sequence[jax.Device]) -> int | None:
    """Returns how many bytes the devices have in use now; None if unknown.

    On a CPU it is the memory of this process.
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
        f"a block of {width} members needs {mebibytes(needed)} on {device}, "
        f"which has {mebibytes(free)} left; expected {what}"
    )
