"""Coarse to fine: each round draws where the best of the rounds before it were."""

from typing import Any

import jax
import numpy as np

from jaxdl.keys import folded
from jaxdl.searches.rungs import Requests, Rung, Search, check_number
from jaxdl.searches.rungs import scores as scores_of
from jaxdl.spaces.distributions import SpaceError
from jaxdl.spaces.first import with_first
from jaxdl.spaces.refine import check_varies, refine
from jaxdl.spaces.sample import sample
from jaxdl.train.state import ROUND


def refinement(rounds: int = 3, *, keep: int = 8) -> Search:
    """Returns the search that draws in rounds, each where the best before it were.

    The first round draws from the whole space, every further one from what `refine`
    makes of it and the best `keep` of all members so far. All members train to the end;
    the rounds divide them evenly. Of several objectives the first counts.

    Args:
        rounds: at least 2.
        keep: at least 2.

    Raises:
        SpaceError: a number is below its least; or, when the search begins, a round
            would have fewer than `keep` members, or the space holds an array or no
            distribution.
    """
    rounds = check_number("refinement", "rounds", rounds, least=2)
    keep = check_number("refinement", "keep", keep, least=2)

    def search(key: jax.Array, space: Any, members: int, epochs: int) -> Requests:
        if members < rounds * keep:
            raise SpaceError(
                f"refinement got members={members}; expected at least {keep} for "
                f"each of {rounds} rounds, {rounds * keep}"
            )
        check_varies(space)
        drawn, scores, narrowed = [], [], space
        for number, ids in enumerate(np.array_split(np.arange(members), rounds)):
            round_key = folded(key, ROUND, number)
            drawn.append(sample(round_key, narrowed, len(ids)))
            narrowed = with_first(narrowed, ())  # in the first round alone
            standing = yield Rung(ids, drawn[-1], np.full(len(ids), epochs))
            scores.append(scores_of(standing))
            finite = int(np.isfinite(np.concatenate(scores)).sum())
            if finite >= 2:
                hparams = jax.tree.map(lambda *c: np.concatenate(c), *drawn)
                narrowed = refine(
                    space, hparams, np.concatenate(scores), min(keep, finite)
                )

    return search
