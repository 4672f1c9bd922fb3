"""Which optimizer, schedule, activation, normalization and width? All in one sweep.

    jaxdl sweep experiments/mixed.py --members 200 --epochs 5

Each member computes every option and keeps its own, so that members share a program
whatever they choose. Two programs, one for each bound of the width, train them all.
"""

from typing import Any, NamedTuple

import optax

import jaxdl as dl
from jaxdl import nn, optim, train

BATCH_SIZE = 64


class Adam(NamedTuple):
    rate: float  # at first
    schedule: Any  # a choice
    decay: float


class Momentum(NamedTuple):
    rate: float
    beta: float


class Hparams(NamedTuple):
    optimizer: Any  # a choice, like the next two
    activation: Any
    batch_norm: Any
    units: int
    keep_prob: float
    l2: float
    smoothing: float  # of the labels


data = dl.data.load("digits")

adam = Adam(
    rate=dl.LogUniform(1e-4, 1e-1),
    schedule=dl.Among(["constant", "inverse", "exponential"]),
    decay=dl.LogUniform(1e-2, 0.9),
)
momentum = Momentum(
    rate=dl.LogUniform(1e-3, 1.0), beta=dl.OneMinusLogUniform(0.8, 0.99)
)
space = Hparams(
    optimizer=dl.Among({"adam": adam, "momentum": momentum}),
    activation=dl.Among(["relu", "tanh"]),
    batch_norm=dl.Among([True, False]),
    units=dl.AsSize(dl.IntUniform(8, 64)),
    keep_prob=dl.Uniform(0.5, 1.0),
    l2=dl.LogUniform(1e-4, 1.0),
    smoothing=dl.Uniform(0.0, 0.2),
)


def recipe(hp: Hparams, facts: train.Facts) -> dl.Recipe:
    own = hp.optimizer.options
    optimizers = {
        "adam": optim.adam(rate(own["adam"], facts)),
        "momentum": optim.momentum(own["momentum"].rate, beta=own["momentum"].beta),
    }
    return network(hp, facts, optim.among(hp.optimizer.name, optimizers))


def rate(adam: Adam, facts: train.Facts) -> Any:
    """Returns Adam's learning rate, a number or a schedule."""
    given = adam.rate, facts.steps_per_epoch(BATCH_SIZE), adam.decay
    schedules = {
        "constant": adam.rate,
        "inverse": optim.inverse_time_decay(*given),
        "exponential": optim.exponential_decay(*given),
    }
    return optim.among(adam.schedule, schedules)


def network(
    hp: Any, facts: train.Facts, optimizer: optax.GradientTransformation
) -> dl.Recipe:
    """Returns the recipe of two hidden layers, with an optimizer."""

    def hidden():
        return nn.serial(
            nn.dense(hp.units),
            nn.maybe(hp.batch_norm, nn.batch_norm()),
            nn.among(hp.activation, {"relu": nn.relu, "tanh": nn.tanh}),
            nn.dropout(hp.keep_prob),
        )

    return dl.Recipe(
        model=nn.serial(hidden(), hidden(), nn.dense(facts.num_classes)),
        optimizer=optimizer,
        loss=nn.label_smoothing(nn.softmax_cross_entropy, hp.smoothing),
        penalty=nn.l2(hp.l2),
        batch_size=BATCH_SIZE,
    )
