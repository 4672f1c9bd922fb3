"""Which optimizer is the fastest, where are saddles, and what is L2 under Adam?

On the digits, a network of three layers of 32 ReLU units trains for 10 epochs; in two
dimensions a ravine of curvatures 1 and 1000 is descended from random starts to
f = 0.001, within 4000 steps, where it runs along an axis and where it is turned by 45
degrees. The paths are drawn in a wider ravine, where they can be seen. Each optimizer
has its own best rate, chosen on other seeds or starts. Points of small gradient are
found by descending ‖∇J‖² of a small network, from a start for each of four sizes; ‖∇J‖
below 0.1 is small, and a saddle has a negative eigenvalue of the Hessian there, over a
thousandth of the largest. A seed has the share of its points.
"""

from typing import NamedTuple

import jax
import numpy as np

import jaxdl as dl
from experiments.course import arms, landscapes, pictures
from experiments.course.arms import Claim, Outcome, bands, find, forest
from jaxdl import nn, optim
from jaxdl.report.style import figure, tidy

MAKE = {
    "gradient descent": optim.gradient_descent,
    "momentum": optim.momentum,
    "RMSprop": optim.rmsprop,
    "Adam": optim.adam,
}
OTHERS = [*MAKE][1:]
RAVINES = {
    "ravine along an axis": landscapes.ravine,
    "turned ravine": landscapes.turned_ravine,
}
RAVINE = {
    (n, r): Claim(16, f"{n} is faster than gradient descent in a {r}", -1, 0.3,
                  "decades of steps") for n in OTHERS for r in RAVINES
}  # fmt: skip
DIGITS = {
    n: Claim(16, f"{n} has a lower train loss than gradient descent, digits", -1, 0.1,
             "decades") for n in OTHERS
}  # fmt: skip
RARE = Claim(21, "minima are rarer in 4 dimensions than in 1", -1, 0.2, "share")
SADDLES = Claim(21, "most points of small gradient are saddles", 1, 0.2, "above a half")
SAME = Claim(28, "L2 is weight decay under gradient descent", 0, 1e-3, "relative")
OTHER = Claim(28, "L2 is not weight decay under Adam", 1, 0.1, "relative distance")
RATES, EPOCHS = np.geomspace(1e-3, 3, 11), 10
UNITS, SMALL = (1, 2, 4, 8), 0.1


class Hparams(NamedTuple):
    optimizer: str
    rate: float


def recipe(hp: Hparams) -> dl.Recipe:
    hidden = nn.serial(nn.dense(32), nn.relu)
    model = nn.serial(nn.repeat(hidden, 3), nn.dense(10))
    return dl.Recipe(model, MAKE[hp.optimizer](hp.rate), nn.softmax_cross_entropy)


def example():
    def recipe(hp):
        rules = {"adam": optim.adam(hp["rate"]), "momentum": optim.momentum(hp["rate"])}
        rule = optim.among(hp["rule"], rules)
        return dl.Recipe(nn.dense(10), rule, nn.softmax_cross_entropy)

    space = {"rule": dl.Among(["adam", "momentum"]), "rate": dl.LogUniform(1e-3, 1.0)}
    both = dl.grid(space, 4)  # each rule with the same four rates
    data = dl.data.load("digits")
    result = dl.sweep(recipe, both, data, key=0, members=8, epochs=2, progress=False)
    print(result.table())
    return result


def run(seeds: int, key: int) -> Outcome:
    data = dl.data.load("digits")
    best = {n: Hparams(n, 0.1) for n in MAKE}
    best = arms.with_best_rates(recipe, best, data, RATES, epochs=EPOCHS, key=key)
    found = arms.train(recipe, best, data, seeds=seeds, epochs=EPOCHS, key=key)
    loss = {n: np.log10(arm.final["train_loss"]) for n, arm in found.items()}
    less = {n: find(DIGITS[n], loss[n] - loss["gradient descent"]) for n in OTHERS}
    keys = jax.random.split(jax.random.key(key), seeds)
    fewer = {}
    for r, f in RAVINES.items():
        steps = {
            n: np.log10(landscapes.descents(make, f, key, seeds))
            for n, make in MAKE.items()
        }
        slow = steps["gradient descent"]
        fewer |= {(n, r): find(RAVINE[n, r], steps[n] - slow) for n in OTHERS}
    rare = [
        np.array([landscapes.minima(k, d, 256).mean() for k in keys]) for d in (4, 1)
    ]
    curvature, at = {}, {}
    for u in UNITS:
        flat = jax.jit(jax.vmap(lambda k, u=u: landscapes.flat_point(k, u)))(keys)
        slope, values = map(np.asarray, flat)
        curvature[u] = values[slope < SMALL]
        at[u] = np.where(slope < SMALL, landscapes.negative(values) > 0, np.nan)
    saddle = {u: landscapes.negative(c) > 0 for u, c in curvature.items()}
    found_any = np.stack([*at.values()])[:, ~np.isnan([*at.values()]).all(axis=0)]
    apart = [
        jax.vmap(lambda k, make=make: landscapes.decay_distance(k, make))(keys)
        for make in (optim.gradient_descent, optim.adam)
    ]
    findings = [
        *fewer.values(), *less.values(), find(RARE, rare[0] - rare[1]),
        find(SADDLES, np.nanmean(found_any, axis=0) - 0.5),
        find(SAME, apart[0]), find(OTHER, apart[1]),
    ]  # fmt: skip
    figures = {
        "optimizers": (
            losses(found, less, fewer),
            "Train loss by epoch; train loss and steps relative to gradient descent",
        ),
        "paths": (
            pictures.paths(MAKE),
            "An illustration: paths of four optimizers, curvatures 1 and 30",
        ),
        "saddles": (
            pictures.saddles(saddle, curvature),
            "Saddles by the number of weights",
        ),
    }
    return Outcome(findings, figures)


def losses(found, less, fewer):
    drawn = figure(9, 5.6)
    grid = drawn.add_gridspec(2, 2)
    top = drawn.add_subplot(grid[0, :])
    bands(top, {n: np.log10(arm.curves["train_loss"]) for n, arm in found.items()})
    top.set(xlabel="epoch", ylabel="log10 of the train loss")
    tidy(top, "three layers on the digits")
    forest(drawn.add_subplot(grid[1, 0]), less, "log10 (train loss / that of GD)")
    names = {
        f"{n}, {r.replace('ravine', '').strip()}": f for (n, r), f in fewer.items()
    }
    text = "log10 (steps in a ravine / those of GD)"
    forest(drawn.add_subplot(grid[1, 1]), names, text)
    return drawn
