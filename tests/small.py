"""A small sweep on digits, as a recipe and a space, and as an experiment file."""

from typing import NamedTuple

import jaxdl as dl
from jaxdl import nn, optim


class Hparams(NamedTuple):
    learning_rate: float
    beta: float
    units: int
    activation: str
    decay: float


SPACE = Hparams(
    dl.LogUniform(1e-3, 1.0),
    dl.OneMinusLogUniform(0.5, 0.99),
    dl.AsSize(dl.IntUniform(8, 12)),
    "relu",
    dl.Choice([0.0, 0.5]),
)
ACTIVATIONS = {"relu": nn.relu, "tanh": nn.tanh}

EXPERIMENT = """
import jaxdl as dl
from tests.small import SPACE as space, rate as schedule, recipe
data = dl.data.load("digits")
"""


def rate(hp):
    """Returns the learning-rate schedule of a member."""
    return optim.hyperbolic_decay(hp.learning_rate, 8, hp.decay)


def recipe(hp):
    return dl.Recipe(
        nn.serial(nn.dense(hp.units), ACTIVATIONS[hp.activation], nn.dense(10)),
        optim.momentum(rate(hp), beta=hp.beta),
        nn.softmax_cross_entropy,
        batch_size=128,
    )
