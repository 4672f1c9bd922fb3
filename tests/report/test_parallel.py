"""The lines of the best configurations, against the result."""

import dataclasses

import numpy as np

from jaxdl import report
from jaxdl.report.scales import varying
from tests.report.conftest import drawn


def test_the_best_tenth_is_a_line_each(result):
    axes = drawn(report.parallel_coordinates(result)).axes[0]
    lines = [line for line in axes.lines if len(line.get_xdata()) == 4]
    assert len(lines) == 4  # of 32, rounded up
    winner = result.ranking()[0]
    expected = [s.fraction()[winner] for s in varying(result)]
    (best,) = [line for line in lines if line.get_label() == f"best ({winner})"]
    np.testing.assert_allclose(best.get_ydata(), expected)


def test_a_hyperparameter_that_does_not_apply_is_passed_below(result):
    beta = result.hparams.beta.copy()
    best = result.ranking()[0]
    beta[best] = np.nan
    without = dataclasses.replace(result, hparams=result.hparams._replace(beta=beta))
    axes = drawn(report.parallel_coordinates(without)).axes[0]
    (line,) = [a for a in axes.lines if a.get_label() == f"best ({best})"]
    assert line.get_ydata()[1] < 0
    points = drawn(report.hyperparameters(without)).axes[1].collections
    assert points[0].get_offsets().mask[best].any() and len(points) == 1
