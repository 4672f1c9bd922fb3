"""Population based training of several frequencies, with migration between them."""

import math
from fractions import Fraction
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from jaxdl.keys import key_words
from jaxdl.searches.pbt import check_shares, explored, few_of
from jaxdl.searches.rungs import Requests, Rung, Search, by_score, check_number
from jaxdl.spaces.contract import SpaceError
from jaxdl.spaces.sample import is_static, sample
from jaxdl.spaces.sizes import AsSize
from jaxdl.train.state import EXPLORE
from jaxdl.train.structure import flatten


def multi_pbt(
    every: int, populations: int = 3, *, share: float = 0.25, step: float = 0.1
) -> Search:
    """Returns the search of populations that exchange members at several frequencies.

    Member i belongs to population `i mod P`. Population p exchanges members after every
    `2^p every` epochs, as `pbt` does within a population of its own: the worst `share`
    copy random ones of the best `share` and change. Frequent exchanges are greedy: they
    prefer what is good soon. Rare exchanges give members time to show how good they
    become. In the same rungs, members migrate. The next worst `share` of a population
    meet the best of the other populations, one each. Those that are worse than the
    migrant that they meet copy its weights and its optimizer's state. From a slower
    population they copy its hyperparameters as well. From a faster one they do not, so
    that its greed does not spread: they take the hyperparameters of the best of their
    own population. In neither case do these hyperparameters change.

    Diverged and stopped members, random numbers, sizes, static values and several
    objectives are treated as in `pbt`.

    >>> import numpy as np
    >>> import jax
    >>> import jaxdl as dl
    >>> space = {"rate": dl.LogUniform(1e-3, 1.0)}
    >>> rungs = dl.multi_pbt(1, populations=2)(jax.random.key(0), space, 8, 3)
    >>> first, error = next(rungs), np.arange(8) / 8
    >>> second = rungs.send({"dev_error": error, "dev_loss": error})
    >>> second.parents  # of the fast population 0, 2, 4, 6 the worst copies the best
    array([0, 1, 2, 3, 1, 5, 0, 7])

    Args:
        every: epochs between exchanges of the fastest population, at least 1.
        populations: P, at least 2.
        share: of a population, above 0 and at most a third.
        step: of a range, above 0 and below 1.

    Raises:
        SpaceError: a number is outside its range; or, when the search begins, the
            slowest population would never exchange members, or a share of a population
            has no member.

    Source: Doulazmi et al., Multiple-Frequencies Population-Based Training, 2025.
    """
    check_number("multi_pbt", "every", every, least=1)
    check_number("multi_pbt", "populations", populations, least=2)
    check_shares("multi_pbt", "a population", share, Fraction(1, 3), step)

    def search(key: jax.Array, space: Any, members: int, epochs: int) -> Requests:
        _check_size(every, populations, share, members, epochs)
        draws = np.random.default_rng(key_words(key, EXPLORE))
        ids = np.arange(members)
        hparams, parents = sample(key, space, members), None
        for number, until in enumerate([*range(every, epochs, every), epochs], 1):
            standing = yield Rung(ids, hparams, np.full(members, until), parents)
            order, changed = by_score(standing), []
            parents, givers = ids.copy(), ids.copy()
            for p in range(populations):
                if number % 2**p:
                    continue
                own = order[order % populations == p]
                few = few_of(share, len(own))
                best, next_worst, worst = own[:few], own[-2 * few : -few], own[-few:]
                parents[worst] = givers[worst] = draws.choice(best, few)
                changed.append(worst)
                moved, migrants = _migration(order, next_worst, p, populations)
                parents[moved] = givers[moved] = migrants
                faster = migrants % populations < p
                stays = moved[faster & _alike(space, hparams, own[0], migrants)]
                givers[stays] = own[0]
            worst = np.concatenate(changed)
            hparams = explored(space, hparams, givers, worst, step, draws)

    return search


def _migration(
    order: NDArray[np.int64], meeting: NDArray[np.int64], population: int, many: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns the members that copy a migrant, and their migrants.

    Args:
        order: all members, the best first.
        meeting: members of a population, each of which meets one of the best of the
            other populations.
        population: its number.
        many: how many populations there are.
    """
    place = np.argsort(order)
    others = order[order % many != population][: len(meeting)]
    better = place[others] < place[meeting]
    return meeting[better], others[better]


def _alike(
    space: Any, hparams: Any, one: np.int64, others: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Returns which members have the sizes and static values of one, `[n]`.

    Only the weights of these train on with the hyperparameters of that one.
    """
    _, leaves, treedef = flatten(space)
    same = np.ones(len(others), bool)
    for leaf, column in zip(leaves, treedef.flatten_up_to(hparams), strict=True):
        if is_static(leaf) or isinstance(leaf, AsSize):
            same &= column[one] == column[others]
    return same


def _check_size(
    every: int, populations: int, share: float, members: int, epochs: int
) -> None:
    slowest = every * 2 ** (populations - 1)
    if slowest >= epochs:
        raise SpaceError(
            f"multi_pbt got every={every}, populations={populations} and "
            f"epochs={epochs}; expected at least {slowest + 1} epochs, so that the "
            f"slowest population exchanges members once, or a smaller number of either"
        )
    if few_of(share, members // populations) < 1:
        least = populations * math.ceil(1 / share)
        raise SpaceError(
            f"multi_pbt got members={members}, populations={populations} and "
            f"share={share:g}; expected at least {least} members, so that a share of "
            "each population is one or more"
        )
