"""How large should a batch be?

All arms see 512 digits 5 times, each with its own best rate of gradient descent. A
batch of one example is stochastic gradient descent; the whole train set, m = 512, is
batch gradient descent. Time is the processor's, for 60 steps of all seeds together.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

import jax
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
from jaxdl.report.style import PALETTE, epoch_axis, figure, tidy

SMALL = Claim(
    17, "batches of 64: lower dev error than with m, after 5 epochs", -1, 1, "points"
)
VECTORS = Claim(
    17, "batches of 64: less time for an example than one by one", -1, 0.3, "decades"
)
NOISY = Claim(
    18, "the cost rises at more steps with batches of 64 than with m", 1, 10, "% of all"
)
SIZES, EPOCHS, STEPS = (1, 16, 64, 256, 512), 5, 60
RATES = np.geomspace(0.01, 3, 6)


class Hparams(NamedTuple):
    rate: float
    batch: int


def recipe(hp: Hparams) -> dl.Recipe:
    model = nn.serial(nn.dense(32), nn.relu, nn.dense(10))
    optimizer = optim.gradient_descent(hp.rate)
    loss = nn.softmax_cross_entropy
    return dl.Recipe(model, optimizer, loss, batch_size=hp.batch)


def first_steps(hp: Hparams, data: dl.data.Splits) -> Callable:
    """Returns the compiled function from keys to the costs `[keys, STEPS]`.

    A cost is that of the step's batch, before the step.
    """

    def own(rate):
        return recipe(hp._replace(rate=rate))

    step, m = dl.train.make_step(own), len(data.train)
    inputs, labels = jnp.asarray(data.train.inputs), jnp.asarray(data.train.labels)
    epochs = -(-STEPS * hp.batch // m)

    def one(key, rate):
        first, *others = jax.random.split(key, 1 + epochs)
        order = jnp.concatenate([jax.random.permutation(k, m) for k in others])
        order = order[: STEPS * hp.batch].reshape(STEPS, hp.batch)
        state = dl.train.init(own, rate, first, inputs.shape[1:])

        def advance(state, rows):
            batch = dl.data.Dataset(inputs[rows], labels[rows])
            state, metrics = step(rate, state, batch)
            return state, metrics["loss"]

        return jax.lax.scan(advance, state, order)[1]

    return jax.jit(lambda keys: jax.vmap(one, (0, None))(keys, hp.rate))


def seconds(run: Callable, keys: jax.Array, examples: int) -> np.ndarray:
    """Returns the processor's seconds for an example in each of 10 runs."""
    found = []
    for _ in range(10):
        begin = time.process_time()
        run(keys).block_until_ready()
        found.append(time.process_time() - begin)
    return np.array(found) / examples


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
    runs = {n: first_steps(arms[n], data) for n in ("1", "64", "512")}
    keys = jax.random.split(jax.random.key(key), seeds)
    cost = {n: np.asarray(f(keys)) for n, f in runs.items()}
    rises = {n: 100 * (np.diff(c) > 0).mean(axis=1) for n, c in cost.items()}
    slow, fast = (seconds(runs[str(n)], keys, n) for n in (1, 64))
    findings = [
        less["64"],
        find(VECTORS, np.log10(fast / slow)),
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
        each.set(xlabel="step", ylim=(0, None))
        tidy(each, f"batch of {name}" + (" = m" if name == "512" else ""))
    axes[0].set(ylabel="cost of the batch")
    return drawn


def by_epoch(found, less):
    drawn = figure(9, 3.2)
    left, right = drawn.subplots(1, 2)
    bands(left, {n: 100 * arm.curves["dev_error"] for n, arm in found.items()})
    epoch_axis(left, EPOCHS)
    left.set(ylabel="dev error, %", ylim=(0, None))
    forest(right, less, "dev error − that with the whole set, points")
    right.set(ylabel="batch size")
    return drawn
