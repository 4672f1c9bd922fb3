"""Figures of the best member against what the member says of itself."""

import dataclasses

import numpy as np
import pytest

from jaxdl import nn, report
from jaxdl.data import About, Dataset
from jaxdl.diagnose import Signal
from jaxdl.report import network
from jaxdl.report.figures import FIGURES, Source, draw
from jaxdl.report.network import as_pictures, classes
from tests.report.conftest import drawn, part, texts
from tests.small import rate, recipe


def test_the_confusion_matrix_is_the_member_s(result, digits):
    counts = result.best().confusion_matrix(digits.dev)
    figure = drawn(report.confusion(result, digits.dev))
    shares = 100 * counts / counts.sum(axis=1)[:, None]
    np.testing.assert_allclose(figure.axes[0].images[0].get_array(), shares)
    written = {
        (text.get_position()[1], text.get_position()[0]): text.get_text()
        for text in figure.axes[0].texts
    }
    assert written == {at: str(n) if n else "" for at, n in np.ndenumerate(counts)}
    right = 1 - result.best().evaluate(digits.dev)["error"]
    assert figure.axes[0].get_title(loc="left") == f"{right:.2%} of 360 right"


NAMES = (*"abcdefgh", "a $long name with many letters")  # of nine classes of ten


def test_classes_have_their_names_in_the_figures(result, digits):
    dev = digits.dev[digits.dev.labels < 9]
    about = About(classes=NAMES)
    named = dataclasses.replace(dev, about=about)
    task = result.task._replace(about=about)
    result = dataclasses.replace(result, task=task)
    axes = drawn(report.confusion(result, named)).axes[0]
    expected = [*NAMES[:8], r"a \$long name with many letters", "9"]
    for ticks in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert [tick.get_text() for tick in ticks] == expected
    figure = drawn(report.worst_examples(result, named, 5))
    unnamed = dataclasses.replace(dev, about=About())
    plain = report.worst_examples(result, unnamed, 5)
    short = [*NAMES[:8], r"a \$long …", "9"]
    for axes, numbers in zip(figure.axes, plain.axes, strict=True):
        truth, taken = map(int, numbers.get_title().split(" → "))
        assert axes.get_title() == f"{short[truth]} → {short[taken]}"


def test_the_worst_examples_have_the_highest_losses(result, digits):
    figure = drawn(report.worst_examples(result, digits.dev, 5))
    logits = result.best().predict(digits.dev.inputs).astype(float)
    m = np.arange(len(logits))
    losses = np.log(np.exp(logits).sum(axis=1)) - logits[m, digits.dev.labels]
    worst = np.argsort(-losses)[:5]
    for axes, i in zip(figure.axes, worst, strict=True):
        title = f"{digits.dev.labels[i]} → {logits[i].argmax()}"
        assert axes.get_title() == title
        pixels = digits.dev.inputs[i].reshape(8, 8)
        expected = (pixels - pixels.min()) / np.ptp(pixels)
        np.testing.assert_allclose(axes.images[0].get_array(), expected, atol=1e-6)


def test_pictures_are_shown_as_they_were_before_normalization(result, digits):
    shown = report.worst_examples(result, digits.dev, 1, moments=digits.moments)
    pixels = 16 * np.asarray(shown.axes[0].images[0].get_array())
    np.testing.assert_allclose(pixels, pixels.round(), atol=1e-4)  # 0 to 16 in the file
    assert np.ptp(pixels) > 10


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((2, 64), (2, 8, 8)),
        ((2, 16), (2, 4, 4)),
        ((2, 9), None),  # rather nine numbers than a picture
        ((2, 50), None),
        ((2, 5, 7), (2, 5, 7)),
        ((2, 5, 7, 1), (2, 5, 7)),
        ((2, 5, 7, 3), (2, 5, 7, 3)),
        ((2, 5, 7, 4), None),
    ],
)
def test_inputs_are_pictures_or_not(shape, expected):
    found = as_pictures(np.zeros(shape))
    assert (None if found is None else found.shape) == expected


