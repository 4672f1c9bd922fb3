"""Searches whose members all train to the end; they differ in how these are drawn."""

from typing import Any

import jax
import numpy as np

from jaxdl.search.distributions import SpaceError, is_distribution
from jaxdl.search.refine import check_varies, grid, refine
from jaxdl.search.rungs import Asking, Rung, Search, check_number
from jaxdl.search.space import fill, sample
from jaxdl.train import HPARAMS, ROUND, flatten


def random(key: jax.Array, space: Any, members: int, epochs: int) -> Asking:
    """Random search: every member is drawn by itself and trains to the end."""
    hparams = sample(key, space, members)
    yield Rung(np.arange(members), hparams, np.full(members, epochs))


def gridded(points: int) -> Search:
    """Returns the search that trains every combination of values on `grid`.

    Args:
        points: of each range, at least 2.

    Raises:
        SpaceError: as `grid`; or, when the search begins, the number of members is
            another than that of combinations.
    """
    check_number("grid", "points", points, least=2)

    def search(key: jax.Array, space: Any, members: int, epochs: int) -> Asking:
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


def sobol(key: jax.Array, space: Any, members: int, epochs: int) -> Asking:
    """Quasi-random search: random search whose draws fill the space more evenly.

    Hyperparameters are read at the points of a scrambled Sobol sequence, a dimension
    for each distribution. Member i's point does not depend on how many there are; it
    does on which distributions the space has.

    Source: Owen, Scrambling Sobol' and Niederreiter-Xing Points, 1998.
    """
    from scipy.stats import qmc  # which takes long to import

    check_number("sobol", "members", members, least=1)
    names, leaves, _ = flatten(space)
    drawn = [n for n, x in zip(names, leaves, strict=True) if is_distribution(x)]
    words = np.asarray(jax.random.key_data(jax.random.fold_in(key, HPARAMS)))
    points = np.empty((members, 0))
    if drawn:
        sequence = qmc.Sobol(len(drawn), rng=np.random.default_rng(words))
        points = sequence.random_base2((members - 1).bit_length())[:members]
    inside = np.clip(points, 2.0**-33, 1 - 2.0**-33)  # points may be 0
    by_name = dict(zip(drawn, inside.T, strict=True))
    hparams = fill(space, members, by_name.__getitem__)
    yield Rung(np.arange(members), hparams, np.full(members, epochs))


def coarse_to_fine(rounds: int = 3, *, keep: int = 8) -> Search:
    """Returns the search that draws in rounds, each where the best before it were.

    The first round draws from the whole space, every further one from what `refine`
    makes of it and the best `keep` of all members so far. All members train to the end;
    the rounds divide them evenly.

    Args:
        rounds: at least 2.
        keep: at least 2.

    Raises:
        SpaceError: a number is below its least; or, when the search begins, a round
            would have fewer than `keep` members, or the space holds an array or no
            distribution.
    """
    check_number("coarse_to_fine", "rounds", rounds, least=2)
    check_number("coarse_to_fine", "keep", keep, least=2)

    def search(key: jax.Array, space: Any, members: int, epochs: int) -> Asking:
        if members < rounds * keep:
            raise SpaceError(
                f"coarse_to_fine got members={members}; expected at least {keep} for "
                f"each of {rounds} rounds, {rounds * keep}"
            )
        check_varies(space)
        drawn, scores, narrowed = [], [], space
        for number, ids in enumerate(np.array_split(np.arange(members), rounds)):
            round_key = jax.random.fold_in(jax.random.fold_in(key, ROUND), number)
            drawn.append(sample(round_key, narrowed, len(ids)))
            standing = yield Rung(ids, drawn[-1], np.full(len(ids), epochs))
            scores.append(standing["dev_error"])
            finite = int(np.isfinite(np.concatenate(scores)).sum())
            if finite >= 2:
                hparams = jax.tree.map(lambda *c: np.concatenate(c), *drawn)
                narrowed = refine(
                    space, hparams, np.concatenate(scores), min(keep, finite)
                )

    return search
