"""Which weights of a run are not of its best configurations, by its rows alone."""

from typing import Any

import numpy as np

from jaxdl import runs
from jaxdl.engine.keeping import best_of
from jaxdl.train.epoch_state import Status
from jaxdl.train.score import curve_of


def spare_records(
    store: runs.Store, rank_by: str, num_variants: int, keep: int
) -> list[int]:
    """Returns the records without weights of the best, of a run with one rung.

    It reads one record after another, and no weights.

    Args:
        store: of the run.
        rank_by: the metric that ranks its configurations.
        num_variants: V.
        keep: how many configurations keep their weights.

    Raises:
        DamagedError: a record differs from what was written.
    """
    members = len(store.members(0))
    standing: dict[str, Any] = {
        name: np.full(members, np.nan) for name in ("dev_loss", curve_of(rank_by))
    }
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
    best = best_of(standing, rank_by, num_variants, keep)
    return np.setdiff1d(numbers, holder.reshape(-1, num_variants)[best]).tolist()
