"""What the curves' artists hold, against the result."""

import numpy as np
import pytest

from jaxdl import report
from jaxdl.report.curves import count_ticks, density
from jaxdl.report.style import Errors, errors_of
from tests.report.conftest import diverged, drawn, texts

PLAIN = Errors(False, False, 0.0, 1.0)


def count_at(curves, epoch, value, errors=PLAIN):
    """Returns how many curves the density has at an epoch and value."""
    edges, rows, counts = density(curves, errors)
    row = np.searchsorted(rows, value) - 1
    return counts[row, np.searchsorted(edges, epoch) - 1]


def test_the_density_counts_the_members_that_pass_a_cell():
    curves = [[0.105, 0.505], [0.105, 0.905], [0.705, np.nan]]
    assert count_at(curves, 1.0, 0.105) == 2
    assert count_at(curves, 0.6, 0.105) == 2  # half an epoch before the first
    assert count_at(curves, 2.4, 0.905) == 1
    assert count_at(curves, 1.5, 0.305) == 1  # halfway from 0.105 to 0.505
    assert count_at(curves, 1.4, 0.705) == 1 and count_at(curves, 1.6, 0.705) == 0


def test_every_column_counts_each_running_member_once():
    curves = np.random.default_rng(0).random((7, 5))
    curves[2, 3:] = np.nan
    edges, _, counts = density(curves, PLAIN)
    assert set(counts[:, edges[:-1] < 3.4].sum(axis=0)) == {7}
    assert set(counts[:, edges[:-1] > 3.6].sum(axis=0)) == {6}


def test_a_log_scale_halves_a_ratio():
    errors = errors_of([0.01, 1.0], rates=True)
    assert errors.log
    assert count_at([[0.01, 1.0]], 1.5, 0.1, errors) == 1


def test_the_best_member_is_drawn_over_the_density(result):
    figure = drawn(report.learning_curves(result))
    (line,) = figure.axes[0].lines
    best = np.lexsort(
        (result.final()["dev_loss"], result.final()["dev_error"])
    )[0]  # fmt: skip
    np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3])
    np.testing.assert_allclose(line.get_ydata(), result.metrics["dev_error"][best])
    assert "share of the examples" in figure.axes[0].get_ylabel()


def test_every_member_of_the_best_configuration_is_drawn(repeated):
    lines = report.learning_curves(repeated).axes[0].lines
    best = repeated.ranking()[0]
    expected = repeated.metrics["dev_error"][4 * best : 4 * best + 4]
    np.testing.assert_allclose([line.get_ydata() for line in lines], expected)


def test_no_best_is_drawn_where_all_diverged(result):
    figure = drawn(report.learning_curves(diverged(result, range(32))))
    assert not figure.axes[0].lines and not figure.legends


def test_a_metric_that_is_none_is_refused(result):
    with pytest.raises(ValueError, match="got metric='error'; expected one of"):
        report.learning_curves(result, "error")


def test_train_and_dev_errors_are_those_of_the_result(result):
    axes = drawn(report.train_against_dev(result)).axes[0]
    points, star = axes.collections[-2:]
    means = np.stack([result.mean()[n] for n in ("train_error", "dev_error")], axis=1)
    np.testing.assert_allclose(points.get_offsets(), means)
    np.testing.assert_allclose(star.get_offsets()[0], means[result.ranking()[0]])


def test_errors_of_the_training_make_no_verdict(result):
    """With dropout they are larger than those of the trained models."""
    figure = drawn(report.train_against_dev(result))
    (line,) = figure.axes[0].lines
    assert line.get_xy1() == pytest.approx(line.get_xy1()[::-1])  # train = dev
    assert line.get_xy2() == pytest.approx(line.get_xy2()[::-1])
    assert not any("bias" in text or "variance" in text for text in texts(figure))
    assert "dev error = train error" in texts(figure)


def test_how_many_diverged_is_told(result):
    figure = drawn(report.train_against_dev(diverged(result, [3, 5])))
    assert "2 of 32 diverged and are not shown" in texts(figure)


@pytest.mark.parametrize(
    ("most", "expected"),
    [(2, [1, 2]), (5, [1, 2, 5]), (12, [1, 2, 5, 12]), (32, [1, 2, 5, 10, 20, 32]),
     (250, [1, 10, 100, 250]), (100_000, [1, 10, 100, 1000, 10_000, 100_000])],
)  # fmt: skip
def test_counts_at_the_colors_have_both_ends(most, expected):
    assert count_ticks(most) == expected
