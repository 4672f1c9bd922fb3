"""Search by hand, without chance or with less of it: grids, and coarse to fine."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxdl.spaces.distributions import (
    AsSize,
    Choice,
    IntUniform,
    SpaceError,
    Static,
    is_distribution,
)
from jaxdl.spaces.either import combinations, needs
from jaxdl.train.structure import flatten


def grid(space: Any, points: int) -> Any:
    """Returns every combination of values on a grid: the space's tree with arrays.

    Ranges give `points` values, evenly spaced on their own scale with both ends; ranges
    of integers at most as many; choices and static values all of theirs; what else is
    in the space stays as it is. The arrays have one entry a member and are a space
    themselves: `sweep(recipe, grid(space, 5), data, members=...)`.

    Random search covers each range more densely with as many models; a grid is for a
    few discrete values.

    Args:
        space: as for `sample`, without arrays.
        points: at least 2.

    Raises:
        SpaceError: `points` is below 2, or the space holds an array or no distribution.

    Source: Bergstra and Bengio, Random Search for Hyper-Parameter Optimization, 2012.
    """
    if isinstance(points, bool) or not isinstance(points, int) or points < 2:
        raise SpaceError(f"got points={points!r}; expected an int of at least 2")
    check_varies(space)
    _, leaves, treedef = flatten(space)
    axes = [_axis(x, points) if is_distribution(x) else [x] for x in leaves]
    rows = combinations(axes, needs(space))
    filled = [
        given(column, leaf) if is_distribution(leaf) else leaf
        for column, leaf in zip(zip(*rows, strict=True), leaves, strict=True)
    ]
    return jax.tree.unflatten(treedef, filled)


def refine(space: Any, hparams: Any, scores: ArrayLike, keep: int) -> Any:
    """Returns the space narrowed to the region of the best members: coarse to fine.

    On its own scale, each range shrinks to that from the lowest to the highest value
    among the `keep` best, widened at both ends by their mean distance, and never beyond
    the old ends. Choices and static values keep what occurs among the best. What is no
    distribution, or applies to fewer than 2 of the best, stays as it is.

    Args:
        space: that the members were drawn from.
        hparams: theirs, such as `SweepResult.hparams`; arrays `[members]`.
        scores: `[members]`, lower is better, such as `result.final()["dev_error"]`; NaN
            for members that do not count.
        keep: how many members are the best, at least 2.

    Raises:
        SpaceError: fewer than `keep` scores are finite, `keep` is below 2, or the
            hyperparameters have another tree than the space.
    """
    scores = np.asarray(scores, float)
    finite = int(np.isfinite(scores).sum())
    if isinstance(keep, bool) or not isinstance(keep, int) or not 2 <= keep <= finite:
        raise SpaceError(
            f"got keep={keep!r} with {finite} finite scores; expected an int of at "
            "least 2 and at most as many"
        )
    names, leaves, treedef = flatten(space)
    if flatten(hparams)[0] != names:
        raise SpaceError(
            f"got hyperparameters {list(flatten(hparams)[0])}; expected those of the "
            f"space, {list(names)}"
        )
    best = np.argsort(np.where(np.isfinite(scores), scores, np.inf), kind="stable")
    columns = [np.asarray(column)[best[:keep]] for column in flatten(hparams)[1]]
    narrowed = []
    for leaf, column, need in zip(leaves, columns, needs(space), strict=True):
        counts = [columns[place] == option for place, option in need]
        values = column[np.all(counts, axis=0)] if need else column
        tells = is_distribution(leaf) and len(values) >= 2
        narrowed.append(_narrowed(leaf, values) if tells else leaf)
    return jax.tree.unflatten(treedef, narrowed)


def check_varies(space: Any) -> None:
    """Checks that a space has something to choose, and nothing chosen a member yet.

    Raises:
        SpaceError: it holds an array or no distribution.
    """
    leaves = flatten(space)[1]
    if any(_is_given(leaf) for leaf in leaves):
        raise SpaceError("got a space with an array; expected no values a member yet")
    if not any(map(is_distribution, leaves)):
        raise SpaceError("got a space without a distribution; expected one to vary")


def given(values: Sequence[Any], dist: Any) -> Any:
    """Returns one value a member of a distribution, as a leaf of a space.

    Static ones are the plain values they are; those of a choice have the type of its
    options, whichever of them came.
    """
    if isinstance(dist, AsSize):
        return AsSize(np.asarray(values))
    if isinstance(dist, Choice):
        return np.asarray(values, np.asarray(dist.options).dtype)
    column = np.empty(len(values), object)
    column[:] = values
    return column if isinstance(dist, Static) else np.asarray(values)


def _is_given(leaf: Any) -> bool:
    """Returns whether a leaf holds a value a member."""
    leaf = leaf.values if isinstance(leaf, AsSize) else leaf
    return isinstance(leaf, np.ndarray | jax.Array) and np.ndim(leaf) > 0


def _axis(dist: Any, points: int) -> list[Any]:
    """Returns a distribution's values on a grid."""
    if isinstance(dist, AsSize):
        return _axis(dist.values, points)
    if isinstance(dist, Choice | Static):
        return list(dist.options)
    if isinstance(dist, IntUniform):
        values = np.linspace(dist.low, dist.high, points)
        return np.unique(np.round(values).astype(int)).tolist()
    return dist.quantile(np.linspace(0, 1, points)).tolist()


def _narrowed(dist: Any, values: NDArray[Any]) -> Any:
    """Returns the distribution without what is far from the values of the best."""
    if isinstance(dist, AsSize):
        return AsSize(_narrowed(dist.values, values))
    if isinstance(dist, Static):
        found = {(type(value), value) for value in values}
        return Static([o for o in dist.options if (type(o), o) in found])
    if isinstance(dist, Choice):
        options = np.asarray(dist.options)  # floats, if any of them is one
        rounded = options.astype(values.dtype)  # as the programs have them
        return Choice(options[np.isin(rounded, values)].tolist())
    low, high = _widened(dist, values.astype(float))
    if low == high:
        return Choice([low])
    return dataclasses.replace(dist, low=low, high=high)


def _widened(dist: Any, values: NDArray[np.float64]) -> tuple[Any, Any]:
    """Returns the ends of the values, widened by their mean distance, within the old.

    The highest of n draws from a range lies that far below its end on average.
    """
    if isinstance(dist, IntUniform):
        margin = np.ptp(values) / (len(values) - 1)
        low = max(dist.low, int(np.floor(values.min() - margin)))
        return low, min(dist.high, int(np.ceil(values.max() + margin)))
    u = np.clip(dist.fraction(values), 0, 1)  # float32 may lie beyond an end
    margin = np.ptp(u) / (len(u) - 1)
    ends = np.clip([u.min() - margin, u.max() + margin], 0, 1)
    low, high = dist.quantile(ends).tolist()
    return low, high
