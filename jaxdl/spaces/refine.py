"""From coarse to fine: a space that shrinks to the region of its best members."""

from typing import Any

import jax
import numpy as np
from numpy.typing import ArrayLike

from jaxdl.counts import is_count
from jaxdl.spaces.contract import Distribution, SpaceError
from jaxdl.spaces.distributions import Options, is_distribution
from jaxdl.spaces.either import needs
from jaxdl.spaces.first import with_first
from jaxdl.train.structure import flatten


def refine(space: Any, hparams: Any, scores: ArrayLike, keep: int) -> Any:
    """Returns the space narrowed to the region of the best members.

    On its own scale, each range shrinks to that from the lowest to the highest value
    among the `keep` best. It is widened at both ends by their mean distance, but never
    beyond the old ends. Choices and static values keep the options that occur among the
    best. A leaf stays as it is if it is not a distribution, or if it applies to fewer
    than 2 of the best.

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
    if not is_count(keep, least=2) or keep > finite:
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
        narrowed.append(leaf.narrowed(values) if tells else leaf)
    return with_first(jax.tree.unflatten(treedef, narrowed), ())


def check_varies(space: Any) -> None:
    """Checks that a space has a distribution, and no array of values yet.

    Raises:
        SpaceError: it holds an array or no distribution.
    """
    leaves = flatten(space)[1]
    if any(_is_given(leaf) for leaf in leaves):
        raise SpaceError(
            "got a space with an array; expected a space without values for each member"
        )
    if not any(map(is_distribution, leaves)):
        raise SpaceError("got a space without a distribution; expected one to vary")


def varies(leaf: Any) -> bool:
    """Returns whether a leaf is drawn from, and not pinned to a value."""
    held = getattr(leaf, "values", None)
    options = held if isinstance(held, Options) else leaf
    pinned = isinstance(options, Options) and len(options.options) == 1
    return is_distribution(leaf) and not pinned


def _is_given(leaf: Any) -> bool:
    """Returns whether a leaf holds a value for each member."""
    if isinstance(leaf, Distribution):
        return not leaf.drawn
    return isinstance(leaf, np.ndarray | jax.Array) and np.ndim(leaf) > 0
