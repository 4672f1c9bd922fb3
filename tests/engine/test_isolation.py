"""A member that is made to fail, anyhow, and neighbors that do not notice."""

import functools
from typing import NamedTuple

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, optim
from jaxdl.train import Status

KEY = jax.random.key(0)
WIDTH = 8
OPTIMIZERS = {
    "gradient_descent": optim.gradient_descent,
    "momentum": optim.momentum,
    "rmsprop": optim.rmsprop,
    "adam": optim.adam,
    "adamw": functools.partial(optim.adamw, weight_decay=0.1),
}
CASES = [
    (name, value)
    for name, values in {
        "rate": (np.nan, np.inf, -np.inf, 1e38, -1e38, 1e20),
        "l2": (np.nan, np.inf, -np.inf, 1e38, -1e20),
        "stddev": (np.nan, np.inf, 1e38, 1e20),
    }.items()
    for value in values
]


class Hparams(NamedTuple):
    rate: object
    l2: object
    stddev: object


GOOD = Hparams(*(np.geomspace(low, high, WIDTH) for low, high in
                 ((1e-3, 1e-2), (1e-3, 1.0), (0.1, 0.3))))  # fmt: skip


@functools.cache  # the same function again, so that it compiles once
def make_recipe_of(optimizer):
    def recipe(hp):
        hidden = (nn.dense(16, init=nn.normal(hp.stddev)), nn.batch_norm(), nn.relu)
        return dl.Recipe(
            model=nn.serial(*hidden, nn.dropout(0.9), nn.dense(10)),
            optimizer=OPTIMIZERS[optimizer](hp.rate),
            loss=nn.softmax_cross_entropy,
            penalty=nn.l2(hp.l2),
        )

    return recipe


def sweep(optimizer, hparams, data):
    settings = {"key": KEY, "members": WIDTH, "epochs": 2, "plan": dl.Plan(WIDTH)}
    recipe = make_recipe_of(optimizer)
    return dl.sweep(recipe, hparams, data, progress=False, **settings)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(
    "slots", [(3,), pytest.param(range(WIDTH), marks=pytest.mark.heavy)]
)
def test_neighbours_of_a_member_that_fails_keep_every_bit(slots, optimizer, digits):
    few = digits._replace(train=jax.tree.map(lambda x: x[:256], digits.train))
    alone = sweep(optimizer, GOOD, few)
    diverged = 0
    for slot in slots:
        for name, value in CASES if len(slots) > 1 else CASES[::5]:
            column = getattr(GOOD, name).copy()
            column[slot] = value
            result = sweep(optimizer, GOOD._replace(**{name: column}), few)
            diverged += result.status[slot] == Status.DIVERGED
            for i in set(range(WIDTH)) - {slot}:
                for a, b in zip(
                    jax.tree.leaves((result.member(i).params, result.member(i).state)),
                    jax.tree.leaves((alone.member(i).params, alone.member(i).state)),
                    strict=True,
                ):
                    np.testing.assert_array_equal(a, b)
                    assert np.isfinite(a).all()
    assert diverged
