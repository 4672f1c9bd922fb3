"""What can a dev set tell, and what does it hide?

32 rates and shares of dropout are drawn once. A seed trains these models with weights
and an order of its own, and deals the held-out digits into a dev set of 100, by which
the best model is chosen, and a test set of the rest. In a mismatched dev set the
pictures are mirrored, in the test set they are not.
"""

from typing import NamedTuple

import numpy as np

import jaxdl as dl
from experiments.course.arms import Claim, Outcome, bands, find
from jaxdl import nn, optim
from jaxdl.report.style import figure

BIASED = Claim(
    24, "the winner's test error is above its dev error, best of 32", 1, 0.5, "points"
)
UNBIASED = Claim(
    24, "without a choice, dev and test error agree, mean of 32", 0, 1, "points apart"
)
MISLED = Claim(
    25, "a mismatched dev set chooses a worse model", 1, 0.5, "points of test error"
)
MODELS, EPOCHS, DEV = 32, 5, 100
TRIES, SIZES = (1, 2, 4, 8, 16, 32), (10, 25, 50, 100, 200, 400)


class Hparams(NamedTuple):
    rate: float
    keep_prob: float


SPACE = Hparams(dl.LogUniform(1e-3, 3e-2), dl.Uniform(0.3, 1.0))


def recipe(hp: Hparams) -> dl.Recipe:
    dropout = nn.dropout(hp.keep_prob)
    model = nn.serial(nn.dense(16), nn.relu, dropout, nn.dense(10))
    return dl.Recipe(model, optim.adam(hp.rate), nn.softmax_cross_entropy)


def example():
    def recipe(hp):
        return dl.Recipe(nn.dense(10), optim.adam(hp), nn.softmax_cross_entropy)

    data = dl.data.load("digits")  # 60:20:20; others: data.split(dataset, "98:1:1")
    settings = {"key": 0, "members": 8, "epochs": 2, "progress": False}
    best = dl.sweep(recipe, dl.LogUniform(1e-4, 1e-1), data, **settings).best()
    print(best.evaluate(data.test))  # once, after all choices
    print(dl.data.mismatch(data).advice)  # whether dev and test look alike
    apart = dl.diagnose.error_interval(0.05, len(data.dev)).difference
    print(f"{100 * apart:.1f} points")  # closer models cannot be told apart
    return best


def run(seeds: int, key: int) -> Outcome:
    data = dl.data.load("digits")
    result = dl.sweep(
        recipe, SPACE, data, key=key, members=MODELS, repeats=seeds, epochs=EPOCHS,
        progress=False,
    )  # fmt: skip
    held = np.concatenate([data.dev.inputs, data.test.inputs])
    labels = np.concatenate([data.dev.labels, data.test.labels])
    rng = np.random.default_rng(key)
    mirrored = held.reshape(-1, 8, 8)[:, :, ::-1].reshape(held.shape)
    sizes = len(TRIES), len(SIZES), 1, 1
    gaps, worse, misled, plain = (np.zeros((seeds, n)) for n in sizes)
    for seed in range(seeds):
        models = [result.member(result.members_of(i)[seed]) for i in range(MODELS)]
        wrong, off = (
            np.stack([m.predict(x).argmax(1) != labels for m in models])
            for x in (held, mirrored)
        )
        order = rng.permutation(len(labels))
        dev, test = order[:DEV], order[DEV:]
        for i, tries in enumerate(TRIES):
            gaps[seed, i] = gap(wrong[:tries], dev, test)
        plain[seed] = wrong[:, test].mean() - wrong[:, dev].mean()
        rest = order[max(SIZES) :]
        lowest = wrong[:, rest].mean(axis=1).min()
        for i, size in enumerate(SIZES):
            chosen = wrong[:, order[:size]].mean(axis=1).argmin()
            worse[seed, i] = wrong[chosen, rest].mean() - lowest
        choices = [errors[:, dev].mean(axis=1).argmin() for errors in (off, wrong)]
        misled[seed] = np.subtract(*wrong[choices][:, test].mean(axis=1))
    drawn = figure(9, 3.2)
    left, right = drawn.subplots(1, 2)
    bands(left, {"test − dev error of the winner": 100 * gaps}, TRIES)
    left.set(xlabel="models tried", ylabel="points", xscale="log")
    left.set_xticks(TRIES, map(str, TRIES), minor=False)
    bands(right, {"winner's test error − the lowest": 100 * worse}, SIZES)
    right.set(xlabel="examples in the dev set", ylabel="points", xscale="log")
    right.set_xticks(SIZES, map(str, SIZES), minor=False)
    for axes in (left, right):
        axes.minorticks_off()
    text = "Test − dev error by models tried, and loss by the size of the dev set"
    findings = [
        find(BIASED, 100 * gaps[:, -1]),
        find(UNBIASED, 100 * plain[:, 0]),
        find(MISLED, 100 * misled[:, 0]),
    ]
    return Outcome(findings, {"split": (drawn, text)})


def gap(wrong: np.ndarray, dev: np.ndarray, test: np.ndarray) -> float:
    """Returns the test error less the dev error of the model with the least dev error.

    Args:
        wrong: which model is wrong on which example, `[models, examples]`.
        dev: rows of the dev set.
        test: rows of the test set.
    """
    best = wrong[wrong[:, dev].mean(axis=1).argmin()]
    return best[test].mean() - best[dev].mean()
