"""Placing: threads of the host train blocks, each one at a time."""

import concurrent.futures
import queue
import threading
from collections.abc import Callable, Iterable
from typing import TypeVar

import jax
import jax.numpy as jnp

LOOK_SECONDS = 1.0  # between two looks at how many hands there are

Block = TypeVar("Block")
Result = TypeVar("Result")


def place(
    work: Callable[[Block, threading.Event], Result],
    blocks: Iterable[Block],
    then: Callable[[Block, Result], Iterable[Block]],
    hands: Callable[[], int],
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
        hands: returns how many blocks can train at once; it may grow. At least one
            trains.
    """
    finished: queue.SimpleQueue[tuple[Block, concurrent.futures.Future[Result]]]
    finished, stop, left = queue.SimpleQueue(), threading.Event(), 0
    waiting: queue.SimpleQueue[Block | None] = queue.SimpleQueue()  # None: no more come
    wide = jnp.result_type(float) == jnp.float64  # the setting is a thread's own
    threads: list[threading.Thread] = []

    def run() -> None:
        with jax.enable_x64(wide):
            while (block := waiting.get()) is not None and not stop.is_set():
                finished.put((block, _outcome(work, block, stop)))

    def serve() -> None:
        """Starts a thread for each hand that has none."""
        while len(threads) < min(left, max(1, hands())):
            threads.append(threading.Thread(target=run, name="block"))
            threads[-1].start()

    try:
        for block in blocks:
            waiting.put(block)
            left += 1
        while left:
            serve()
            try:
                block, future = finished.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                continue
            left -= 1
            for further in then(block, future.result()):
                waiting.put(further)
                left += 1
    finally:
        stop.set()
        for _ in threads:
            waiting.put(None)
        for thread in threads:
            thread.join()


def _outcome(
    work: Callable[[Block, threading.Event], Result],
    block: Block,
    stop: threading.Event,
) -> "concurrent.futures.Future[Result]":
    """Returns what `work` returned or raised."""
    future: concurrent.futures.Future[Result] = concurrent.futures.Future()
    try:
        future.set_result(work(block, stop))
    except BaseException as error:
        future.set_exception(error)
    return future
