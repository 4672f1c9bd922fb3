"""Which network, which optimizer and which batches? All of them in one sweep.

    jaxdl sweep experiments/architectures.py --members 512 --epochs 10

One to four hidden layers of 16 to 256 units, Adam or momentum with rates of their own,
three batch sizes, on scikit-learn's 1,797 scans of digits. All sizes share a
bound, so that 3 programs train every network.
"""

from typing import Any, NamedTuple

import jaxdl as dl
from jaxdl import nn, optim


class Hparams(NamedTuple):
    optimizer: Any  # a choice among two
    adam_rate: float
    momentum_rate: float
    beta: float  # of momentum
    batch_size: int
    units: int
    layers: int
    keep_prob: float


data = dl.data.load("digits")

space = Hparams(
    optimizer=dl.Among(["adam", "momentum"]),
    adam_rate=dl.LogUniform(1e-3, 1e-1),
    momentum_rate=dl.LogUniform(1e-2, 1.0),
    beta=dl.OneMinusLogUniform(0.8, 0.99),
    batch_size=dl.Static([32, 64, 128]),
    units=dl.AsSize(dl.IntUniform(16, 256)),
    layers=dl.AsSize(dl.IntUniform(1, 4)),
    keep_prob=dl.Uniform(0.6, 1.0),
)


def recipe(hp: Hparams) -> dl.Recipe:
    def hidden():
        return nn.serial(
            nn.dense(hp.units, use_bias=False),
            nn.batch_norm(),
            nn.relu,
            nn.dropout(hp.keep_prob),
        )

    optimizers = {
        "adam": optim.adam(hp.adam_rate),
        "momentum": optim.momentum(hp.momentum_rate, beta=hp.beta),
    }
    return dl.Recipe(
        model=nn.serial(hidden(), nn.repeat(hidden(), hp.layers - 1), nn.dense(10)),
        optimizer=optim.among(hp.optimizer, optimizers),
        loss=nn.softmax_cross_entropy,
        batch_size=hp.batch_size,
    )
