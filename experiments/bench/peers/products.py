"""The matrix products of a training and nothing else: what no training can exceed.

Each core has a network of its own. A step computes every product of the forward and the
backward pass in its true shape; the weights' gradients take the weights' place, so that
no product can be left out. Work is in member-steps.
"""

import concurrent.futures
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.bench import counts
from experiments.bench.peers import LeftOut, Run
from experiments.bench.race import cores
from experiments.bench.workloads import Task

OPTIONS: dict[str, Any] = {
    "xla_cpu_multi_thread_eigen": False,
    "xla_cpu_prefer_vector_width": 512,
}


def prepare(task: Task) -> Run:
    if task.workload.channels or jax.devices()[0].platform != "cpu":
        raise LeftOut("is measured for dense layers on processors only")
    draws = np.random.default_rng(0)
    shapes = [(p.k, p.n) for p in counts.products(task.workload)]
    weights = [jnp.asarray(draws.standard_normal(s, np.float32)) for s in shapes]
    steps = -(-task.members // cores()) * task.steps  # of a core in an epoch
    batch = jnp.asarray(task.train_inputs[: task.workload.batch_size])
    train = jax.jit(
        lambda weights: jax.lax.scan(
            lambda w, _: (step(w, batch), ()), weights, length=steps
        )[0]
    )
    compiled = train.lower(weights).compile(compiler_options=OPTIONS)

    def run(epochs):
        def work(_):
            for _ in range(epochs):
                jax.block_until_ready(compiled(weights))

        with concurrent.futures.ThreadPoolExecutor(cores()) as pool:
            list(pool.map(work, range(cores())))
        return steps * cores() * epochs, []

    return run


def step(weights: list[jax.Array], batch: jax.Array) -> list[jax.Array]:
    """Returns the weights' gradients where the outputs are their own gradient."""
    inputs = [batch]
    for w in weights:
        inputs.append(inputs[-1] @ w)
    dz, gradients = inputs.pop(), []
    for w, x in zip(reversed(weights), reversed(inputs), strict=True):
        gradients.insert(0, x.T @ dz)
        dz = dz @ w.T
    return gradients
