"""Which settings a portfolio has, by the scores that all have on all tasks."""

import math

import numpy as np
from numpy.typing import NDArray

FIRST, RANDOM = 8, 32  # settings of a portfolio, and random ones to compare it with

Scores = NDArray[np.float64]  # [settings, tasks], lower is better


def normalized(scores: Scores) -> Scores:
    """Returns scores from 0, the best of a task, to 1, its median or anything worse.

    `min(1, (s - best) / (median - best))`; the median is that of the finite scores of
    the task. What is not finite is 1.
    """
    finite = np.where(np.isfinite(scores), scores, np.nan)
    best, median = np.nanmin(finite, axis=0), np.nanmedian(finite, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = (finite - best) / (median - best)
    ratio = np.where(finite == best, 0.0, ratio)  # also where the median is the best
    return np.minimum(np.nan_to_num(ratio, nan=1.0), 1.0)


def greedy(scores: Scores, count: int) -> list[int]:
    """Returns the settings of a portfolio in their order.

    Each next one lowers the sum over tasks of the best score so far the most; ties go
    to the lower number. When none lowers it, since each task has had its best, the
    next one is chosen among those that are left as if none had been chosen before.

    Args:
        scores: `[settings, tasks]`, as `normalized` gives them.
        count: at most as many as there are settings.
    """
    chosen: list[int] = []
    best, first = np.ones(scores.shape[1]), True
    while len(chosen) < count:
        gain = np.maximum(best - scores, 0).sum(axis=1)
        gain[chosen] = -1
        place = int(np.argmax(gain))
        if gain[place] > 0 or first:
            chosen.append(place)
            best, first = np.minimum(best, scores[place]), False
        else:
            best, first = np.ones_like(best), True
    return chosen


def expected_best(scores: NDArray[np.float64], count: int) -> float:
    """Returns the mean lowest score of `count` settings over all such subsets.

    The k-th lowest of n, from 0 on, is the lowest of C(n - 1 - k, count - 1) subsets.
    """
    n, whole = len(scores), math.comb(len(scores), count)
    ways = [math.comb(n - 1 - k, count - 1) / whole for k in range(n)]
    return float(np.sort(scores) @ np.array(ways))


def leave_one_out(scores: Scores, names: list[str]) -> dict[str, dict[str, float]]:
    """Returns what each task finds in a portfolio that was chosen without it.

    Args:
        scores: `[settings, tasks]`, as `normalized` gives them.
        names: of the tasks; the first word is the data.

    Returns:
        By name, the best score on the task of the first `FIRST` settings, if the
        portfolio was chosen without this task, and without any task of its data; and
        the mean best of `RANDOM` random settings.
    """
    data = np.array([name.split()[0] for name in names])
    found = {}
    for t, name in enumerate(names):
        column, others = scores[:, t], np.arange(len(names)) != t
        found[name] = {
            "without_task": column[greedy(scores[:, others], FIRST)].min(),
            "without_data": column[greedy(scores[:, data != data[t]], FIRST)].min(),
            "random": expected_best(column, RANDOM),
        }
    return {n: {k: round(float(x), 4) for k, x in y.items()} for n, y in found.items()}
