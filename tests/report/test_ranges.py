"""What is drawn of the hyperparameters, against the result."""

import dataclasses

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import report
from jaxdl.report import ranges
from jaxdl.report.ranges import cell_medians, cells
from jaxdl.report.scales import scale
from tests.report.conftest import diverged, drawn, texts, with_space

NAN = float("nan")


def objects(*values):
    column = np.empty(len(values), object)
    column[:] = values
    return column


def test_each_panel_has_the_result_s_points(result):
    axes = drawn(report.hyperparameters(result)).axes
    error = result.mean()["dev_error"]
    assert [a.get_xlabel().split()[0] for a in axes] == [
        "learning_rate", "beta", "units", "decay"
    ]  # fmt: skip
    assert [a.get_xscale() for a in axes] == ["log", "log", "linear", "linear"]
    rate, beta, _, decay = (a.collections[0].get_offsets() for a in axes)
    np.testing.assert_allclose(
        rate, np.stack([result.hparams.learning_rate, error], 1), rtol=1e-6
    )
    np.testing.assert_allclose(beta[:, 0], 1 - result.hparams.beta.astype(float))
    assert axes[1].xaxis.get_inverted()
    np.testing.assert_array_equal(decay[:, 0].round(), 2 * result.hparams.decay)
    labels = [text.get_text() for text in axes[3].get_xticklabels()]
    assert labels == ["0", "0.5"]
    medians = [a.get_segments()[0][0][1] for a in axes[3].collections[1:3]]
    expected = [np.median(error[result.hparams.decay == x]) for x in (0, 0.5)]
    np.testing.assert_allclose(medians, expected)


def test_those_that_diverged_are_crosses_along_the_top(result):
    lost = diverged(result, [3, 7])
    axes = drawn(report.hyperparameters(lost)).axes[0]
    crosses = axes.collections[1].get_offsets()
    np.testing.assert_allclose(
        crosses, [[x, 1] for x in result.hparams.learning_rate[[3, 7]]], rtol=1e-6
    )


@pytest.mark.parametrize("lost", [[3, 7], range(31), range(32)])
def test_every_panel_reaches_over_those_that_diverged(result, lost):
    rates = result.hparams.learning_rate
    highest = np.argsort(-rates)[list(lost)]
    for axes, name in zip(
        drawn(report.hyperparameters(diverged(result, highest))).axes,
        ("learning_rate", "beta", "units"),
        strict=False,
    ):
        at = getattr(result.hparams, name).astype(float)
        at = 1 - at if name == "beta" else at
        low, high = sorted(axes.get_xlim())
        assert low <= at.min() and at.max() <= high < 4 * at.max()


def test_cells_are_even_on_the_scale():
    log = scale("x", np.array([1.0, 256.0]), dl.LogUniform(1, 256))
    np.testing.assert_allclose(cells(log), 2.0 ** np.arange(9))
    whole = scale("x", np.array([3, 5]), dl.IntUniform(3, 5))
    np.testing.assert_allclose(cells(whole), [2.5, 3.5, 4.5, 5.5])
    few = scale("x", np.array([0.1, 8.0]), dl.Choice([0.1, 8.0]))
    np.testing.assert_allclose(cells(few), [-0.5, 0.5, 1.5])


def test_a_cell_is_the_median_of_the_finite_errors_in_it():
    x = scale("x", np.array([0.0, 0.1, 0.2, 1.0, 1.0]), dl.Uniform(0, 1))
    y = scale("y", objects("a", "a", "a", "b", NAN), dl.Static(["a", "b"]))
    error = np.array([0.3, 0.1, NAN, 0.5, 0.9])
    medians = cell_medians(
        x, y, error, np.array([0, 0.5, 1]), np.array([-0.5, 0.5, 1.5])
    )
    np.testing.assert_allclose(medians, [[0.2, NAN], [NAN, 0.5]])


