"""How the members of a run ended, by its rows alone: no recipe, and no weights read."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxdl import runs
from jaxdl.searches.rungs import Standing
from jaxdl.sweeps.specification import num_variants_of, rank_by_of
from jaxdl.train.epoch_state import Status
from jaxdl.train.score import PARAMETERS, column_of, objectives_of


class Ends(NamedTuple):
    """What a run has on record of its members, as far as they have trained."""

    # [members] what ranks them, at their kept epochs; NaN for those that diverged or
    # have not trained. No record says how many parameters a model has.
    standing: Standing
    holders: NDArray[np.int64]  # [members] the record with the weights of each, or -1
    records: list[int]  # the ids of all


def read_ends(store: runs.Store, rungs: Sequence[runs.StoredRung | None]) -> Ends:
    """Returns how the members of a run ended; it reads one record after another.

    Args:
        store: of the run.
        rungs: of the run, from the first on; None for one in which no member copies
            another.

    Raises:
        DamagedError: a record differs from what was written.
    """
    specification = store.specification
    members = specification["members"] * num_variants_of(specification)
    ranks = {"dev_loss", *map(column_of, objectives_of(rank_by_of(specification)))}
    columns: dict[str, Any] = {
        name: np.full(members, np.nan) for name in ranks - {PARAMETERS}
    }
    holders, records = np.full(members, -1), []
    for number, rung in enumerate(rungs):
        if rung is not None and rung.parents is not None:
            for column in (*columns.values(), holders):
                column[rung.members] = column[rung.parents]
        for record in store.rows(number):
            _add(columns, record)
            holders[record.members] = record.id
            records.append(record.id)
    return Ends(columns, holders, records)


def _add(columns: dict[str, NDArray[np.float64]], record: runs.Record) -> None:
    """Adds a record; an epoch before it that stays the kept one is there already."""
    kept = np.maximum(record.kept_epoch, 0)  # as `engine.curves.kept_metrics`
    (here,) = np.nonzero((record.first <= kept) & (kept < record.until))
    for name, column in columns.items():
        column[record.members[here]] = record.metrics[name][
            kept[here] - record.first, here
        ]
        column[record.members[record.status == Status.DIVERGED]] = np.nan
