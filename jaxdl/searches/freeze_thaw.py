"""Freeze-thaw: members pause and train on, as their learning curves promise."""

import math
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from jaxdl.searches.extrapolation import extrapolate
from jaxdl.searches.rungs import (
    RECORDED,
    Requests,
    Rung,
    Search,
    Standing,
    check_number,
    pick,
    scores,
)
from jaxdl.spaces.contract import SpaceError
from jaxdl.spaces.sample import sample

OPTIMISM = 0.5  # standard deviations by which a curve is taken to end better


def freeze_thaw(percent: int = 20, *, every: int = 1) -> Search:
    """Returns the search in which members pause, and train on when they promise most.

    All members train `every` epochs. In each later rung some train `every` epochs more.
    The others are frozen: they keep their state, and may thaw in any later rung, with
    the bits that they would have without the pause. Rung r, counted from 1, has

        n_r = b / sqrt(r)   members, at least one.

    b is such that all rungs cost `percent` of the epochs that all members would train
    to the end; what rounding leaves goes to the rungs that follow. Of the members that
    have not trained to the end, a rung has those whose curves end best by
    `extrapolate`, half a standard deviation below the mean. At last the member with the
    best mean trains to the end, and then the next best, as far as the epochs go. A
    member that diverged does not thaw. One that `patience` has stopped may be chosen
    again, since a search hears of scores alone: it then takes a place and epochs of the
    budget without training.

    Which members thaw is a function of the scores alone. A run that resumes takes the
    rungs that it has on record; it does not decide them again.

    >>> import jax
    >>> import jaxdl as dl
    >>> space = {"rate": dl.LogUniform(1e-3, 1.0)}
    >>> rungs = dl.freeze_thaw(60)(jax.random.key(0), space, 6, 5)
    >>> first, error = next(rungs), np.array([0.6, 0.1, 0.5, 0.2, 0.4, 0.3])
    >>> second = rungs.send({"dev_error": error, "dev_loss": error})
    >>> second.members, second.until
    (array([1, 3, 5]), array([2, 2, 2]))

    Args:
        percent: of the epochs of all members, from 1 to 100, rounded down to a whole
            epoch. Less is used only where no member can train on.
        every: epochs between decisions, at least 1.

    Raises:
        SpaceError: a number is outside its range; or, when the search begins, there
            are not more epochs than `every`, or rungs of one member cost more than
            `percent`.

    Source: Swersky et al., Freeze-Thaw Bayesian Optimization, 2014, with `extrapolate`
    in the place of their Gaussian process.
    """
    percent = check_number("freeze_thaw", "percent", percent, least=1)
    every = check_number("freeze_thaw", "every", every, least=1)
    if percent > 100:
        raise SpaceError(f"freeze_thaw got percent={percent}; expected at most 100")

    def search(key: jax.Array, space: Any, members: int, epochs: int) -> Requests:
        left, weights = _budget(percent, every, members, epochs)
        hparams = sample(key, space, members)
        curves = np.full((members, epochs), np.nan)  # scores at the ends of rungs
        trained, latest = np.zeros(members, np.int64), np.full(members, np.nan)
        chosen, until = np.arange(members), np.full(members, every)
        while len(chosen):
            standing = yield Rung(chosen, pick(hparams, chosen), until)
            left -= int((until - trained[chosen]).sum())
            trained[chosen], latest[chosen] = until, scores(standing)
            curves[chosen, until - 1] = latest[chosen]
            alive = np.isfinite(latest)
            able = alive & (trained < epochs)
            if len(weights):
                # Whoever trains to the end at last may have trained `every` epochs.
                width = _width((left - (epochs - every)) // every, weights)
                ranked = _ranked(standing, curves, alive, able, -OPTIMISM)
                chosen = np.sort(ranked[:width])
                until = np.minimum(trained[chosen] + every, epochs)
                weights = weights[1:]
            else:
                ranked = _ranked(standing, curves, alive, able, 0.0)
                chosen, until = _to_the_end(ranked, trained, epochs, left)

    return search


def _ranked(
    standing: Standing,
    curves: NDArray[np.float64],
    alive: NDArray[np.bool_],
    able: NDArray[np.bool_],
    deviations: float,
) -> NDArray[np.int64]:
    """Returns members that can train on: those of the record, then by their promise.

    So a rung that asks for the first of them is the recorded one, if it is as long.

    Args:
        standing: of the rung before.
        curves: of all members, `[members, epochs]`.
        alive: a mask of those whose latest score is finite.
        able: a mask of those that can train on.
        deviations: see `extrapolate`.
    """
    ends = np.full(len(curves), np.inf)
    if able.any():
        ends[alive] = extrapolate(curves[alive], deviations)
    order = np.argsort(ends, kind="stable")
    recorded = standing.get(RECORDED, order[:0])
    ranked = np.concatenate([recorded, order[~np.isin(order, recorded)]])
    return ranked[able[ranked]]


def _width(left: int, weights: NDArray[np.float64]) -> int:
    """Returns how many members the next rung has, so that each later one has one.

    Args:
        left: how many all rungs to come have together, at least one each.
        weights: of the rungs to come; their numbers of members are in this proportion.
    """
    share = round(left * weights[0] / weights.sum())
    return min(max(share, 1), left - len(weights) + 1)


def _to_the_end(
    ranked: NDArray[np.int64], trained: NDArray[np.int64], epochs: int, left: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns the members of the last rung, and how far each trains.

    Args:
        ranked: members, the best first.
        trained: epochs that each member has trained, `[members]`.
        epochs: of a whole training.
        left: epochs that the rung may cost.
    """
    spent = np.minimum(np.cumsum(epochs - trained[ranked]), left)
    steps = np.diff(spent, prepend=0)
    return ranked[steps > 0], (trained[ranked] + steps)[steps > 0]


def _budget(
    percent: int, every: int, members: int, epochs: int
) -> tuple[int, NDArray[np.float64]]:
    """Returns the epochs of all members, and the weights of the rungs that decide.

    These are those after the first one and before the last one, `[rungs]`.

    Raises:
        SpaceError: there are too few epochs, or `percent` is too small.
    """
    if every >= epochs:
        raise SpaceError(
            f"freeze_thaw got every={every} and epochs={epochs}; expected at least "
            f"{every + 1} epochs, so that it decides once, or a smaller every"
        )
    rungs = -(-epochs // every) - 1
    fixed = members * every + epochs - every  # the first rung and the last one
    least = math.ceil(100 * (fixed + rungs * every) / (members * epochs))
    if percent < least:
        raise SpaceError(
            f"freeze_thaw got percent={percent} for {members} members and {epochs} "
            f"epochs; expected at least {least}, or more members or epochs: all "
            f"members train {every} of the epochs"
        )
    return percent * members * epochs // 100, 1 / np.sqrt(np.arange(2.0, rungs + 2))
