"""jaxdl: `sweep`, all of it, with its evaluation and its results."""

import functools
from collections.abc import Callable

import jax
import numpy as np

import jaxdl as dl
from experiments.bench.material import SEED, SPACE, Hparams
from experiments.bench.peers import Run
from experiments.bench.workloads import CLASSES, Task
from jaxdl import nn, optim


def prepare(task: Task, plan: dl.Plan | None = None) -> Run:
    sweep = sweeper(task, plan)

    def run(epochs):
        result = sweep(members=task.members, epochs=epochs)
        losses = np.nanmean(result.metrics["train_loss"], axis=0)
        return task.members * task.steps * epochs, losses.tolist()

    return run


def sweeper(task: Task, plan: dl.Plan | None = None) -> Callable[..., dl.SweepResult]:
    """Returns `sweep` with the task's recipe and data."""
    dev = dl.data.Dataset(task.dev_inputs, task.dev_labels)
    train = dl.data.Dataset(task.train_inputs, task.train_labels)
    data, key = dl.data.Splits(train, dev, dev), jax.random.key(SEED)
    settings = {"key": key, "plan": plan, "progress": False}
    return functools.partial(dl.sweep, recipe_of(task), SPACE, data, **settings)


def recipe_of(task: Task) -> Callable[[Hparams], dl.Recipe]:
    """Returns the task's recipe."""

    def recipe(hp: Hparams) -> dl.Recipe:
        return dl.Recipe(
            model=network(task, hp.keep_prob),
            optimizer=optim.adam(hp.learning_rate, beta1=hp.beta1),
            loss=nn.softmax_cross_entropy,
            batch_size=task.workload.batch_size,
        )

    return recipe


def network(task: Task, keep_prob: float) -> nn.Layer:
    layers = []
    for channels in task.workload.channels:
        layers += [nn.conv2d(channels), nn.relu, nn.max_pool()]
    for units in task.workload.units:
        if task.plain:
            layers += [nn.dense(units), nn.relu]
        else:
            layers += [nn.dense(units, use_bias=False), nn.batch_norm(), nn.relu]
            layers += [nn.dropout(keep_prob)]
    flat = [nn.flatten] * bool(task.workload.channels)
    return nn.serial(*layers, *flat, nn.dense(CLASSES))
