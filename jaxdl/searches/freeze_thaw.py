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
    takes_record,
)
from jaxdl.spaces.contract import SpaceError
from jaxdl.spaces.sample import sample

OPTIMISM = 0.5  # standard deviations by which a curve is taken to end better


def freeze_thaw(percent: int = 20, *, every: int = 1) -> Search:
    """Returns the search in which members pause, and train on when they promise most.

    All members train `every` epochs. In each later rung some train `every` epochs more.
    The others are frozen: they keep their state, and may thaw in any later rung, with
    the bits that they would have without the pause. Rung r, counted from 1, has

        n_r = b / sqrt(r)   members,   with b such that all rungs cost `percent`

    of the epochs that all members would train to the end. They are those whose curves
    end best by `extrapolate`, half a standard deviation below the median, and that have
    not trained to the end yet. At last the member with the best median trains to the
    end. A member that diverged does not thaw.

    Which members thaw is a function of the scores alone. A run that resumes takes the
    rungs that it has on record; it does not decide them again.

    >>> import jax
    >>> import jaxdl as dl
    >>> space = {"rate": dl.LogUniform(1e-3, 1.0)}
    >>> rungs = dl.freeze_thaw(60)(jax.random.key(0), space, 6, 5)
    >>> first, error = next(rungs), np.array([0.6, 0.1, 0.5, 0.2, 0.4, 0.3])
    >>> second = rungs.send({"dev_error": error, "dev_loss": error})
    >>> second.members, second.until
    (array([1, 3]), array([2, 2]))

    Args:
        percent: of the epochs of all members, from 1 to 100, as near as whole members
            allow.
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

    @takes_record
    def search(key: jax.Array, space: Any, members: int, epochs: int) -> Requests:
        widths = _widths(percent, every, members, epochs)
        hparams = sample(key, space, members)
        curves = np.full((members, epochs), np.nan)  # scores at the ends of rungs
        trained, latest = np.zeros(members, np.int64), np.full(members, np.nan)
        chosen, until = np.arange(members), np.full(members, every)
        for width in [*widths, 0]:
            standing = yield Rung(chosen, pick(hparams, chosen), until)
            trained[chosen], latest[chosen] = until, scores(standing)
            curves[chosen, until - 1] = latest[chosen]
            alive = np.isfinite(latest)
            if width:
                able = alive & (trained < epochs)
                chosen = _thawed(standing, curves, alive, able, width, -OPTIMISM)
                until = np.minimum(trained[chosen] + every, epochs)
            else:
                chosen = _thawed(standing, curves, alive, alive, 1, 0.0)
                until = np.full(len(chosen), epochs)
            if not (until > trained[chosen]).any():
                return
        yield Rung(chosen, pick(hparams, chosen), until)

    return search


def _thawed(
    standing: Standing,
    curves: NDArray[np.float64],
    alive: NDArray[np.bool_],
    able: NDArray[np.bool_],
    width: int,
    deviations: float,
) -> NDArray[np.int64]:
    """Returns the members of the next rung: those on record, or the most promising.

    Args:
        standing: of the rung before.
        curves: of all members, `[members, epochs]`.
        alive: a mask of those whose latest score is finite.
        able: a mask of those that can be chosen.
        width: how many are, at most.
        deviations: see `extrapolate`.
    """
    width = min(width, int(able.sum()))
    if RECORDED in standing and len(standing[RECORDED]) == width:
        return standing[RECORDED]
    ends = np.full(len(curves), np.inf)
    if width:
        ends[alive] = extrapolate(curves[alive], deviations)
    ends[~able] = np.inf
    return np.sort(np.argsort(ends, kind="stable")[:width])


def _widths(percent: int, every: int, members: int, epochs: int) -> list[int]:
    """Returns how many members each rung after the first has, but for the last one.

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
    left = (percent / 100 * members * epochs - fixed) / every
    weights = np.arange(2, rungs + 2) ** -0.5
    widths = np.floor(left / weights.sum() * weights).astype(int)
    return np.clip(widths, 1, members).tolist()
