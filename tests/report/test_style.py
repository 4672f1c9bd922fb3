"""Axes of errors, and how figures are made and saved."""

import io
import sys

import numpy as np
import pytest

from jaxdl import report
from jaxdl.report.style import error_axis, errors_of, figure, number
from tests.report.conftest import drawn


def test_zero_is_drawn_at_the_lowest_error_that_is_not_zero():
    errors = errors_of([0.0, 0.02, np.nan, 0.4], rates=True)
    assert (errors.low, errors.high) == (0.02, 0.4)
    clipped = errors.clip(np.array([0.0, 0.02, 0.4, np.nan, np.inf]))
    np.testing.assert_array_equal(clipped, [0.02, 0.02, 0.4, np.nan, np.nan])


def test_what_can_be_negative_has_a_plain_scale():
    assert not errors_of([-1.0, 2.0], rates=False).log


def test_a_few_enormous_losses_leave_room_for_the_others():
    assert errors_of([*np.linspace(1, 2, 99), 1e30], rates=False).high <= 2


def test_where_larger_is_better_the_few_worst_share_the_lower_end():
    errors = errors_of([*np.linspace(0.5, 1, 99), -1e30], rates=False, larger=True)
    assert errors.low >= 0.5 and errors.high == 1
    assert errors_of([0.5, 1.0], rates=False).log
    assert not errors_of([0.5, 1.0], rates=False, larger=True).log


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (0.00123456, "0.00123"),
        (999.4, "999"),
        (999.9, "1,000"),
        (-20_000, "-20,000"),
        (999_999.9, "1e+06"),
    ],
)
def test_thousands_are_whole(x, text):
    assert number(x) == text


def test_words_of_large_numbers_have_room_side_by_side():
    drawn = figure(5.6, 4.6)
    axes = drawn.add_subplot()
    values = np.array([1_000, 300_000])
    error_axis(axes, "x", errors_of(values, rates=False), "parameters")
    drawn.draw_without_rendering()
    labels = [label.get_text() for label in axes.get_xticklabels()]
    shown = ["1,000", "3,000", "10,000", "30,000", "100,000", "300,000"]
    assert [x for x in labels if x in shown] == shown
    boxes = [label.get_window_extent() for label in axes.get_xticklabels()]
    assert all(a.x1 < b.x0 for a, b in zip(boxes, boxes[1:], strict=False))


def test_a_notebook_shows_a_figure():
    """IPython asks any object for this method."""
    assert figure(2, 1)._repr_png_().startswith(b"\x89PNG")


def test_nothing_of_matplotlib_is_left_behind(result):
    import matplotlib

    before = matplotlib.rcParams.copy()
    drawn(report.learning_curves(result))
    assert matplotlib.rcParams.copy() == before
    assert "matplotlib.pyplot" not in sys.modules


def test_the_same_figure_has_the_same_bytes(result):
    for kind in ("svg", "png"):
        files = [io.BytesIO(), io.BytesIO()]
        for file in files:
            report.style.save(report.hyperparameters(result), file, kind)
        assert files[0].getvalue() == files[1].getvalue()
