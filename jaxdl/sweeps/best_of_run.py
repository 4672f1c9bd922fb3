"""The configurations of a finished or running sweep, best first, without its recipe."""

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxdl import runs
from jaxdl.engine.curves import kept_metrics, mean
from jaxdl.plain import scalar
from jaxdl.searches.rungs import Standing, by_score
from jaxdl.sweeps.result import SweepResult
from jaxdl.sweeps.specification import rank_by_of
from jaxdl.train.epoch_state import Status
from jaxdl.train.score import RankBy, score
from jaxdl.train.structure import by_name


def configurations(
    source: str | os.PathLike[str] | SweepResult,
) -> list[dict[str, Any]]:
    """Returns the configurations with a finite score, the lowest first.

    Of several objectives the first counts. Those of a folder are read without its
    recipe.

    Raises:
        DamagedError, OSError, RunMismatchError: as `runs.read_run`.
    """
    if isinstance(source, SweepResult):
        columns, v = _drawn(source), source.num_variants
        return [
            {name: scalar(column[c * v]) for name, column in columns.items()}
            for c in _order(source.mean(), source.task.rank_by)
        ]
    with runs.read_run(source) as store:
        return _of_store(store)


def _of_store(store: runs.Store) -> list[dict[str, Any]]:
    """Returns the same of a run: what its members had last, and their kept epochs."""
    recorded = store.specification
    v = recorded["repeats"] * (recorded["folds"] or 1)
    members, epochs = recorded["members"] * v, recorded["epochs"]
    curves = {n: np.full((members, epochs), np.nan) for n in recorded["metrics"]}
    kept, status = np.full(members, -1), np.full(members, int(Status.RUNNING))
    values: list[dict[str, Any]] = [{}] * members
    for number, rung in enumerate(store.rungs()):
        if rung.parents is not None:
            for column in (*curves.values(), kept, status):
                column[rung.members] = column[rung.parents]
        for i, member in enumerate(rung.members.tolist()):
            values[member] = {n: column[i] for n, column in rung.hparams.items()}
        for record in store.load(number):
            for name, curve in curves.items():
                curve[record.members, record.first : record.until] = record.metrics[
                    name
                ].T
            kept[record.members] = record.kept_epoch
            status[record.members] = record.status
    ends = kept_metrics(curves, kept, status, np.arange(members))
    return [values[c * v] for c in _order(mean(ends, v), rank_by_of(recorded))]


def _order(means: Standing, rank_by: RankBy) -> list[int]:
    """Returns the configurations with a finite score and dev loss, best first."""
    scores = score(means, rank_by)
    order = by_score({"score": scores, "dev_loss": means["dev_loss"]})
    return [int(c) for c in order if np.isfinite(scores[c] + means["dev_loss"][c])]


def _drawn(result: SweepResult) -> dict[str, NDArray[Any]]:
    """Returns the columns `[members]` of what members had last, with all options."""
    known = by_name(result.hparams).items()
    merged = {name: np.asarray(column).copy() for name, column in known}
    for rung in result.rungs:
        for name, column in by_name(rung.hparams).items():
            merged[name][rung.members] = column
    return merged
