"""The speed of this machine, as its last sweeps showed it; for forecasts alone.

It stands beside the compiled programs in the folder of JAX's cache, and never in a
plan. Without such a folder, and before the first sweep, it is that of one machine.
"""

import contextlib
import json
import math
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax

from jaxdl.engine.devices import cores

LEAST_SECONDS = 0.5  # that a measurement takes; what is shorter tells little


class Speed(NamedTuple):
    """How fast a machine compiles and trains. Measured on two cores of an AMD Zen 5."""

    compiling: float = 4e-3  # seconds of a core, for a step of a program's trace
    work: float = 8e9  # operations a second of a hand


def read_speed(platform: str) -> Speed:
    """Returns the speed of this machine.

    Args:
        platform: JAX's name of the devices, such as `cpu`.
    """
    path = _path(platform)
    if path is None:
        return Speed()
    try:
        speed = Speed(**json.loads(path.read_text()))
        known = all(math.isfinite(x) and x > 0 for x in speed)
    except (OSError, ValueError, TypeError):  # absent, damaged or another version's
        return Speed()
    return speed if known else Speed()


def keep_speed(platform: str, **measured: float) -> None:
    """Keeps parts of the speed of this machine, if JAX has a cache on disk.

    Args:
        platform: JAX's name of the devices.
        measured: fields of `Speed`.
    """
    path = _path(platform)
    if path is None:
        return
    speed = read_speed(platform)._replace(**measured)
    part = path.with_name(f"{path.name}.{os.getpid()}")
    with contextlib.suppress(OSError):  # a forecast is no reason to end
        part.write_text(json.dumps(speed._asdict()))
        part.replace(path)


@contextlib.contextmanager
def timed_compiling(platform: str, programs: int, length: int) -> Iterator[None]:
    """Keeps how fast this machine compiles, if the cache had none of the programs.

    Args:
        platform: JAX's name of the devices.
        programs: how many blocks' programs are compiled: each has two files then.
        length: of the traces of all.
    """
    before, began = _programs_on_disk(), time.monotonic()
    yield
    seconds, new = time.monotonic() - began, _programs_on_disk() - before
    if new >= 2 * programs and seconds > LEAST_SECONDS:
        keep_speed(platform, compiling=seconds * min(cores(), programs) / length)


def _programs_on_disk() -> int:
    """Returns how many programs JAX's cache holds."""
    folder = _folder()
    return 0 if folder is None else sum(1 for _ in folder.glob("*-cache"))


def _path(platform: str) -> Path | None:
    folder = _folder()
    return folder and folder / f"jaxdl-speed-{platform}.json"


def _folder() -> Path | None:
    config: Any = jax.config  # whose attributes JAX makes at run time
    folder = config.jax_compilation_cache_dir
    return Path(folder) if folder and Path(folder).is_dir() else None
