"""How are hyperparameters searched: at random, on a grid, on which scale?

A seed is a search. Each tunes Adam's rate, its ε and λ of a layer of 16 units, 2 epochs
on the digits. A grid has luck with its place:
the range of rates, six decades, is moved at random for each search. Ends of the grid
are ends of the ranges. With one hyperparameter there are 8 trials, with two 16, with
three 27. Coarse to fine keeps the best 4 of 13 and draws 14 more in their region;
`experiments/searches.py` compares it with 128 trials.
"""

from typing import Any, NamedTuple

import jax
import numpy as np

import jaxdl as dl
from experiments.course import pictures
from experiments.course.arms import Claim, Outcome, find
from jaxdl import nn, optim

ONE = Claim(
    1, "with one hyperparameter a grid is better", 1, 0.5, "points, random − grid"
)
TWO = Claim(1, "with two, random search beats the grid", -1, 0.5, "points")
MANY = Claim(1, "with three, random search beats the grid", -1, 0.5, "points")
FINE = Claim(2, "coarse to fine beats random search, 27 trials", -1, 0.2, "points")
LOG = Claim(4, "log scale finds better rates than linear, 8 trials", -1, 0.5, "points")
BETAS = Claim(4, "1 − β log-uniform: more draws of β above 0.99", 1, 0.2, "share")
POINTS = {1: 8, 2: 4, 3: 3}  # of the grid along each hyperparameter


class Hparams(NamedTuple):
    rate: Any  # a number, or numbers of several models
    eps: Any
    l2: Any


def recipe(hp: Hparams) -> dl.Recipe:
    model = nn.serial(nn.dense(16), nn.relu, nn.dense(10))
    optimizer, loss = optim.adam(hp.rate, eps=hp.eps), nn.softmax_cross_entropy
    return dl.Recipe(model, optimizer, loss, nn.l2(hp.l2))


def space(offset: float, dimensions: int = 3) -> Hparams:
    """Returns the space of one search, of which so many hyperparameters vary.

    Args:
        offset: how many decades the range of rates is moved.
        dimensions: the others have the middle of their range.
    """
    rate = dl.LogUniform(10 ** (-6 + offset), 10**offset)
    full = Hparams(rate, dl.LogUniform(1e-10, 1e-6), dl.LogUniform(1e-6, 1e-3))
    fixed = (1e-3, 1e-8, 10**-4.5)
    return Hparams(*full[:dimensions], *fixed[dimensions:])


def errors(searches: list[Hparams], key: int) -> np.ndarray:
    """Returns the dev error in percent of each trial, all trained in one sweep.

    Args:
        searches: hyperparameters of each search, arrays `[trials]`.
        key: of the sweep.
    """
    columns = zip(*searches, strict=True)
    hp = Hparams(*(np.concatenate(c).astype(np.float32) for c in columns))
    settings = {"members": len(hp.rate), "epochs": 2, "progress": False}
    result = dl.sweep(recipe, hp, dl.data.load("digits"), key=key, **settings)
    error = np.nan_to_num(100 * result.final()["dev_error"], nan=90)
    return error.reshape(len(searches), -1)


def example():
    space = {
        "rate": dl.LogUniform(1e-4, 1.0),
        "beta": dl.OneMinusLogUniform(0.9, 0.999),
    }

    def recipe(hp):
        optimizer = optim.momentum(hp["rate"], beta=hp["beta"])
        return dl.Recipe(nn.dense(10), optimizer, nn.softmax_cross_entropy)

    data, settings = dl.data.load("digits"), {"epochs": 2, "progress": False}
    fine = dl.refinement(2, keep=4)  # coarse to fine; None: random search
    found = dl.sweep(recipe, space, data, key=0, members=16, search=fine, **settings)
    trials = dl.grid(space, 4)  # 16 combinations, a space themselves
    on_grid = dl.sweep(recipe, trials, data, key=0, members=16, **settings)
    print(found.table(2), on_grid.table(2), sep="\n")
    return found, on_grid


def filled(space: Hparams, trials: int) -> Hparams:
    """Returns a space with arrays `[trials]` in place of its constants."""
    return Hparams(*(np.broadcast_to(x, trials) for x in space))


def run(seeds: int, key: int) -> Outcome:
    rng = np.random.default_rng(key)
    offsets, keys = rng.uniform(-1, 1, seeds), rng.integers(0, 2**31, seeds)
    pairs = list(zip(offsets, (jax.random.key(k) for k in keys), strict=True))
    less, drawn, best = {}, [], []
    for d, points in POINTS.items():
        trials = points**d
        drawn = [dl.sample(k, space(o, d), trials) for o, k in pairs]
        grid = [filled(dl.grid(space(o, d), points), trials) for o, _ in pairs]
        best = [errors(s, key).min(axis=1) for s in (drawn, grid)]
        less[d] = find((ONE, TWO, MANY)[d - 1], best[0] - best[1])
    coarse = [Hparams(*(x[:13] for x in hp)) for hp in drawn]  # of the last search
    first = errors(coarse, key)
    near = [
        dl.refine(space(o), hp, error, keep=4)
        for (o, _), hp, error in zip(pairs, coarse, first, strict=True)
    ]
    again = [
        dl.sample(jax.random.fold_in(k, 1), s, 14)
        for s, (_, k) in zip(near, pairs, strict=True)
    ]
    fine = np.minimum(first.min(axis=1), errors(again, key + 1).min(axis=1))
    scales = {}
    for name, dist in (
        ("log", dl.LogUniform(1e-5, 10.0)),
        ("linear", dl.Uniform(1e-5, 10.0)),
    ):
        one = [dl.sample(k, space(0.0)._replace(rate=dist), 8) for _, k in pairs]
        scales[name] = errors(one, key)
    betas = dl.OneMinusLogUniform(0.9, 0.999), dl.Uniform(0.9, 0.999)
    above = [
        np.array([(dl.sample(k, {"b": b}, 64)["b"] > 0.99).mean() for _, k in pairs])
        for b in betas
    ]
    findings = [
        *less.values(), find(FINE, fine - best[0]),
        find(LOG, scales["log"].min(axis=1) - scales["linear"].min(axis=1)),
        find(BETAS, above[0] - above[1]),
    ]  # fmt: skip
    figures = {
        "random_or_grid": (
            pictures.squares(less),
            "Nine trials on a grid and at random; effects",
        ),
        "scales": (pictures.scales(coarse[0], again[0]), "Draws on scales; the zoom"),
    }
    return Outcome(findings, figures)
