"""JAX without vmap: the same scanned epoch, jitted once, one member after another."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from experiments.bench.peers import Run
from experiments.bench.peers.jax_by_hand import (
    hyperparameters,
    make_init,
    make_step,
    order,
)
from experiments.bench.workloads import Task


def prepare(task: Task) -> Run:
    inputs, labels = jnp.asarray(task.train_inputs), jnp.asarray(task.train_labels)
    init, step, hyper = jax.jit(make_init(task)), make_step(task), hyperparameters(task)
    members = [{k: v[i] for k, v in hyper.items()} for i in range(task.members)]

    @partial(jax.jit, donate_argnums=0)
    def epoch(carry, hp, inputs, labels, key):
        def body(carry, index):
            return step(hp, carry, inputs[index], labels[index])

        carry, losses = jax.lax.scan(body, carry, order(task, key))
        return carry, losses.mean()

    def run(epochs):
        keys, curves = jax.random.split(jax.random.key(1), epochs), []
        starts = jax.random.split(jax.random.key(0), task.members)
        for hp, start in zip(members, starts, strict=True):
            carry, losses = init(hp, start), []
            for key in keys:
                carry, loss = epoch(carry, hp, inputs, labels, key)
                losses.append(loss)
            curves.append(jax.block_until_ready(losses))
        mean = np.mean(np.asarray(curves), axis=0)
        return task.members * task.steps * epochs, mean.tolist()

    return run
