"""Does a falling learning rate end lower than a constant one?

A fifth of the train labels are drawn at random, so that 18 % are wrong, and batches
hold 8 examples: the gradient is noisy. The decay is that of the course,
`α₀ / (1 + k epoch)`, constant within an epoch. The arms of the first row begin with the
rate 0.1; those of the second have the rate with their lowest dev error.
"""

import contextlib
from dataclasses import replace
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

import jaxdl as dl
from experiments.course.arms import (
    Claim,
    Outcome,
    bands,
    find,
    forest,
    train,
    with_best_rates,
)
from jaxdl import nn, optim
from jaxdl.report.style import PALETTE, figure, tidy
from jaxdl.train import Facts

FALLS = Claim(
    19, "a decay of the rate lowers the dev error at the end", -1, 1, "points"
)
TUNED = Claim(19, "also if each arm begins with its own best rate", -1, 1, "points")
EPOCHS, START, BATCH, WRONG = 15, 0.1, 8, 0.2
DECAYS = (0.0, 0.3, 1.0)
RATES = (0.003, 0.01, 0.03, 0.1, 0.3)
BEST = ", best rate"


class Hparams(NamedTuple):
    decay: float
    rate: float = START


def recipe(hp: Hparams, facts: Facts) -> dl.Recipe:
    steps = facts.steps_per_epoch(BATCH)
    rate = optim.inverse_time_decay(hp.rate, steps, hp.decay)
    model = nn.serial(nn.dense(32), nn.relu, nn.dense(10))
    return dl.Recipe(
        model,
        optim.gradient_descent(rate),
        nn.softmax_cross_entropy,
        batch_size=BATCH,
    )


def with_wrong_labels(data: dl.data.Splits, share: float) -> dl.data.Splits:
    """Returns the data with a random label for this share of the train set."""
    rng = np.random.default_rng(0)
    labels = np.array(data.train.labels)
    wrong = rng.random(len(labels)) < share
    labels[wrong] = rng.integers(0, 10, wrong.sum())
    return data._replace(train=replace(data.train, labels=labels))


def example():
    steps = 17  # in an epoch
    schedules = {
        "1 / (1 + k epoch)": optim.inverse_time_decay(0.2, steps, 1.0),
        "0.95^epoch": optim.exponential_decay(0.2, steps, 0.95),
        "k / √(1 + epoch)": optim.inverse_sqrt_decay(0.2, steps),
        "staircase": optim.staircase(optim.exponential_decay(0.2, 1, 0.99), 5 * steps),
        "by hand": optim.piecewise([0.2, 0.05, 0.01], [5 * steps, 10 * steps]),
    }
    starts = steps * jnp.array([0, 1, 5, 10])  # of these epochs
    for name, rate in schedules.items():
        print(f"{name}:", *(f"{x:.3f}" for x in np.asarray(rate(starts))))
    return schedules


def run(seeds: int, key: int) -> Outcome:
    data = with_wrong_labels(dl.data.load("digits"), WRONG)
    arms = {f"k = {k:g}": Hparams(k) for k in DECAYS}
    tuned = {f"k = {k:g}{BEST}": Hparams(k) for k in (0.0, 1.0)}
    tuned = with_best_rates(
        recipe, tuned, data, RATES, epochs=EPOCHS, key=key, metric="dev_error"
    )
    found = train(recipe, arms | tuned, data, seeds=seeds, epochs=EPOCHS, key=key)
    error = {name: 100 * arm.final["dev_error"] for name, arm in found.items()}
    constant = error["k = 0"]
    effects = {n: find(FALLS, error[n] - constant) for n in arms if n != "k = 0"}
    both = find(TUNED, error[f"k = 1{BEST}"] - error[f"k = 0{BEST}"])
    drawn = figure(9, 3.4)
    left, right = drawn.subplots(1, 2, width_ratios=(3, 2))
    bands(left, {n: 100 * arm.curves["dev_error"] for n, arm in found.items()})
    left.set(xlabel="epoch", ylabel="dev error, %")
    effects[f"k = 1{BEST}"] = both
    forest(right, effects, "last dev error − that of k = 0, points")
    figures = {
        "decay": (
            drawn,
            "Dev error by epoch with three decays, also from their best rates",
        ),
        "schedules": (five_decays(), "The learning rate by epoch with five decays"),
    }
    return Outcome([effects["k = 1"], both], figures)


def five_decays():
    """Returns the rates of `example` by epoch as a figure."""
    drawn = figure(6.4, 3.4)
    axes = drawn.add_subplot()
    steps = np.arange(15 * 17)
    with contextlib.redirect_stdout(None):
        schedules = example()
    for (name, schedule), color in zip(schedules.items(), PALETTE, strict=False):
        rates = np.broadcast_to(schedule(jnp.asarray(steps)), steps.shape)
        line = "--" if name == "by hand" else "-"  # the staircase begins on the same
        axes.plot(steps / 17, rates, line, color=color, label=name, linewidth=1.5)
    axes.set(xlabel="epoch", ylabel="learning rate", ylim=(0, None), xlim=(0, 15))
    axes.legend(fontsize="small", frameon=False)
    tidy(axes, "five decays")
    return drawn
