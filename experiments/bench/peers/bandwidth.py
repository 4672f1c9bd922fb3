"""What the machine's memory gives at most: copies of an array far beyond any cache.

Work is in bytes, those read and those written.
"""

from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np

from experiments.bench.peers import Run
from experiments.bench.race import cores
from experiments.bench.workloads import Task

BYTES = 2**29


def prepare(task: Task) -> Run:
    del task
    if jax.devices()[0].platform == "cpu":
        return copy_with_threads(cores())
    x = jnp.zeros(BYTES // 4)
    triad = jax.jit(lambda x: 2 * x + 1)

    def run(epochs):
        y = x
        for _ in range(epochs):
            y = triad(y)
        jax.block_until_ready(y)
        return 2 * x.nbytes * epochs, []

    return run


def copy_with_threads(threads: int) -> Run:
    """Returns the run in which each thread copies its part; NumPy frees the lock."""
    source, target = np.ones(BYTES // 4, np.float32), np.zeros(BYTES // 4, np.float32)
    parts = [np.array_split(x, threads) for x in (target, source)]
    pool = ThreadPoolExecutor(threads)

    def run(epochs):
        for _ in range(epochs):
            list(pool.map(np.copyto, *parts))
        return 2 * source.nbytes * epochs, []

    return run
