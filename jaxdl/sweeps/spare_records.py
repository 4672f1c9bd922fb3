"""Which weights of a run are not of its best configurations, by its rows alone."""

from typing import Any

import numpy as np

from jaxdl import runs
from jaxdl.engine.curves import mean
from jaxdl.engine.keeping import best_of
from jaxdl.searches.rungs import Standing
from jaxdl.sweeps.ends import read_ends
from jaxdl.sweeps.specification import num_variants_of, rank_by_of
from jaxdl.train.score import PARAMETERS, RankBy, column_of, objectives_of, values_of


def spare_records(store: runs.Store) -> list[int]:
    """Returns the records without weights of the best, of a run with one rung.

    The run keeps the weights of so many of its best configurations, see `keep` of
    `sweep`. No record says how many parameters a model has; so those that tie before
    this objective all stay.

    Args:
        store: of the run.

    Raises:
        DamagedError: a record differs from what was written.
    """
    specification, ends = store.specification, read_ends(store, [None])
    v, rank_by = num_variants_of(specification), rank_by_of(specification)
    best = _best(ends.standing, rank_by, v, specification["keep"])
    return np.setdiff1d(ends.records, ends.holders.reshape(-1, v)[best]).tolist()


def _best(standing: Standing, rank_by: RankBy, num_variants: int, keep: int) -> Any:
    """Returns the best configurations, and those that parameters may rank before."""
    counted = standing | {PARAMETERS: np.zeros_like(standing["dev_loss"])}
    best = best_of(counted, rank_by, num_variants, keep)
    names = objectives_of(rank_by)
    places = [i for i, name in enumerate(names) if column_of(name) == PARAMETERS]
    if not places:
        return best
    before = values_of(mean(counted, num_variants), rank_by)[:, : places[0]]
    last = before[best[-1]]
    tie = ((before == last) | np.isnan(before) & np.isnan(last)).all(axis=1)
    return np.union1d(best, np.flatnonzero(tie))
