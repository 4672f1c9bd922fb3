"""The figure of several objectives."""

import dataclasses

import numpy as np
import pytest

from jaxdl import report
from tests.report.conftest import drawn, part, texts


@pytest.fixture
def several(result):
    """Eight members that also rank by their loss, the larger the better, and size."""
    few = part(result, 8)
    metrics = {name: curves.copy() for name, curves in few.metrics.items()}
    metrics["dev_error"][:, -1] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, np.nan]
    metrics["dev_loss"][:, -1] = 1.0
    sizes = np.array([800.0, 900, 700, 100, 200, 50, 60, 70])
    task = few.task._replace(rank_by=("error", "parameters", "-loss"))
    return dataclasses.replace(few, metrics=metrics, task=task, parameters=sizes)


def test_the_front_is_a_line_through_its_configurations(several):
    """By hand: 0, 2, 3 and 5; 1 is worse than 0, 4 than 3, 6 than 5, 7 unknown."""
    figure = drawn(report.pareto(several))
    sizes, losses = figure.axes
    (line,) = sizes.lines
    np.testing.assert_allclose(line.get_xdata(), [50, 100, 700, 800])
    np.testing.assert_allclose(line.get_ydata(), [0.6, 0.4, 0.3, 0.1], rtol=1e-6)
    assert sizes.get_xlabel().startswith("parameters")
    assert sizes.get_ylabel().startswith("dev error")
    assert losses.get_xlabel().startswith("dev loss")
    low, high = sizes.get_xlim()
    assert low < 50 and high > 800
    assert {"0", "2", "3", "5"} <= set(texts(figure))
    assert "1 of 8 are not known and not shown" in texts(figure)


def test_one_objective_is_told(result):
    assert "the recipe has one objective: no front to draw" in texts(
        drawn(report.pareto(result))
    )