@pytest.mark.parametrize(
    ("values", "threshold", "expected"),
    [
        ([2, 0], 0.5, [2, 0]),
        ([[0.1, 0.9], [0.7, 0.3]], 0.5, [1, 0]),
        ([[0.0], [1.0]], 0.5, [0, 1]),
        ([[0.3], [-0.2]], 0.0, [1, 0]),
    ],
)
def test_classes_are_read_from_labels_and_outputs(values, threshold, expected):
    np.testing.assert_array_equal(classes(values, threshold), expected)


def test_examples_that_are_no_pictures_are_told(result, digits):
    odd = Dataset(digits.dev.inputs[:, :50], digits.dev.labels)
    assert "the examples are no pictures with classes" in texts(
        report.worst_examples(result, odd)
    )


NORMS = Signal(
    1.0,
    {"0": 0.5, "1": 3.0, "2": 500.0, "3": 0.0},
    {"0": 1e-6, "1": 0.1, "2": np.inf, "3": 0.2},
)


def test_norms_are_drawn_by_layer_and_those_far_off_are_marked(
    result, digits, monkeypatch
):
    monkeypatch.setattr(network, "_signal", lambda *_: NORMS)
    figure = drawn(report.signal(result, digits.dev))
    forward, back = figure.axes
    points = [line for line in forward.lines if line.get_marker() in "oD"]
    assert [tuple(np.ravel(p.get_data())) for p in points] == [
        (0.5, 0),
        (3, 1),
        (500, 2),
    ]
    assert [p.get_marker() for p in points] == ["o", "o", "D"]
    assert [p.get_marker() for p in back.lines if p.get_marker() in "oD"] == [*"Doo"]
    ticks = [text.get_text() for text in forward.get_yticklabels()]
    assert ticks == ["0 !", "1", "2 !", "3 !"]
    assert {"0", "inf"} <= {t.get_text() for axes in figure.axes for t in axes.texts}
    assert "exploding at 2; vanishing at 0, 3" in texts(figure)


def test_the_signal_is_that_of_the_trained_member(result, digits):
    points = drawn(report.signal(result, digits.dev)).axes[0].lines[1:]
    best, inputs = result.best(), digits.dev.inputs[:256].astype(float)
    hidden = inputs @ best.params[0]["kernel"] + best.params[0]["bias"]
    active = np.maximum(hidden, 0)
    outputs = active @ best.params[2]["kernel"] + best.params[2]["bias"]
    norms = [np.sqrt(np.mean(a**2)) for a in (hidden, active, outputs)]
    found = np.array([p.get_xdata()[0] for p in points])
    np.testing.assert_allclose(found, norms, rtol=1e-4)


def test_learning_rates_are_the_schedules_of_the_best(result):
    axes = drawn(report.learning_rates(result, rate, 24)).axes[0]
    assert len(axes.lines) == 4  # a tenth of 32, rounded up
    best, t = result.ranking()[0], np.arange(24) / 8
    start, decay = result.hparams.learning_rate[best], result.hparams.decay[best]
    np.testing.assert_allclose(
        axes.lines[-1].get_ydata(), start / (1 + decay * t), rtol=1e-5
    )
    assert axes.lines[-1].get_label() == f"best on dev error ({best})"
    assert (
        len(drawn(report.learning_rates(part(result, 1), rate, 1)).axes[0].lines) == 1
    )


def test_the_rates_are_drawn_over_all_steps(result, digits):
    figure = drawn(draw(FIGURES["learning_rates"], Source(result, digits, rate)))
    (*_, best) = figure.axes[0].lines
    steps = 3 * -(-len(digits.train.inputs) // 128)
    assert best.get_xdata()[-1] == steps - 1
    hp = result.best().hparams
    assert best.get_ydata()[-1] == pytest.approx(float(rate(hp)(steps - 1)), rel=1e-6)


def test_a_loss_that_is_not_one_of_classes_has_no_confusion_matrix(result, digits):
    def of_numbers(hp):
        return recipe(hp)._replace(loss=nn.squared_error)

    plain = dataclasses.replace(result, task=result.task._replace(recipe=of_numbers))
    assert "the loss is not one of classes" in texts(
        drawn(report.confusion(plain, digits.dev))
    )
