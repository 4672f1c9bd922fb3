"""The workers: host threads that train blocks on devices, each one block at a time."""

import concurrent.futures
import os
import queue
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

import jax
import jax.numpy as jnp

Block = TypeVar("Block")
Result = TypeVar("Result")
ONE_TOO_MANY = (
    "the device ran out of memory with one block on it; expected a narrower block: "
    "plan=jaxdl.Plan(block_width=...), or --block-width, below the width of this plan"
)


def worker_devices() -> list[jax.Device]:
    """Returns the device of each worker.

    Each device has one worker. A single CPU device has one worker for each core: two
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


def place(
    work: Callable[[Block, jax.Device, threading.Event], Result],
    blocks: Sequence[Block],
    devices: list[jax.Device],
) -> list[Result]:
    """Returns `work(block, device, stop)` of every block, in the order of the blocks.

    Each worker takes the next block when it is free. If a block runs out of memory, its
    worker ends and another worker starts the block again. If the last worker runs out
    of memory, a block fails otherwise, or the caller is interrupted, `stop` is set and
    no further block begins.

    Args:
        work: trains a block on a device; it should end soon after `stop` is set.
        blocks: to train.
        devices: one for each worker; several workers may share a device.

    Raises:
        MemoryError: the last worker ran out of memory.
    """
    free: queue.SimpleQueue[jax.Device] = queue.SimpleQueue()
    for device in devices:
        free.put(device)
    dispensable = threading.Semaphore(len(devices) - 1)
    stop = threading.Event()
    wide = jnp.result_type(float) == jnp.float64  # the setting is a thread's own

    def run(block: Block) -> Result:
        while True:
            device = free.get()
            retire = False
            try:
                if stop.is_set():
                    raise concurrent.futures.CancelledError
                with jax.enable_x64(wide):
                    return work(block, device, stop)
            except BaseException as error:
                short = _out_of_memory(error)
                retire = short and dispensable.acquire(blocking=False)
                if not retire:
                    stop.set()
                    if short:
                        raise MemoryError(ONE_TOO_MANY) from error
                    raise
            finally:
                if not retire:
                    free.put(device)

    with concurrent.futures.ThreadPoolExecutor(len(devices)) as pool:
        try:
            futures = [pool.submit(run, block) for block in blocks]
            concurrent.futures.wait(
                futures, return_when=concurrent.futures.FIRST_EXCEPTION
            )
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)
    # The first failure is the cause; it cancelled the other blocks.
    failures = (f.exception() for f in futures if f.done() and not f.cancelled())
    for failure in failures:
        if failure and not isinstance(failure, concurrent.futures.CancelledError):
            raise failure
    return [future.result() for future in futures]


def _out_of_memory(error: BaseException) -> bool:
    runtime = isinstance(error, jax.errors.JaxRuntimeError)
    return runtime and "RESOURCE_EXHAUSTED" in str(error)
