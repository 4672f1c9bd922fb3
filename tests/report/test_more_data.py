"""The figure of errors by the number of examples, against the numbers drawn."""

import numpy as np

from jaxdl import report
from jaxdl.sweeps import MoreData
from tests.report.conftest import drawn, texts

EXAMPLES = np.array([50, 100])
TRAIN = np.array([[0.0, 0.0], [0.01, 0.03]])
DEV = np.array([[0.3, 0.32], [0.2, 0.2]])


def test_means_and_their_noise_are_drawn():
    figure = drawn(report.more_data(MoreData(EXAMPLES, TRAIN, DEV, True)))
    (axes,) = figure.axes
    train, dev = axes.containers
    np.testing.assert_allclose(train.lines[0].get_ydata(), [0, 0.02])
    np.testing.assert_allclose(dev.lines[0].get_ydata(), [0.31, 0.2])
    (bars,) = dev.lines[2]
    np.testing.assert_allclose(
        [segment[:, 1] for segment in bars.get_segments()], [[0.3, 0.32], [0.2, 0.2]]
    )
    assert axes.get_yscale() == "linear"  # which has a place for an error of 0
    assert {"more data helps", "50", "100", "train error"} <= {*texts(figure)}


def test_trainings_that_diverged_are_left_out():
    lost = np.full((2, 2), np.nan)
    assert texts(drawn(report.more_data(MoreData(EXAMPLES, lost, lost, True))))
    figure = drawn(report.more_data(MoreData(EXAMPLES, 1e9 * TRAIN, 1e9 * DEV, False)))
    assert "more data helps" in texts(figure)
