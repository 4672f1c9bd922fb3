"""Arms: ways of training that are compared over the same seeds.

A claim states which sign the effect has, and how large it must be to matter. It is
seen if the 99 % interval of the mean over the seeds excludes 0 on the claimed side,
reversed if it does so on the other side, and not settled otherwise. That there is no
effect is seen if the interval lies within the smallest effect that matters.

All arms and seeds train in one sweep: an arm is a configuration, a seed is a repeat.
A seed gives every arm the same order of the data. Initial weights and masks are each
arm's own.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray
from scipy import stats

import jaxdl as dl
from jaxdl.report.style import GRAY, PALETTE, SKY, tidy

LEVEL = 0.99
TUNING_SEEDS = 6  # of the choice of a rate
COLORS = [color for color in PALETTE if color != SKY]  # which is too much like BLUE


class Claim(NamedTuple):
    """What the course says, before it is measured."""

    number: int  # in the list of the page
    text: str
    sign: int  # of the effect: +1 or -1; 0: there is none
    smallest: float  # effect that matters, in the unit
    unit: str  # of the effect


class Finding(NamedTuple):
    """What was measured of a claim: a mean over seeds, with its interval."""

    claim: Claim
    mean: float
    low: float
    high: float
    n: int  # seeds, or draws

    @property
    def verdict(self) -> str:
        """`seen`, `reversed` or `not settled`; small if it is too small to matter."""
        if self.claim.sign == 0:
            within = max(-self.low, self.high) <= self.claim.smallest
            return "seen" if within else "not settled"
        low, high = sorted((self.claim.sign * self.low, self.claim.sign * self.high))
        if low <= 0 <= high:
            return "not settled"
        small = abs(self.mean) < self.claim.smallest
        return ("seen" if low > 0 else "reversed") + (", small" if small else "")

    def __str__(self) -> str:
        """Returns the claim, its verdict, the mean and the interval in one line."""
        claim, mean, low, high, n = self
        effect = f"{mean:.3g} [{low:.3g}, {high:.3g}] {claim.unit}"
        return f"{claim.number:3} {claim.text}: {self.verdict}; {effect}, n = {n}"


class Outcome(NamedTuple):
    """What a script returns."""

    findings: list[Finding]
    figures: dict[str, tuple[Figure, str]]  # by name, each with its text


class Arm(NamedTuple):
    """What one arm did."""

    curves: dict[str, NDArray[Any]]  # metrics by name, [seeds, epochs]
    final: dict[str, NDArray[Any]]  # of the kept epoch, [seeds]; NaN: diverged
    result: dl.SweepResult
    ids: NDArray[np.int64]  # members of the result, [seeds]

    def members(self) -> list[dl.Member]:
        """Returns the trained models, one a seed."""
        return [self.result.member(i) for i in self.ids]


def dev_error(arm: Arm) -> NDArray[Any]:
    """Returns the dev error of each seed in percent, `[seeds]`."""
    return 100 * arm.final["dev_error"]


def train_error(arm: Arm, data: dl.data.Splits) -> NDArray[Any]:
    """Returns the error on the train set in percent, `[seeds]`.

    It is that of the trained model, without dropout or augmentation.
    """
    return np.array([100 * m.evaluate(data.train)["error"] for m in arm.members()])


def variance(arm: Arm, data: dl.data.Splits) -> NDArray[Any]:
    """Returns dev error − train error of each seed in points, `[seeds]`."""
    return dev_error(arm) - train_error(arm, data)


def interval(values: ArrayLike) -> tuple[float, float, float]:
    """Returns the mean, and the ends of its 99 % interval by Student's t."""
    x = np.asarray(values, float)
    error = x.std(ddof=1) / len(x) ** 0.5
    half = stats.t.ppf((1 + LEVEL) / 2, len(x) - 1) * error
    return float(x.mean()), float(x.mean() - half), float(x.mean() + half)


