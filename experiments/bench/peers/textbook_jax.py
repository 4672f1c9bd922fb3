"""JAX as its tutorials have it: one step vmapped over all members, scanned, jitted."""

from functools import partial

import jax
import jax.numpy as jnp

from experiments.bench.peers import Run
from experiments.bench.peers.jax_by_hand import (
    hyperparameters,
    make_init,
    make_step,
    order,
)
from experiments.bench.workloads import Task


def prepare(task: Task) -> Run:
    hp = hyperparameters(task)
    inputs, labels = jnp.asarray(task.train_inputs), jnp.asarray(task.train_labels)
    init = jax.jit(jax.vmap(make_init(task)))
    step = jax.vmap(make_step(task), (0, 0, None, None))

    @partial(jax.jit, donate_argnums=0)
    def epoch(carry, hp, inputs, labels, key):
        def body(carry, index):
            return step(hp, carry, inputs[index], labels[index])

        carry, losses = jax.lax.scan(body, carry, order(task, key))
        return carry, losses.mean()

    def run(epochs):
        carry, losses = init(hp, jax.random.split(jax.random.key(0), task.members)), []
        for key in jax.random.split(jax.random.key(1), epochs):
            carry, loss = epoch(carry, hp, inputs, labels, key)
            losses.append(loss)
        jax.block_until_ready(carry)
        return task.members * task.steps * epochs, [float(loss) for loss in losses]

    return run
