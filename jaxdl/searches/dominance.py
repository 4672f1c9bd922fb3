"""Ranking by several objectives at once: fronts, and the order within them."""

import bisect
import operator
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_SPREAD = 1_000  # rows of a front: each takes a look at all others


def fronts(objectives: NDArray[Any]) -> NDArray[np.int64]:
    """Returns the front of each row of `[n, k]`, from 0; rows with NaN have the last.

    Front 0 has the rows that no row dominates, front 1 those that only rows of front 0
    dominate, and so on. Row `a` dominates row `b` if `a <= b` in every column and
    `a < b` in one.

        >>> fronts(np.array([[1.0, 5.0], [2.0, 2.0], [3.0, 3.0], [1.0, 5.0]])).tolist()
        [0, 0, 1, 0]

    Args:
        objectives: lower is better.

    Source: Deb et al., A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II,
    2002, for the sorting.
    """
    known = ~np.isnan(objectives).any(axis=1)
    rows, places = np.unique(objectives[known], axis=0, return_inverse=True)
    numbers, found = _sorted_fronts(rows.tolist()), np.empty(len(objectives), np.int64)
    found[~known] = max(numbers, default=-1) + 1
    found[known] = np.array(numbers, np.int64)[places.ravel()]
    return found


def order(objectives: NDArray[Any], ties: NDArray[Any]) -> NDArray[np.int64]:
    """Returns the rows of `[n, k]`, front after front, `[n]`.

    A front begins with its lowest value of the first objective. Each further row is the
    one that is farthest from those before it, so that any first part of a front is
    spread over it. The distance is the largest difference over the objectives, of ranks
    within the front, which no unit changes. After 1,000 rows that differ, the others of
    a front come by the objectives in turn; then come the rows that equal one before.
    Rows with NaN come last. Ties go by `ties`, then by position.

        >>> front = np.array([[0.1, 90.0], [0.2, 50.0], [0.3, 20.0], [0.9, 1.0]])
        >>> order(front, np.zeros(4)).tolist()
        [0, 3, 1, 2]

    Args:
        objectives: lower is better.
        ties: lower is better, `[n]`.

    Source: Schmucker et al., Multi-objective Asynchronous Successive Halving, 2021,
    for the order within a front.
    """
    front = fronts(objectives)
    known = np.asarray(~np.isnan(objectives).any(axis=1))
    # by the first objective, then by the others, then by `ties`
    keys = [ties, *objectives.T[::-1]]
    plain = np.lexsort([*keys, front])
    ranked = plain[known[plain]]
    parts = np.split(ranked, np.flatnonzero(np.diff(front[ranked])) + 1)
    parts = [own[_spread(objectives[own])] for own in parts]
    return np.concatenate([*parts, plain[~known[plain]]]).astype(np.int64)


def _sorted_fronts(rows: list[list[float]]) -> list[int]:
    """Returns the front of each of some rows that differ, in lexicographic order.

    A row can be dominated by rows before it alone; and if one of a front dominates it,
    one of each lower front does as well, so that a bisection finds its own.

    Source: Zhang et al., An Efficient Approach to Nondominated Sorting for Evolutionary
    Multiobjective Optimization, 2015.
    """
    members: list[list[list[float]]] = []  # of each front
    numbers = []
    for row in rows:
        number = bisect.bisect_left(
            members, True, key=lambda own, row=row: not _dominates(own, row)
        )
        members += [[]] * (number == len(members))
        members[number] = [*members[number], row] if len(row) > 2 else [row]
        numbers.append(number)
    return numbers


def _dominates(front: list[list[float]], row: list[float]) -> bool:
    """Returns whether a row of a front is nowhere above another row.

    Of two columns the last row of a front has the lowest second value.
    """
    return any(all(map(operator.le, own, row)) for own in front)


def _spread(rows: NDArray[Any]) -> NDArray[np.int64]:
    """Returns positions in a front, each the farthest from those before it.

    Rows come, and beyond the first ones go, in lexicographic order; equal ones go last.
    """
    if not len(rows):
        return np.empty(0, np.int64)
    ranks = np.stack([np.searchsorted(np.sort(c), c) for c in rows.T], axis=1)
    again = np.append(False, (rows[1:] == rows[:-1]).all(axis=1))
    places, equal = np.flatnonzero(~again), np.flatnonzero(again)
    ranks = ranks[places]
    distance = np.abs(ranks - ranks[0]).max(axis=1)
    chosen = [0]  # whose distance is 0; that of all others is above it
    while len(chosen) < min(len(places), MOST_SPREAD):
        chosen.append(int(np.argmax(distance)))  # the first of equal ones
        distance = np.minimum(distance, np.abs(ranks - ranks[chosen[-1]]).max(axis=1))
    return np.concatenate([places[chosen], np.delete(places, chosen), equal])
