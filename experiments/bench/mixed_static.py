"""The space of `experiments/mixed.py` with a program for each combination of choices.

`Either` and `Static` are where it has `Among`.
"""

import jaxdl as dl
from experiments import mixed
from jaxdl import optim, train

data = mixed.data

adam = mixed.adam._replace(schedule=dl.Static(["constant", "inverse", "exponential"]))
space = mixed.space._replace(
    optimizer=dl.Either({"adam": adam, "momentum": mixed.momentum}),
    activation=dl.Static(["relu", "tanh"]),
    batch_norm=dl.Static([True, False]),
)


def recipe(hp: mixed.Hparams, facts: train.Facts) -> dl.Recipe:
    own = hp.optimizer.values
    optimizer = (
        optim.adam(mixed.rate(own, facts))
        if hp.optimizer.name == "adam"
        else optim.momentum(own.rate, beta=own.beta)
    )
    return mixed.network(hp, facts, optimizer)
