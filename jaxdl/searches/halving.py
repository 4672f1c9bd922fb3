"""Successive halving and Hyperband: the worst stop early, the best train on."""

from typing import Any

import jax
import numpy as np

from jaxdl.searches.rungs import Requests, Rung, Search, check_number, pick, ranking
from jaxdl.spaces.distributions import SpaceError
from jaxdl.spaces.sample import sample


def halving(eta: int = 3, *, first: int = 1, survivors: int = 1) -> Search:
    """Returns the search that lets the best of the members train on, again and again.

    All members train for `first` epochs, the best `1/eta` of them until `eta first`
    epochs, the best `1/eta` of these until `eta² first`, and so on; `survivors` or more
    train to the end. A member that diverged does not train on. With several objectives
    the best are the first of `searches.ranking`: front after front.

    Args:
        eta: at least 2.
        first: epochs of the first rung, at least 1.
        survivors: how many members train to the end at least, 1 or more.

    Raises:
        SpaceError: a number is below its least; or, when the search begins, there are
            fewer epochs than the first rung has.

    Source: Jamieson and Talwalkar, Non-stochastic Best Arm Identification and
    Hyperparameter Optimization, 2016.
    """
    eta = check_number("halving", "eta", eta, least=2)
    first = check_number("halving", "first", first, least=1)
    survivors = check_number("halving", "survivors", survivors, least=1)

    def search(key: jax.Array, space: Any, members: int, epochs: int) -> Requests:
        if first > epochs:
            raise SpaceError(
                f"halving got first={first} and epochs={epochs}; expected a first rung "
                "of at most as many epochs as there are"
            )
        hparams = sample(key, space, members)
        yield from bracket(hparams, np.arange(members), first, epochs, eta, survivors)

    return search


def hyperband(eta: int = 3) -> Search:
    """Returns the search that hedges between many short and few long trainings.

    With `s` from 0 to `floor(log_eta(epochs))`, bracket s is a successive halving whose
    first rung is `ceil(epochs / eta^s)` epochs long. Members are divided among the
    brackets in proportion to `eta^s / (s + 1)`, so that all cost about the same. The
    brackets climb together: their rungs are trained side by side.

    Args:
        eta: at least 2.

    Raises:
        SpaceError: `eta` is below 2; or, when the search begins, there are fewer
            members than brackets.

    Source: Li et al., Hyperband: A Novel Bandit-Based Approach to Hyperparameter
    Optimization, 2018.
    """
    eta = check_number("hyperband", "eta", eta, least=2)

    def search(key: jax.Array, space: Any, members: int, epochs: int) -> Requests:
        firsts = [epochs]
        while eta ** len(firsts) <= epochs:
            firsts.append(-(-epochs // eta ** len(firsts)))
        shares = np.array([eta**s / (s + 1) for s in range(len(firsts))])
        if members < len(firsts):
            raise SpaceError(
                f"hyperband got members={members}; expected at least {len(firsts)}, "
                f"one for each of the brackets of {epochs} epochs"
            )
        ends = np.cumsum(shares) / shares.sum() * (members - len(firsts))
        ends = np.round(ends).astype(int) + np.arange(1, len(firsts) + 1)
        parts = np.split(np.arange(members), ends[:-1])
        hparams = sample(key, space, members)
        brackets = [
            bracket(pick(hparams, ids), ids, first, epochs, eta, 1)
            for ids, first in zip(parts, firsts, strict=True)
        ]
        yield from side_by_side(brackets)

    return search


def side_by_side(searches: list[Requests]) -> Requests:
    """Yields the rungs of several searches as one, until the last of them ends.

    Their rungs have no parents.
    """
    rungs = [next(search) for search in searches]
    while rungs:
        together = Rung(
            np.concatenate([rung.members for rung in rungs]),
            jax.tree.map(lambda *c: np.concatenate(c), *(r.hparams for r in rungs)),
            np.concatenate([rung.until for rung in rungs]),
        )
        standing = yield together
        ends = np.cumsum([len(rung.members) for rung in rungs])
        going = []
        for search, rung, end in zip(searches, rungs, ends, strict=True):
            own = slice(end - len(rung.members), end)
            try:
                answer = {name: values[own] for name, values in standing.items()}
                going.append((search, search.send(answer)))
            except StopIteration:
                continue
        searches, rungs = [s for s, _ in going], [r for _, r in going]


def bracket(
    hparams: Any, members: Any, first: int, epochs: int, eta: int, survivors: int
) -> Requests:
    """Yields the rungs of one successive halving over given members."""
    until = first
    while True:
        fewer = max(survivors, len(members) // eta)
        if until >= epochs or fewer >= len(members):
            until = epochs
        standing = yield Rung(members, hparams, np.full(len(members), until))
        if until == epochs:
            return
        alive = int(np.isfinite(standing["dev_loss"]).sum())
        best = np.sort(ranking(standing)[: min(fewer, alive)])
        if not len(best):
            return
        members, hparams = members[best], pick(hparams, best)
        until = min(epochs, until * eta)