def test_a_heat_map_is_of_the_two_that_are_named(result):
    axes = drawn(report.heat_map(result, "decay", "beta")).axes[0]
    assert axes.get_xlabel() == "decay" and axes.get_ylabel().startswith("beta")
    best = result.ranking()[0]
    star = axes.collections[-1].get_offsets()[0]
    np.testing.assert_allclose(star[1], 1 - float(result.hparams.beta[best]))
    one = drawn(report.heat_map(result, second="decay")).axes[0]
    assert one.get_ylabel() == "decay" and one.get_xlabel() != "decay"


@pytest.mark.parametrize(
    "names", [("beta", "beta"), ("beta", "activation"), ("x", None)]
)
def test_names_that_cannot_be_drawn_are_refused(result, names):
    with pytest.raises(ValueError, match=r"expected two of \['learning_rate', 'beta'"):
        report.heat_map(result, *names)


def test_importance_is_that_of_the_diagnosis(result):
    found = dl.diagnose.importance(result.hparams, result.final()["dev_error"])
    figure = drawn(report.importance(result))
    widths = [bar.get_width() for bar in figure.axes[0].patches][::-1]
    np.testing.assert_allclose(widths, [100 * s for s in found.shares.values()])
    ticks = [text.get_text() for text in figure.axes[0].get_yticklabels()][::-1]
    assert ticks == [*found.shares]
    whiskers = figure.axes[0].collections[0].get_segments()[::-1]
    half = [np.ptp(segment[:, 0]) / 2 for segment in whiskers]
    np.testing.assert_allclose(half, [100 * e for e in found.errors.values()])
    assert any("explained of the variance" in text for text in texts(figure))


def test_importance_is_not_told_of_errors_after_different_epochs(halved, bred):
    for result in (halved, bred):
        (said,) = texts(drawn(report.importance(result)))
        assert "different numbers of epochs" in said


def test_the_label_of_all_panels_fits_into_one_row_of_them(result):
    few = dataclasses.replace(
        result, hparams=result.hparams._replace(decay=0 * result.hparams.decay)
    )
    figure = report.hyperparameters(few)
    figure.draw_without_rendering()
    label = figure.get_supylabel()
    assert "share of the examples" in label
    (text,) = [t for t in figure.texts if t.get_text() == label]
    high = text.get_window_extent()
    assert figure.bbox.y0 <= high.y0 and high.y1 <= figure.bbox.y1


def of_options(result):
    """Returns a result of two options, each with a rate of its own."""
    space = {
        "optimizer.momentum.learning_rate": dl.LogUniform(1e-9, 1e-5),
        "optimizer.rmsprop.learning_rate": dl.OneMinusLogUniform(0.9, 0.99),
        "x": dl.Uniform(0, 1),
    }
    hparams = jax.tree.map(np.asarray, dl.sample(jax.random.key(0), space, 32))
    for option, name in enumerate([*space][:2]):
        hparams[name] = np.where(np.arange(32) % 2 == option, hparams[name], NAN)
    return with_space(result, space, hparams)


def test_a_heat_map_is_of_two_that_apply_together(result, monkeypatch):
    either = of_options(result)
    rates = [*either.task.space][:2]
    monkeypatch.setattr(ranges, "_by_importance", lambda *_: [*rates, "x"])
    axes = drawn(report.heat_map(either)).axes[0]
    assert axes.get_xlabel().startswith(rates[0]) and axes.get_ylabel() == "x"
    axes = drawn(report.heat_map(either, second=rates[1])).axes[0]
    assert axes.get_xlabel() == "x"


def test_labels_of_panels_do_not_overlap(result):
    figure = report.hyperparameters(of_options(result))
    figure.draw_without_rendering()
    boxes = [a.xaxis.label.get_window_extent() for a in figure.axes]
    for i, box in enumerate(boxes):
        assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1
        assert not any(box.overlaps(other) for other in boxes[:i])


def test_a_search_that_trains_some_members_for_longer_is_named(result, halved, bred):
    for uneven, expected in ((halved, True), (bred, False), (result, False)):
        written = texts(drawn(report.hyperparameters(uneven)))
        assert (
            "members trained for different numbers of epochs" in written
        ) == expected
