"""Population based training: the worst members become changed copies of the best."""

import math
from fractions import Fraction
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from jaxdl.keys import key_words
from jaxdl.plain import scalar
from jaxdl.searches.rungs import Requests, Rung, Search, by_score, check_number
from jaxdl.spaces.contract import SpaceError
from jaxdl.spaces.distributions import is_distribution
from jaxdl.spaces.sample import sample
from jaxdl.train.state import EXPLORE
from jaxdl.train.structure import flatten


def pbt(every: int, *, share: float = 0.25, step: float = 0.1) -> Search:
    """Returns the search in which hyperparameters change while members train.

    After every `every` epochs, each of the worst `share` of the members copies a random
    one of the best `share`: its weights, its optimizer's state and its hyperparameters
    (exploit). The copied traced numbers then change (explore). A range's value moves up
    or down by `step` of the range, on the range's own scale and at most to its ends. A
    choice is drawn again with probability `step`. Sizes and static values do not
    change. A member that diverged is one of the worst. Each member keeps its own random
    numbers. With early stopping, a member that stopped stays stopped, and so do its
    copies. Of several objectives the first counts.

    Args:
        every: epochs between exchanges, at least 1.
        share: of the members, above 0 and at most 0.5.
        step: of a range, above 0 and below 1.

    Raises:
        SpaceError: a number is outside its range; or, when the search begins, there
            are not more epochs than `every`, or no member in a share.

    Source: Jaderberg et al., Population Based Training of Neural Networks, 2017.
    """
    check_number("pbt", "every", every, least=1)
    check_shares("pbt", "the members", share, Fraction(1, 2), step)

    def search(key: jax.Array, space: Any, members: int, epochs: int) -> Requests:
        _check_size(every, share, members, epochs)
        draws = np.random.default_rng(key_words(key, EXPLORE))
        ids, few = np.arange(members), few_of(share, members)
        hparams, parents = sample(key, space, members), None
        for until in [*range(every, epochs, every), epochs]:
            standing = yield Rung(ids, hparams, np.full(members, until), parents)
            order = by_score(standing)
            parents, worst = ids.copy(), order[-few:]
            parents[worst] = draws.choice(order[:few], few)
            hparams = explored(space, hparams, parents, worst, step, draws)

    return search


def explored(
    space: Any,
    hparams: Any,
    parents: NDArray[np.int64],
    changed: NDArray[np.int64],
    step: float,
    draws: np.random.Generator,
) -> Any:
    """Returns the parents' hyperparameters, `[members]`, changed for some members."""
    _, leaves, treedef = flatten(space)
    columns = []
    for leaf, column in zip(leaves, treedef.flatten_up_to(hparams), strict=True):
        taken = column[parents]
        # Drawn for every leaf, so that no draw depends on what other leaves are.
        signs = draws.choice([-1, 1], len(changed))
        if is_distribution(leaf):
            taken[changed] = leaf.nudged(taken[changed], step * signs, draws)
        columns.append(taken)
    return jax.tree.unflatten(treedef, columns)


def explores(space: Any) -> bool:
    """Returns whether a hyperparameter of a space can change while members train."""
    shares, draws = np.linspace(0.05, 0.95, 16), np.random.default_rng(0)
    steps = np.tile([-1.0, 1.0], 8)  # to the ends of a range
    for leaf in filter(is_distribution, flatten(space)[1]):
        values = leaf.quantile(shares)
        if np.any(leaf.nudged(values, steps, draws) != values):
            return True
    return False


def check_shares(
    search: str, whole: str, share: Any, most: Fraction, step: Any
) -> None:
    """Checks the share that is exchanged, and the step of the changes.

    Args:
        search: its name.
        whole: what the share is of.
        share: above 0 and at most `most`.
        most: of a share.
        step: above 0 and below 1.

    Raises:
        SpaceError: one is no number of its range.
    """
    numbers = all(isinstance(scalar(x), int | float) for x in (share, step))
    if not numbers or not 0 < float(share) <= most or not 0 < float(step) < 1:
        raise SpaceError(
            f"{search} got share={share!r:.80} and step={step!r:.80}; expected a share "
            f"of {whole} above 0 and at most {most}, and a step above 0 and below 1"
        )


def few_of(share: float, members: int) -> int:
    """Returns how many members a share has, such as 29 for 0.29 of 100."""
    return math.floor(share * members + 1e-9)


def _check_size(every: int, share: float, members: int, epochs: int) -> None:
    if every >= epochs:
        raise SpaceError(
            f"pbt got every={every} and epochs={epochs}; expected at least {every + 1} "
            "epochs, so that it exchanges members once, or a smaller every"
        )
    if few_of(share, members) < 1:
        raise SpaceError(
            f"pbt got members={members} and share={share:g}; expected at least "
            f"{math.ceil(1 / share)} members, so that a share is one or more"
        )
