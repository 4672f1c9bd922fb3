"""The workers: host threads that run blocks on devices, one block each at a time."""

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
    "the device has no memory for one block at a time; expected a narrower one: "
    "plan=jaxdl.Plan(block_width=...), or --block-width, below the width it told"
)


def worker_devices() -> list[jax.Device]:
    """Returns the device of each worker: one a device, or a core where one CPU is all.

    Two host threads that run programs on one CPU device use two cores.
    """
    devices = jax.local_devices()
    if len(devices) == 1 and devices[0].platform == "cpu":
        return devices * cores()
    return devices


def cores() -> int:
    """Returns how many processors this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def place(
    work: Callable[[Block, jax.Device, threading.Event], Result],
    blocks: Sequence[Block],
    devices: list[jax.Device],
) -> list[Result]:
    """Returns `work(block, device, stop)` of every block, in the order of the blocks.

    One thread a device takes the next block whenever it is free. A block that runs out
    of the device's memory starts again with one worker fewer, as long as there is
    another. When one fails, or the caller is interrupted, `stop` is set and no further
    block begins.

    Args:
        work: trains a block on a device; should end soon once `stop` is set.
        blocks: whom to train.
        devices: one entry a worker; a device may come more than once.
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
    # The first failure is the cause; what it stopped is not.
    failures = (f.exception() for f in futures if f.done() and not f.cancelled())
    for failure in failures:
        if failure and not isinstance(failure, concurrent.futures.CancelledError):
            raise failure
    return [future.result() for future in futures]


def _out_of_memory(error: BaseException) -> bool:
    runtime = isinstance(error, jax.errors.JaxRuntimeError)
    return runtime and "RESOURCE_EXHAUSTED" in str(error)
