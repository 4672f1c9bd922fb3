"""Does it help to normalize the inputs?

The 64 features of the digits get scales that differ by up to two decades and means away
from 0, as features of other origin have. Gradient descent trains on them as they are,
and normalized by the moments of the train set. Each arm has its own best rate.
"""

from dataclasses import replace
from typing import NamedTuple

import jax
import numpy as np

import jaxdl as dl
from experiments.course.arms import Claim, Outcome, bands, find, train, with_best_rates
from jaxdl import nn, optim
from jaxdl.report.style import BEST, GRAY, figure, tidy

FASTER = Claim(
    13, "normalized inputs: lower train loss after 10 epochs", -1, 0.3, "decades"
)
BETTER = Claim(
    13, "normalized inputs: lower dev error after 10 epochs", -1, 1, "points"
)
EPOCHS, RATES = 10, np.geomspace(1e-4, 3, 16)
CURVATURES = {"raw": (1.0, 25.0), "normalized": (1.0, 1.0)}  # of J along each weight


class Hparams(NamedTuple):
    rate: float


def recipe(hp: Hparams) -> dl.Recipe:
    model = nn.serial(nn.dense(32), nn.relu, nn.dense(10))
    return dl.Recipe(model, optim.gradient_descent(hp.rate), nn.softmax_cross_entropy)


def rescaled(data: dl.data.Splits) -> dl.data.Splits:
    """Returns the data with a scale and a mean of its own for each feature."""
    rng = np.random.default_rng(0)
    scale, mean = 10 ** rng.uniform(-1, 1, 64), rng.normal(0, 3, 64)

    def of(dataset: dl.data.Dataset) -> dl.data.Dataset:
        inputs = np.asarray(dataset.inputs) * scale + mean
        return replace(dataset, inputs=inputs.astype(np.float32))

    return data._replace(**{name: of(x) for name, x in data.sets.items()}, moments=None)


def example():
    rng = np.random.default_rng(0)
    size, rooms = rng.normal(100, 30, 500), rng.integers(1, 6, 500)
    large = (size + 10 * rooms > 130).astype(int)
    homes = dl.data.from_arrays(np.stack([size, rooms], 1), large)
    splits = dl.data.split(homes, "60:20:20", key=jax.random.key(0))
    normalized = dl.data.normalize(splits)  # by the moments of the train set
    mean, scale = normalized.moments  # for new examples: (x - mean) / scale
    print(np.round(mean, 2), np.round(scale, 2))
    print(np.round(normalized.train.inputs.std(axis=0), 2))
    return normalized


def run(seeds: int, key: int) -> Outcome:
    data = dl.data.load("digits")
    sets = {"raw": rescaled(data), "normalized": data}
    found = {}
    for name, own in sets.items():
        arms = {name: Hparams(0.1)}
        arms = with_best_rates(recipe, arms, own, RATES, epochs=EPOCHS, key=key)
        found |= train(recipe, arms, own, seeds=seeds, epochs=EPOCHS, key=key)
    raw, normalized = found["raw"].final, found["normalized"].final
    loss = np.log10(normalized["train_loss"] / raw["train_loss"])
    error = 100 * (normalized["dev_error"] - raw["dev_error"])
    drawn = figure(9, 3.4)
    axes = drawn.subplots(1, 3)
    for each, (name, curvatures) in zip(axes, CURVATURES.items(), strict=False):
        bowl(each, name, np.array(curvatures))
    bands(axes[2], {n: arm.curves["train_loss"] for n, arm in found.items()})
    axes[2].set(xlabel="epoch", ylabel="train loss", yscale="log")
    text = "Paths of gradient descent on raw and on normalized inputs; train loss"
    return Outcome([find(FASTER, loss), find(BETTER, error)], {"inputs": (drawn, text)})


def bowl(axes, name: str, curvatures: np.ndarray) -> None:
    """Draws J of two weights, and 12 steps with the rate that is best for this J."""
    rate = 2 / (curvatures.min() + curvatures.max())
    start = np.array([-1.8, 0.5 if name == "raw" else 1.4])
    path = start * (1 - rate * curvatures) ** np.arange(13)[:, None]
    grid = np.linspace(-2, 2, 101)
    cost = (curvatures[0] * grid**2 + curvatures[1] * grid[:, None] ** 2) / 2
    axes.contour(
        grid, grid, cost, levels=np.geomspace(0.05, 50, 10), colors=GRAY, linewidths=1
    )
    axes.plot(*path.T, "o-", color=BEST, markersize=3, linewidth=1)
    axes.set(xlabel="weight 1", ylabel="weight 2", aspect="equal", ylim=(-2, 2))
    tidy(axes, f"{name} inputs, 12 steps")
