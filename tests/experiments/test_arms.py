"""Intervals and verdicts of claims, against hand calculation."""

from typing import NamedTuple

import numpy as np
import pytest

import jaxdl as dl
from experiments.course import arms
from jaxdl import nn, optim


class Hparams(NamedTuple):
    rate: float
    units: int


def recipe(hp):
    model = nn.serial(nn.dense(hp.units), nn.relu, nn.dense(10))
    return dl.Recipe(model, optim.gradient_descent(hp.rate), nn.softmax_cross_entropy)


def few():
    data = dl.data.load("digits")
    return data._replace(train=data.train[:64], dev=data.dev[:50])


def test_an_interval_is_students():
    # The mean of 1, 2, 3 is 2, the standard error 1/√3; t(0.995) with 2 degrees of
    # freedom is 9.9248.
    mean, low, high = arms.interval([1.0, 2.0, 3.0])
    assert mean == 2
    assert (low, high) == pytest.approx((2 - 5.7301, 2 + 5.7301), abs=1e-3)


@pytest.mark.parametrize(
    "sign, low, high, verdict",
    [
        (1, 1.0, 3.0, "seen"),
        (1, -1.0, 3.0, "not settled"),
        (1, -3.0, -1.0, "reversed"),
        (-1, -3.0, -1.0, "seen"),
        (-1, 1.0, 3.0, "reversed"),
        (-1, -0.4, -0.2, "seen, small"),
        (1, -0.4, -0.2, "reversed, small"),
        (0, -0.9, 0.9, "seen"),
        (0, -0.9, 1.1, "not settled"),
    ],
)
def test_a_claim_is_seen_on_its_own_side_of_0(sign, low, high, verdict):
    claim = arms.Claim(0, "", sign, 1.0, "points")
    assert arms.Finding(claim, (low + high) / 2, low, high, 9).verdict == verdict


def test_arms_become_columns_of_numbers_and_of_static_values():
    space = arms.as_space({"a": Hparams(0.1, 4), "b": Hparams(0.2, 8)})
    np.testing.assert_array_equal(space.rate, np.float32([0.1, 0.2]))
    assert space.units.tolist() == [4, 8] and space.units.dtype == object


def test_each_arm_has_the_members_of_its_own_hyperparameters():
    # As many members as in the next test, so that both share a program.
    ways = {
        "slow": Hparams(1e-30, 4),
        "fast": Hparams(0.5, 4),
        "other": Hparams(0.1, 4),
    }
    found = arms.train(recipe, ways, few(), seeds=6, epochs=2, key=0)
    assert [m.hparams.rate for m in found["fast"].members()] == [np.float32(0.5)] * 6
    loss = {name: arm.curves["dev_loss"] for name, arm in found.items()}
    assert loss["slow"].shape == (6, 2)
    np.testing.assert_array_equal(loss["slow"][:, 0], loss["slow"][:, 1])
    assert (loss["fast"][:, 1] < loss["fast"][:, 0]).all()
    data, last = few(), found["fast"].members()[-1]
    wrong = [
        100 * np.mean(last.predict(x.inputs).argmax(axis=1) != np.asarray(x.labels))
        for x in (data.train, data.dev)
    ]
    errors = arms.train_error(found["fast"], data), arms.dev_error(found["fast"])
    assert [x[-1] for x in errors] == pytest.approx(wrong, rel=1e-5)
    variance = arms.variance(found["fast"], data)[-1]
    assert variance == pytest.approx(wrong[1] - wrong[0], rel=1e-4)


def test_the_best_rate_is_the_one_that_trains():
    ways = {"": Hparams(0.1, 4)}
    settings = {"rates": [1e-30, 0.1, 1e9], "epochs": 2, "key": 0}
    best = arms.with_best_rates(recipe, ways, few(), **settings)
    assert best[""].rate == 0.1  # 1e-30 does not move, 1e9 diverges
