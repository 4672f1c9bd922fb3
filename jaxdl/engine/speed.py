"""The speed of machines: a usual one for plans, and this one for forecasts alone.

What the last sweeps on this machine showed stands beside the compiled programs in the
folder of JAX's cache, and never in a plan. The median of the last five counts, since
others may keep the machine busy. Without such a folder, and before the first sweep, the
forecast is that of a usual machine.
"""

import contextlib
import json
import math
import os
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax

LEAST_SECONDS = 0.5  # that a measurement takes; what is shorter tells little
REMEMBERED = 5  # last measurements


class Speed(NamedTuple):
    """How fast a machine compiles and trains."""

    compiling: float  # seconds of a core, for a step of a program's trace
    work: float  # operations a second of a hand


# Rough, on a core of an AMD Zen 5: for small networks.
CPU = Speed(compiling=4e-3, work=8e9)
ACCELERATOR = CPU._replace(work=1e12)  # guessed, not measured


def usual_speed(platform: str) -> Speed:
    """Returns the speed of a usual machine, which no stopwatch changes.

    Args:
        platform: JAX's name of the devices, such as `cpu`.
    """
    return CPU if platform == "cpu" else ACCELERATOR


def read_speed(platform: str) -> Speed:
    """Returns the speed of this machine.

    Args:
        platform: JAX's name of the devices, such as `cpu`.
    """
    medians = {name: statistics.median(x) for name, x in _read(platform).items() if x}
    return usual_speed(platform)._replace(**medians)


def keep_speed(platform: str, **measured: float) -> None:
    """Keeps parts of the speed of this machine, if JAX has a cache on disk.

    Args:
        platform: JAX's name of the devices.
        measured: fields of `Speed`.
    """
    path = _path(platform)
    if path is None:
        return
    known = _read(platform)
    known |= {n: [*known[n], x][-REMEMBERED:] for n, x in measured.items()}
    part = path.with_name(f"{path.name}.{os.getpid()}")
    with contextlib.suppress(OSError):  # a forecast is no reason to end
        part.write_text(json.dumps(known))
        part.replace(path)


def _read(platform: str) -> dict[str, list[float]]:
    """Returns the last measurements of each field of `Speed`, the newest last."""
    path, nothing = _path(platform), {name: [] for name in Speed._fields}
    if path is None:
        return nothing
    try:
        found = nothing | json.loads(path.read_text())
        good = all(
            math.isfinite(x) and x > 0 for known in found.values() for x in known
        )
    except (OSError, ValueError, TypeError):  # absent, damaged or another version's
        return nothing
    return found if good and found.keys() == nothing.keys() else nothing


@contextlib.contextmanager
def timed_compiling(platform: str, programs: int, length: int) -> Iterator[None]:
    """Keeps how fast this machine compiles, if the cache had none of the programs.

    The time is that of the processor over all threads, so other processes do not count.

    Args:
        platform: JAX's name of the devices.
        programs: how many are compiled.
        length: of the traces of all.
    """
    before, began = _programs_on_disk(), time.process_time()
    yield
    seconds, new = time.process_time() - began, _programs_on_disk() - before
    if new >= programs and seconds > LEAST_SECONDS:
        keep_speed(platform, compiling=seconds / length)


def _programs_on_disk() -> int:
    """Returns how many programs of an epoch JAX's cache holds.

    Each structure has one of its own, while several may begin with the same program.
    """
    folder = _folder()
    return 0 if folder is None else sum(1 for _ in folder.glob("jit_epochs-*-cache"))


def _path(platform: str) -> Path | None:
    folder = _folder()
    return folder and folder / f"jaxdl-speed-{platform}.json"


def _folder() -> Path | None:
    config: Any = jax.config  # whose attributes JAX makes at run time
    folder = config.jax_compilation_cache_dir
    return Path(folder) if folder and Path(folder).is_dir() else None
