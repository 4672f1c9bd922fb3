"""Keeping the weights of the best configurations alone, where a task asks for that.

A block of members keeps its weights as long as one of its members is of a configuration
that is among the best, or that may still train on. The best of all are always among the
best of those that have ended so far, so that the order in which blocks end changes
nothing in the end.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jaxdl.engine.curves import mean
from jaxdl.searches.rungs import Standing
from jaxdl.searches.traits import traits_of
from jaxdl.train.epoch_state import Status
from jaxdl.train.score import RankBy, values_of

if TYPE_CHECKING:
    from jaxdl.engine.population import Population

FEW = 8  # blocks that may wait beside as many as have to stay


def keep_best(population: "Population", *, ended: bool = False) -> None:
    """Drops the weights that are not of the best `keep` configurations of a task.

    A search that decides by how members do may copy the weights of any, so that all
    stay until it has ended. Otherwise those go that no member trains on from, each time
    twice as many blocks hold weights as had to the time before.

    Args:
        population: of the task.
        ended: whether the search asks for nothing more.
    """
    task, shelf = population.task, population.shelf
    if task.keep is None:
        return
    waits = not traits_of(task.search).asks_once
    if not ended and (waits or len(shelf.full) <= 2 * shelf.needed + FEW):
        return
    unneeded = shelf.empty(_spare(population, ended=ended))
    if population.store is not None:
        population.store.drop(unneeded)


def best_of(
    standing: Standing, rank_by: RankBy, num_variants: int, keep: int
) -> NDArray[np.int64]:
    """Returns positions of the best configurations, best first.

    They rank by all objectives in turn, then by dev loss, then by position; the best of
    a result is so always the first. Those with a NaN, or a dev loss that is not finite,
    come last.

    Args:
        standing: of the members of whole configurations.
        rank_by: what ranks them.
        num_variants: V.
        keep: how many, at most.
    """
    means = mean(standing, num_variants)
    loss, values = means["dev_loss"], values_of(means, rank_by)
    unknown, lost = np.isnan(values).any(axis=1), ~np.isfinite(loss)
    return np.lexsort((loss, *values.T[::-1], unknown, lost))[:keep]


def _spare(population: "Population", *, ended: bool) -> list[int]:
    """Returns the numbers of the full blocks whose weights nobody needs."""
    task, v = population.task, population.task.num_variants
    full = np.array(sorted(population.shelf.full), np.int64)
    if not len(full):
        return []
    blocks = [population.shelf[number].block.members for number in full]
    ids, holder = np.concatenate(blocks), np.repeat(full, [*map(len, blocks)])
    own = population.places[ids, 0] == holder  # others have trained on elsewhere
    ids, holder = ids[own], holder[own]
    configurations = np.unique(ids // v)
    members = np.add.outer(configurations * v, np.arange(v)).ravel()
    over = population.status[members] != Status.RUNNING
    over |= population.epochs[members] >= task.epochs
    done = over.reshape(-1, v).all(axis=1) | ended
    standing = population.standing(members[np.repeat(done, v)])
    assert task.keep is not None
    best = best_of(standing, task.rank_by, v, task.keep)
    needed = ~done
    needed[np.flatnonzero(done)[best]] = True
    stay = holder[needed[np.searchsorted(configurations, ids // v)]]
    return np.setdiff1d(full, stay).tolist()
