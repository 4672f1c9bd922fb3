"""Placing: threads of the host train blocks, each one at a time."""

import concurrent.futures
import queue
import threading
from collections.abc import Callable, Iterable
from typing import TypeVar

import jax
import jax.numpy as jnp

Block = TypeVar("Block")
Result = TypeVar("Result")


def place(
    work: Callable[[Block, threading.Event], Result],
    blocks: Iterable[Block],
    then: Callable[[Block, Result], Iterable[Block]],
    threads: int,
) -> None:
    """Trains blocks, first come, first served, and those that follow from them.

    If a block fails, or the caller is interrupted, `stop` is set and no further block
    begins.

    Args:
        work: `(block, stop)`, trains a block in a thread; it should end soon after
            `stop` is set.
        blocks: to train.
        then: gets each block and its result in the thread of the caller, in the order
            in which they end; returns further blocks.
        threads: how many blocks train at once, at most.
    """
    finished: queue.SimpleQueue[tuple[Block, concurrent.futures.Future[Result]]]
    finished, stop, left = queue.SimpleQueue(), threading.Event(), 0
    wide = jnp.result_type(float) == jnp.float64  # the setting is a thread's own

    def run(block: Block) -> Result:
        with jax.enable_x64(wide):
            return work(block, stop)

    with concurrent.futures.ThreadPoolExecutor(threads) as pool:

        def submit(block: Block) -> None:
            future = pool.submit(run, block)
            future.add_done_callback(lambda done: finished.put((block, done)))

        try:
            for block in blocks:
                submit(block)
                left += 1
            while left:
                block, future = finished.get()
                left -= 1
                for further in then(block, future.result()):
                    submit(further)
                    left += 1
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)
