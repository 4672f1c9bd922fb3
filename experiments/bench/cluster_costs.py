"""What a sweep with many workers costs the process that drives it, measured.

The workers sleep and give copies of one block of the digits network, 16 members, 20
epochs; see `cluster_hands`.
"""

import contextlib
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jaxdl as dl
from experiments import digits
from experiments.bench.cluster_hands import (
    Part,
    Sleepers,
    Sleeping,
    Times,
    Watched,
    bytes_of,
)
from experiments.bench.cluster_model import few_left, utilization

WIDTH, EPOCHS = 16, 20
EACH = 50  # hands of a process of a cluster
WAVES = 5  # blocks of each hand that sleeps


def train(blocks: int, folder: Path | None, **settings: Any) -> dl.SweepResult:
    """Returns the sweep of so many blocks."""
    return dl.sweep(
        digits.recipe, digits.space, digits.data, key=0, members=WIDTH * blocks,
        epochs=EPOCHS, run_dir=folder, progress=False, **settings,
    )  # fmt: skip


def driven_here(
    blocks: int, hands: int, times: Times, *, folder: bool, keep: int | None
) -> dict[str, float]:
    """Returns what a block costs the process that drives threads which sleep."""
    crew = Sleepers(hands, times)
    watched = Watched(crew, times, lambda: True)
    found = driven(blocks, hands, watched, folder=folder, keep=keep)
    weights = bytes_of((crew.first.params, crew.first.state))
    return found | {"weights_bytes": weights, "carry_bytes": bytes_of(crew.first.carry)}


def driven_on_ray(
    address: str, paced: int, *, folder: bool, keep: int | None
) -> dict[str, float]:
    """Returns what a block costs the process that drives a cluster.

    Args:
        address: of the cluster. It has processes of 50 hands.
        paced: its hands tell of their epochs as seldom as so many would.
        folder: whether there is a run folder.
        keep: as of `sweep`.
    """
    from jaxdl.interop import ray_crew, ray_process

    crew = dl.interop.ray(address, cpus=EACH)
    hands = int(crew.connect().cluster_resources()["CPU"]) // EACH * EACH
    usual = ray_process.Actor, ray_crew.MOST_TOLD
    ray_process.Actor = Sleeping
    ray_crew.MOST_TOLD *= hands / paced
    watched = Watched(crew, Sleeping.times, lambda: crew.size == hands)
    try:
        return driven(WAVES * hands, hands, watched, folder=folder, keep=keep)
    finally:
        ray_process.Actor, ray_crew.MOST_TOLD = usual


def driven(
    blocks: int, hands: int, crew: Watched, *, folder: bool, keep: int | None
) -> dict[str, float]:
    """Returns what a block costs the process that drives a crew."""
    with contextlib.ExitStack() as stack:
        place = None
        if folder:
            place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        train(blocks, place, crew=crew, keep=keep)
        threads = sum(crew.threads.values()) + time.thread_time() - crew.main
        files = [] if place is None else [*place.rglob("*")]
        on_disk = sum(512 * path.stat().st_blocks for path in files)
    return {
        "hands": hands,
        "blocks": blocks,
        "milliseconds": 1e3 * (crew.after - crew.before) / blocks,
        "threads_milliseconds": 1e3 * threads / blocks,
        "disk_bytes": on_disk / blocks,
        **utilizations(crew.parts, hands, crew.ended),
    }


def utilizations(parts: Sequence[Part], hands: int, ended: float) -> dict[str, float]:
    """Returns the share of the workers' time that is training.

    That is as long as there are blocks for all of them, and until the end.
    """
    full = utilization(parts, hands, few_left(parts, hands))
    return {"full": full, "whole": utilization(parts, hands, ended)}


def start_of_shard() -> float:
    """Returns the processor seconds of a process that trains a shard of one block.

    It finds its programs in the cache.
    """
    with tempfile.TemporaryDirectory() as folder:
        compiles, finds = (started(folder, name) for name in ("compiles", "finds"))
    return min(compiles, finds)


def started(cache: str, name: str) -> float:
    """Returns the processor seconds of a fresh process with such a cache."""
    code = "import sys; from experiments.bench import cluster_costs as c; c.shard()"
    command = [sys.executable, "-c", code, f"{cache}/{name}"]
    before = processor_seconds()
    subprocess.run(command, check=True, env=os.environ | {"XDG_CACHE_HOME": cache})
    return processor_seconds() - before


def processor_seconds() -> float:
    """Returns the processor seconds of all processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def shard() -> None:
    """Trains a shard of one block in the folder that the command line names."""
    dl.enable_compilation_cache()
    train(100, Path(sys.argv[1]), shard=(0, 100))
