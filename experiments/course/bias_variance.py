"""How do bias and variance show, and what lowers them?

Two moons in a plane, 100 points to train with, one in seven on the wrong side. A hidden
layer of tanh units trains for 200 epochs without regularization; its loss still falls
then. A seed has other weights and another order; 8 hidden units are compared with 1 and
with 256. 8 times the data are 800 points, for 25 epochs: as many steps.
"""

from typing import NamedTuple

import numpy as np

import jaxdl as dl
from experiments.course.arms import (
    Claim,
    Outcome,
    bands,
    dev_error,
    find,
    train,
    train_error,
    variance,
)
from jaxdl import diagnose, nn, optim
from jaxdl.report.style import BLACK, BLUE, VERMILLION, figure, tidy

CASES = Claim(26, "the rules give the four cases of the course", 0, 0, "cases off")
BIAS = Claim(26, "a bigger network has less bias, 8 for 1 units", -1, 2, "points")
VARIANCE = Claim(
    26, "a network too big has more variance, 256 for 8 units", 1, 2, "points"
)
DATA = Claim(10, "8 times the data: less variance, 256 units", -1, 2, "points")
WIDTHS, EPOCHS, TRAIN, DEV = (1, 2, 8, 32, 256), 200, 100, 500
# train and dev error, whether bias is high, whether variance is
FOUR = (
    (0.01, 0.11, (False, True)), (0.15, 0.16, (True, False)),
    (0.15, 0.30, (True, True)), (0.005, 0.01, (False, False)),
)  # fmt: skip


class Hparams(NamedTuple):
    units: int


def recipe(hp: Hparams) -> dl.Recipe:
    model = nn.serial(nn.dense(hp.units), nn.tanh, nn.dense(2))
    return dl.Recipe(model, optim.adam(0.03), nn.softmax_cross_entropy, batch_size=50)


def moons(examples: int) -> dl.data.Splits:
    """Returns two interleaved half circles with noise in place and in label."""
    rng = np.random.default_rng(0)

    def draw(m: int) -> dl.data.Dataset:
        label = np.arange(m) % 2
        angle = np.pi * rng.random(m)
        x = np.where(label, 1 - np.cos(angle), np.cos(angle)) - 0.5
        y = np.where(label, 0.5 - np.sin(angle), np.sin(angle)) - 0.25
        place = 2 * np.stack([x, y], axis=1) + rng.normal(0, 0.3, (m, 2))
        label = np.where(rng.random(m) < 1 / 7, 1 - label, label)
        return dl.data.from_arrays(place.astype(np.float32), label)

    dev, test = draw(DEV), draw(DEV)
    return dl.data.Splits(draw(examples), dev, test)


def example():
    found = diagnose.bias_variance(train_error=0.15, dev_error=0.30)
    print(found.high_bias, found.high_variance)
    print(*found.advice, sep="\n")
    human = diagnose.bias_variance(0.15, 0.16, human_error=0.14)
    print(f"{human.bias:.2f} {human.variance:.2f}")  # the bias above human error
    return human


def run(seeds: int, key: int) -> Outcome:
    few, more = moons(TRAIN), moons(8 * TRAIN)
    arms = {w: Hparams(w) for w in WIDTHS}
    found = train(recipe, arms, few, seeds=seeds, epochs=EPOCHS, key=key)
    large = {"more": Hparams(256)}
    large = train(recipe, large, more, seeds=seeds, epochs=EPOCHS // 8, key=key)
    error = {w: train_error(arm, few) for w, arm in found.items()}
    dev = {w: dev_error(arm) for w, arm in found.items()}
    gap = {w: dev[w] - error[w] for w in WIDTHS}
    less = variance(large["more"], more)
    cases = [(diagnose.bias_variance(*errors), right) for *errors, right in FOUR]
    off = [(case.high_bias, case.high_variance) != right for case, right in cases]
    findings = [
        find(CASES, off),
        find(BIAS, error[8] - error[1]),
        find(VARIANCE, gap[256] - gap[8]),
        find(DATA, less - gap[256]),
    ]
    figures = {
        "boundaries": (
            boundaries(found, few), "Boundaries of 1, 8 and 256 units between two moons"
        ),
        "bias_variance": (by_width(error, dev), "Train and dev error by units"),
    }  # fmt: skip
    return Outcome(findings, figures)


def boundaries(found, data: dl.data.Splits):
    """Returns the regions of the first seed's models, and the train set."""
    drawn = figure(9, 3.3)
    line = np.linspace(-4, 4, 71, dtype=np.float32)
    grid = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    names = {1: "under-fit", 8: "right", 256: "over-fit"}
    labels = np.asarray(data.train.labels)
    for axes, (width, name) in zip(drawn.subplots(1, 3), names.items(), strict=True):
        z = found[width].members()[0].predict(grid)
        margin = (z[:, 1] - z[:, 0]).reshape(71, 71)
        axes.contourf(
            line, line, margin, [-1e9, 0, 1e9], colors=[BLUE, VERMILLION], alpha=0.2
        )
        axes.contour(line, line, margin, [0], colors=BLACK, linewidths=1)
        for label, mark, color in ((0, "o", BLUE), (1, "^", VERMILLION)):
            x = np.asarray(data.train.inputs)[labels == label]
            axes.plot(*x.T, mark, color=color, markersize=3, label=f"class {label}")
        axes.set(xlabel="feature 1", ylabel="feature 2", xlim=(-4, 4), ylim=(-3, 3))
        tidy(axes, f"{name}: {width} unit{'s' * (width > 1)}")
    marks = drawn.axes[0].get_legend_handles_labels()
    drawn.legend(*marks, loc="outside upper right", ncols=2, frameon=False)
    return drawn


def by_width(error, dev):
    drawn = figure(6.4, 3.4)
    axes = drawn.add_subplot()
    sets = {"train": error, "dev": dev}
    bands(axes, {n: np.stack([*e.values()], axis=1) for n, e in sets.items()}, WIDTHS)
    axes.set(xlabel="hidden units", ylabel="error, %", xscale="log", ylim=(0, None))
    axes.set_xticks(WIDTHS, map(str, WIDTHS), minor=False)
    axes.minorticks_off()
    return drawn
