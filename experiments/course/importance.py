"""Which hyperparameters matter most?

A seed is a sweep of 48 configurations of a network on 512 digits, 4 epochs of Adam. A
share says how much of the differences in the dev error a hyperparameter accounts for;
the shares of a sweep add up to 1. The ranges are wide, as at the start of a project,
and the shares are those of these ranges.
"""

from typing import NamedTuple

import jax
import numpy as np

import jaxdl as dl
from experiments.course.arms import Claim, Outcome, find, interval
from jaxdl import diagnose, nn, optim
from jaxdl.report.style import GRAY, PALETTE, figure, tidy
from jaxdl.train import Facts

FIRST = Claim(3, "the rate matters most: its share less the next", 1, 0.1, "share")
SECOND = Claim(
    3, "units and batch size before layers and decay, in the mean", 1, 0.01, "share"
)
RARELY = Claim(3, "β₁, β₂ and ε matter less than units and batch", -1, 0.01, "share")
MEMBERS = 48


class Hparams(NamedTuple):
    learning_rate: float
    units: int
    batch_size: int
    layers: int
    decay_rate: float
    beta1: float
    beta2: float
    eps: float


SPACE = Hparams(
    learning_rate=dl.LogUniform(1e-4, 1e-1),
    units=dl.AsSize(dl.IntLogUniform(4, 64), bounds=(64,)),
    batch_size=dl.Static([16, 64, 256]),
    layers=dl.AsSize(dl.IntUniform(1, 3), bounds=(3,)),
    decay_rate=dl.Uniform(0.0, 1.0),
    beta1=dl.OneMinusLogUniform(0.8, 0.99),
    beta2=dl.OneMinusLogUniform(0.9, 0.9999),
    eps=dl.LogUniform(1e-9, 1e-6),
)
ORDER = dict(zip(Hparams._fields, (1, 2, 2, 3, 3, 4, 4, 4), strict=True))


def recipe(hp: Hparams, facts: Facts) -> dl.Recipe:
    steps = facts.steps_per_epoch(hp.batch_size)
    rate = optim.inverse_time_decay(hp.learning_rate, steps, hp.decay_rate)
    hidden = nn.serial(nn.dense(hp.units), nn.relu)
    model = nn.serial(nn.dense(hp.units), nn.relu, nn.repeat(hidden, hp.layers))
    optimizer = optim.adam(rate, beta1=hp.beta1, beta2=hp.beta2, eps=hp.eps)
    return dl.Recipe(
        nn.serial(model, nn.dense(10)), optimizer, nn.softmax_cross_entropy,
        batch_size=hp.batch_size,
    )  # fmt: skip


def example():
    def recipe(hp):
        model = nn.serial(nn.dense(16), nn.relu, nn.dropout(hp["keep"]), nn.dense(10))
        return dl.Recipe(model, optim.adam(hp["rate"]), nn.softmax_cross_entropy)

    space = {"rate": dl.LogUniform(1e-4, 1e-1), "keep": dl.Uniform(0.5, 1.0)}
    data, settings = dl.data.load("digits"), {"epochs": 2, "progress": False}
    found = dl.sweep(recipe, space, data, key=0, members=32, **settings)
    shares = diagnose.importance(found.hparams, found.final()["dev_error"]).shares
    for name, share in shares.items():
        print(f"{name}: share {share:.3f}, rank", diagnose.expected_rank(name))
    return shares


def run(seeds: int, key: int) -> Outcome:
    data = dl.data.load("digits")
    data = data._replace(train=data.train[:512])
    members = seeds * MEMBERS
    settings = {"members": members, "epochs": 4, "progress": False}
    result = dl.sweep(recipe, SPACE, data, key=key, **settings)
    error = result.final()["dev_error"]

    def shares(seed: int) -> list[float]:
        own = slice(seed * MEMBERS, (seed + 1) * MEMBERS)
        hparams = jax.tree.map(lambda x: x[own], result.hparams)
        found = diagnose.importance(hparams, error[own]).shares
        return [found.get(name, 0.0) for name in Hparams._fields]

    table = np.array([shares(seed) for seed in range(seeds)])  # [seeds, 8]
    second, third, last = table[:, 1:3], table[:, 3:5], table[:, 5:]
    findings = [
        find(FIRST, table[:, 0] - table[:, 1:].max(axis=1)),
        find(SECOND, second.mean(axis=1) - third.mean(axis=1)),
        find(RARELY, last.mean(axis=1) - second.mean(axis=1)),
    ]
    text = "Share of each hyperparameter with its interval, in the order of the course"
    return Outcome(findings, {"importance": (drawn_shares(table), text)})


def drawn_shares(table: np.ndarray):
    drawn = figure(7.5, 3.6)
    axes = drawn.add_subplot()
    for row, rank in enumerate(ORDER.values()):
        mean, low, high = interval(table[:, row])
        axes.plot([low, high], [row, row], color=PALETTE[rank - 1], linewidth=3)
        axes.plot(mean, row, "o", color=PALETTE[rank - 1])
        axes.text(1.0, row, f"rank {rank}", ha="right", va="center", fontsize="small")
    axes.axvline(0, color=GRAY, linewidth=1)
    axes.set_yticks(range(len(ORDER)), [*ORDER])
    axes.set(xlabel="share of the importance", xlim=(-0.02, 1.02), ylim=(7.5, -0.5))
    tidy(axes, "ranks are those of the course: 1 is tuned first")
    return drawn