def find(claim: Claim, values: ArrayLike) -> Finding:
    """Returns the finding of a claim.

    Args:
        claim: the claim.
        values: the effect in each seed, such as differences of two arms, `[n]`.
    """
    return Finding(claim, *interval(values), len(np.asarray(values)))


def as_space(arms: Mapping[Any, Any]) -> Any:
    """Returns the hyperparameters of all arms as a space: arrays `[arms]`."""

    def column(values: tuple[Any, ...]) -> NDArray[Any]:
        if all(isinstance(x, float) for x in values):
            return np.array(values, np.float32)
        return np.array(values, object)  # static: one program for each value

    rows = list(arms.values())
    return type(rows[0])(*map(column, zip(*rows, strict=True)))


def train(
    recipe: Callable[..., dl.Recipe],
    arms: Mapping[Any, Any],
    data: dl.data.Splits,
    *,
    seeds: int,
    epochs: int,
    key: int,
    patience: int | None = None,
) -> dict[Any, Arm]:
    """Returns what each arm did, by name.

    Args:
        recipe: of all arms.
        arms: their hyperparameters by name, of one NamedTuple. Floats are traced.
        data: of all arms.
        seeds: how often each arm is trained.
        epochs: of each training.
        key: the seed of the sweep.
        patience: of early stopping.
    """
    result = dl.sweep(
        recipe, as_space(arms), data, key=key, members=len(arms), repeats=seeds,
        epochs=epochs, patience=patience, progress=False,
    )  # fmt: skip
    final, found = result.final(), {}
    for i, name in enumerate(arms):
        ids = result.members_of(i)
        curves = {n: x[ids] for n, x in result.metrics.items()}
        found[name] = Arm(curves, {n: x[ids] for n, x in final.items()}, result, ids)
    return found


def with_best_rates(
    recipe: Callable[..., dl.Recipe],
    arms: Mapping[Any, Any],
    data: dl.data.Splits,
    rates: ArrayLike,
    *,
    epochs: int,
    key: int,
    metric: str = "train_loss",
) -> dict[Any, Any]:
    """Returns the arms, each with the rate that has its lowest mean metric.

    The seeds are others than those of `train` with the same key. A rate with which a
    training diverges is not taken, unless all rates have one: then it is the first.
    """
    grid = np.asarray(rates, float).tolist()
    many = {(n, r): hp._replace(rate=r) for n, hp in arms.items() for r in grid}
    found = train(recipe, many, data, seeds=TUNING_SEEDS, epochs=epochs, key=key + 1000)
    score = {
        name: np.nan_to_num(arm.final[metric], nan=np.inf).mean()
        for name, arm in found.items()
    }
    best = {n: min(grid, key=lambda r, n=n: score[n, r]) for n in arms}
    return {name: hp._replace(rate=best[name]) for name, hp in arms.items()}


def bands(
    axes: Axes, curves: Mapping[str, ArrayLike], x: ArrayLike | None = None
) -> None:
    """Draws the mean of each arm's curves `[seeds, n]`, with its 99 % interval."""
    for (name, ys), color in zip(curves.items(), COLORS, strict=False):
        mean, low, high = np.array([interval(y) for y in np.asarray(ys).T]).T
        at = np.arange(1, len(mean) + 1) if x is None else np.asarray(x)
        axes.plot(at, mean, color=color, label=str(name), linewidth=1.5)
        axes.fill_between(at, low, high, color=color, alpha=0.25, linewidth=0)
    axes.legend(fontsize="small", frameon=False)
    tidy(axes)


def forest(axes: Axes, findings: Mapping[str, Finding], label: str) -> None:
    """Draws each finding's mean and interval as a row, and a line at 0."""
    axes.axvline(0, color=GRAY, linewidth=1)
    for row, found in enumerate(findings.values()):
        axes.plot([found.low, found.high], [row, row], color=PALETTE[0], linewidth=2)
        axes.plot(found.mean, row, "o", color=PALETTE[0], markersize=5)
    axes.set_yticks(range(len(findings)), [*findings])
    axes.set(xlabel=label, ylim=(len(findings) - 0.5, -0.5))
    tidy(axes)
