"""Which weights of a run are not of its best configurations, by its rows alone."""

from typing import Any

import numpy as np

from jaxdl import runs
from jaxdl.engine.curves import mean
from jaxdl.engine.keeping import best_of
from jaxdl.searches.rungs import Standing
from jaxdl.train.epoch_state import Status
from jaxdl.train.score import PARAMETERS, RankBy, column_of, objectives_of, values_of


def spare_records(
    store: runs.Store, rank_by: RankBy, num_variants: int, keep: int
) -> list[int]:
    """Returns the records without weights of the best, of a run with one rung.

    It reads one record after another, and no weights. No record says how many
    parameters a model has; so those that tie before this objective all stay.

    Args:
        store: of the run.
        rank_by: what ranks its configurations.
        num_variants: V.
        keep: how many configurations keep their weights.

    Raises:
        DamagedError: a record differs from what was written.
    """
    members = len(store.members(0))
    columns = {"dev_loss", *map(column_of, objectives_of(rank_by))} - {PARAMETERS}
    standing: dict[str, Any] = {name: np.full(members, np.nan) for name in columns}
    holder = np.full(members, -1)  # the last record of each member has its weights
    numbers = []
    for record in store.rows(0):
        ids = record.members
        numbers.append(record.id)
        here = (record.first <= record.kept_epoch) & (record.kept_epoch < record.until)
        at = record.kept_epoch[here] - record.first, np.flatnonzero(here)
        for name, values in standing.items():
            values[ids[here]] = record.metrics[name][at]
            values[ids[record.status == Status.DIVERGED]] = np.nan
        holder[ids] = record.id
    best = _best(standing, rank_by, num_variants, keep)
    return np.setdiff1d(numbers, holder.reshape(-1, num_variants)[best]).tolist()


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
