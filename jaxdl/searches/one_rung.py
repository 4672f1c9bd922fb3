"""Searches whose members all train to the end, and that differ in how they draw."""

from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from jaxdl.counts import as_count
from jaxdl.keys import key_words
from jaxdl.searches.rungs import Requests, Rung, Search, check_number
from jaxdl.spaces.contract import SpaceError
from jaxdl.spaces.distributions import is_distribution
from jaxdl.spaces.grid import grid
from jaxdl.spaces.sample import fill, sample
from jaxdl.train.state import HPARAMS
from jaxdl.train.structure import by_name, flatten

LEAST = 2.0**-33  # a point of the sequence may be 0, which quantiles do not take


def random() -> Search:
    """Returns random search: every member is drawn independently."""

    def search(key: jax.Array, space: Any, members: int, epochs: int) -> Requests:
        hparams = sample(key, space, members)
        yield Rung(np.arange(members), hparams, np.full(members, epochs))

    return search


def grid_search(points: int) -> Search:
    """Returns the search that trains every combination of values on `grid`.

    Args:
        points: of each range, at least 2.

    Raises:
        SpaceError: as `grid`; or, when the search begins, the number of members differs
            from the number of combinations.
    """
    check_number("grid", "points", points, least=2)

    def search(key: jax.Array, space: Any, members: int, epochs: int) -> Requests:
        filled = grid(space, points)
        count = max(np.size(column) for column in flatten(filled)[1])
        if count != members:
            raise SpaceError(
                f"got members={members} for a grid of {points} points a range; "
                f"expected as many as it has combinations, {count}"
            )
        yield Rung(
            np.arange(members), sample(key, filled, members), np.full(members, epochs)
        )

    return search


def sobol() -> Search:
    """Returns quasi-random search: its draws fill the space more evenly.

    Each distribution is a dimension of a scrambled Sobol sequence, and its value is the
    quantile at the sequence's point. Member i's point depends on the distributions of
    the space, but not on the number of members.

    Source: Owen, Scrambling Sobol' and Niederreiter-Xing Points, 1998.
    """

    def search(key: jax.Array, space: Any, members: int, epochs: int) -> Requests:
        members = as_count("members", members, error=SpaceError)
        drawn = [n for n, leaf in by_name(space).items() if is_distribution(leaf)]
        inside = np.clip(_points(key, members, len(drawn)), LEAST, 1 - LEAST)
        uniforms = dict(zip(drawn, inside.T, strict=True))
        hparams = fill(space, members, uniforms.__getitem__)
        yield Rung(np.arange(members), hparams, np.full(members, epochs))

    return search


def _points(key: jax.Array, members: int, dimensions: int) -> NDArray[np.float64]:
    """Returns points of a scrambled Sobol sequence, `[members, dimensions]`."""
    from scipy.stats import qmc  # takes long to import

    if not dimensions:
        return np.empty((members, 0))
    words = key_words(key, HPARAMS)
    sequence = qmc.Sobol(dimensions, rng=np.random.default_rng(words))
    return sequence.random_base2((members - 1).bit_length())[:members]
