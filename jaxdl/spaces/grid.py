"""Grids: every combination of evenly spaced values."""

from typing import Any

from jaxdl.counts import as_count
from jaxdl.spaces.contract import SpaceError
from jaxdl.spaces.distributions import is_distribution
from jaxdl.spaces.either import combinations, needs
from jaxdl.spaces.refine import check_varies
from jaxdl.spaces.sample import given
from jaxdl.train.structure import flatten

MOST_POINTS = 2**16  # of a range


def grid(space: Any, points: int) -> Any:
    """Returns every combination of values on a grid: the space's tree with arrays.

    A range gives `points` values, evenly spaced on its own scale with both ends; a
    range of ints gives at most as many. Choices and static values give all options. The
    rest of the space stays as it is. The arrays have one entry for each member and are
    a space themselves: `sweep(recipe, grid(space, 5), data, members=...)`.

    Random search covers each range more densely with as many models; a grid is for a
    few discrete values.

    Args:
        space: as for `sample`, without arrays.
        points: from 2 to 65,536.

    Raises:
        SpaceError: there are fewer or more `points`, or the space holds an array or no
            distribution.

    Source: Bergstra and Bengio, Random Search for Hyper-Parameter Optimization, 2012.
    """
    points = as_count("points", points, least=2, error=SpaceError)
    if points > MOST_POINTS:
        raise SpaceError(f"got points={points}; expected at most {MOST_POINTS}")
    check_varies(space)
    leaves = flatten(space)[1]
    axes = [x.points(points) if is_distribution(x) else [x] for x in leaves]
    return given(space, combinations(axes, needs(space)))
