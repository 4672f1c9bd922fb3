"""How large should a batch be?

All arms see 512 digits 5 times, each with its own best rate of gradient descent. A
batch of one example is stochastic gradient descent; the whole train set, m = 512, is
batch gradient descent. Seconds are those of 96 models side by side.
"""

import time
from typing import NamedTuple

import jax
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

SMALL = Claim(
    17, "batches of 64: lower dev error than with m, after 5 epochs", -1, 1, "points"
)
VECTORS = Claim(
    17, "batches of 64 train faster than single examples", -1, 0.3, "decades of time"
)
NOISY = Claim(
    18, "the cost rises at some steps with batches of 64, not with m", 1, 10, "% of all"
)
SIZES, EPOCHS, STEPS, MANY = (1, 16, 64, 256, 512), 5, 60, 96
RATES = np.geomspace(0.01, 3, 6)


class Hparams(NamedTuple):
    rate: float
    batch: int


def recipe(hp: Hparams) -> dl.Recipe:
    model = nn.serial(nn.dense(32), nn.relu, nn.dense(10))
    optimizer = optim.gradient_descent(hp.rate)
    loss = nn.softmax_cross_entropy
    return dl.Recipe(model, optimizer, loss, batch_size=hp.batch)


def costs(hp: Hparams, data: dl.data.Splits, key: int, seeds: int) -> np.ndarray:
    """Returns the cost of the batch of each of the first steps, `[seeds, STEPS]`."""
    step = dl.train.make_step(lambda rate: recipe(Hparams(rate, hp.batch)))
    inputs, labels = jax.numpy.asarray(data.train.inputs), data.train.labels
    m = len(labels)

    def one(key, rate):
        first, second = jax.random.split(key)
        own = lambda rate: recipe(Hparams(rate, hp.batch))  # noqa: E731
        state = dl.train.init(own, rate, first, inputs.shape[1:])

        def advance(state, key):
            rows = jax.random.choice(key, m, (hp.batch,), replace=False)
            batch = dl.data.Dataset(inputs[rows], jax.numpy.asarray(labels)[rows])
            state, metrics = step(rate, state, batch)
            return state, metrics["loss"]

        return jax.lax.scan(advance, state, jax.random.split(second, STEPS))[1]

    keys = jax.random.split(jax.random.key(key), seeds)
    return np.asarray(jax.jit(jax.vmap(one, (0, None)))(keys, hp.rate))


def timed(hp: Hparams, data: dl.data.Splits, runs: int = 5) -> list[float]:
    """Returns how many seconds each of some runs of many models takes."""
    seconds = []
    for _ in range(runs + 1):  # the first may compile
        begin = time.perf_counter()
        train(recipe, {"": hp}, data, seeds=MANY, epochs=EPOCHS, key=0)
        seconds.append(time.perf_counter() - begin)
    return seconds[1:]


def example():
    def recipe(hp):
        model, optimizer = nn.dense(10), optim.gradient_descent(hp["rate"])
        loss = nn.softmax_cross_entropy
        return dl.Recipe(model, optimizer, loss, batch_size=hp["batch"])

    space = {"rate": dl.LogUniform(0.01, 1.0), "batch": dl.Static([16, 64, 256])}
    data = dl.data.load("digits")
    result = dl.sweep(recipe, space, data, key=0, members=6, epochs=1, progress=False)
    print(result.table())
    return result


def run(seeds: int, key: int) -> Outcome:
    data = dl.data.load("digits")
    data = data._replace(train=data.train[:512])
    arms = {str(size): Hparams(0.1, size) for size in SIZES}
    arms = with_best_rates(recipe, arms, data, RATES, epochs=EPOCHS, key=key)
    found = train(recipe, arms, data, seeds=seeds, epochs=EPOCHS, key=key)
    error = {name: 100 * arm.final["dev_error"] for name, arm in found.items()}
    less = {n: find(SMALL, e - error["512"]) for n, e in error.items() if n != "512"}
    cost = {n: costs(arms[n], data, key, seeds) for n in ("1", "64", "512")}
    rises = {n: 100 * (np.diff(c) > 0).mean(axis=1) for n, c in cost.items()}
    seconds = [timed(arms[name], data) for name in ("64", "1")]
    findings = [
        less["64"],
        find(VECTORS, np.log10(seconds[0]) - np.log10(seconds[1])),
        find(NOISY, rises["64"] - rises["512"]),
    ]
    figures = {
        "cost_by_step": (by_step(cost), "Cost by step with batches of 1, 64 and m"),
        "batches": (by_epoch(found, less), "Dev error by epoch and by batch size"),
    }
    return Outcome(findings, figures)


def by_step(cost: dict[str, np.ndarray]):
    drawn = figure(9, 3.0)
    axes = drawn.subplots(1, 3, sharey=True)
    for each, (name, c), color in zip(axes, cost.items(), PALETTE, strict=False):
        each.plot(np.arange(1, STEPS + 1), c[0], color=color, linewidth=1.2)
        each.set(xlabel="step", ylim=(0, 6))
        tidy(each, f"batch of {name}" + (" = m" if name == "512" else ""))
    axes[0].set(ylabel="cost of the batch")
    return drawn


def by_epoch(found, less):
    drawn = figure(9, 3.2)
    left, right = drawn.subplots(1, 2)
    bands(left, {n: 100 * arm.curves["dev_error"] for n, arm in found.items()})
    left.set(xlabel="epoch", ylabel="dev error, %", ylim=(0, None))
    forest(right, less, "dev error less that with the whole set, points")
    right.set(ylabel="batch size")
    return drawn
