"""TurbaNet as its README has it: a swarm of Flax modules, a jitted step at a time.

Its train state holds neither random keys nor running moments, so that it trains plain
networks only; each member's rates are put into the state of the swarm's optimizer.
"""

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from turbanet import TurbaTrainState, softmax_cross_entropy

from experiments.bench.peers import LeftOut, Run
from experiments.bench.peers.jax_by_hand import order
from experiments.bench.workloads import CLASSES, Task


class Network(nn.Module):
    channels: tuple[int, ...]
    units: tuple[int, ...]

    @nn.compact
    def __call__(self, x):
        for channels in self.channels:
            x = nn.relu(nn.Conv(channels, (3, 3))(x))
            x = nn.max_pool(x, (2, 2), (2, 2))
        x = x.reshape(len(x), -1)
        for units in self.units:
            x = nn.relu(nn.Dense(units)(x))
        return nn.Dense(CLASSES)(x)


def prepare(task: Task) -> Run:
    if task.normalized:
        raise LeftOut("keeps neither batch normalization's state nor dropout's keys")
    inputs = jnp.asarray(task.train_inputs)
    labels = jax.nn.one_hot(task.train_labels, CLASSES)

    # Once, since each swarm compiles its own step.
    first = make_swarm(task).set_loss_fn(softmax_cross_entropy)

    @jax.jit
    def batch(index):  # of every member, [members, B, ...]
        one = inputs[index], labels[index]
        return [jnp.broadcast_to(x, (task.members, *x.shape)) for x in one]

    def run(epochs):
        swarm, losses = first, []
        for key in jax.random.split(jax.random.key(1), epochs):
            steps = []
            for index in order(task, key):
                swarm, loss, _ = swarm.train(*batch(index))
                steps.append(loss)
            losses.append(float(jnp.mean(jnp.stack(steps))))
        jax.block_until_ready(swarm.params)
        return task.members * task.steps * epochs, losses

    return run


def make_swarm(task: Task) -> TurbaTrainState:
    swarm = TurbaTrainState.swarm(
        Network(task.workload.channels, task.workload.units),
        optax.inject_hyperparams(optax.adam)(learning_rate=1e-3, b1=0.9),
        task.members,
        sample_input=task.train_inputs[:1],
    )
    rates = {"learning_rate": task.learning_rate, "b1": task.beta1}
    rates = {name: jnp.asarray(value) for name, value in rates.items()}
    opt_state = swarm.opt_state
    hyperparams = opt_state.hyperparams | rates
    return swarm.replace(opt_state=opt_state._replace(hyperparams=hyperparams))
