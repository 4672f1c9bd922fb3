"""Optimizers in two dimensions, and saddles, against what can be calculated."""

import jax
import numpy as np
import pytest

from experiments.course import landscapes
from jaxdl import optim

STARTS = jax.random.normal(jax.random.key(0), (3, 2))


def test_gradient_descent_arrives_when_its_equation_says():
    steps = landscapes.arrivals(
        optim.gradient_descent, landscapes.ravine, np.array([1.5e-3, 2.1e-3]), STARTS,
        5000,
    )  # fmt: skip
    t = np.arange(1, 5001)[:, None]
    w = np.asarray(STARTS, float)
    x, y = (w[:, i] * (1 - 1.5e-3 * h) ** t for i, h in enumerate((1, 1000)))
    above = (x**2 + 1000 * y**2) / 2 > 1e-3
    np.testing.assert_allclose(steps[0], 1 + above.sum(axis=0), atol=1)
    np.testing.assert_array_equal(steps[1], np.inf)  # 2 / 1000 is the largest rate


@pytest.mark.heavy
def test_averages_beat_gradient_descent_in_a_ravine_and_turning_it_costs_adam():
    def best(make, f):
        rates = np.geomspace(1e-4, 1.0, 41)
        return landscapes.arrivals(make, f, rates, STARTS, 5000).mean(axis=1).min()

    plain = best(optim.gradient_descent, landscapes.ravine)
    adam = best(optim.adam, landscapes.ravine)
    assert best(optim.momentum, landscapes.ravine) < plain / 5
    assert best(optim.momentum, landscapes.turned_ravine) < plain / 5
    assert adam < plain / 5
    assert best(optim.adam, landscapes.turned_ravine) > 5 * adam


@pytest.mark.parametrize(
    "dimension, share",
    [(1, 1 / 2), (2, (2 - 2**0.5) / 4), (3, (np.pi - 2 * 2**0.5) / (4 * np.pi))],
)
def test_minima_are_as_rare_as_calculated(dimension, share):
    draws = 2**14
    error = (share * (1 - share) / draws) ** 0.5
    found = landscapes.minima(jax.random.key(0), dimension, draws).mean()
    assert abs(found - share) < 4 * error


def test_the_share_of_negative_eigenvalues_leaves_out_what_is_about_0():
    shares = landscapes.negative(np.array([[-2.0, -1e-6, 1.0, 5.0], [0.0, 1.0, 2, 3]]))
    np.testing.assert_array_equal(shares, [0.25, 0.0])
