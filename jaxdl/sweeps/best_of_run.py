"""The configurations of a finished or running sweep, best first, without its recipe."""

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxdl import runs
from jaxdl.engine.curves import mean
from jaxdl.plain import scalar
from jaxdl.searches.rungs import Standing, by_score
from jaxdl.sweeps.ends import read_ends
from jaxdl.sweeps.result import SweepResult
from jaxdl.sweeps.specification import num_variants_of, rank_by_of
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
    """Returns the same of a run, with what its members had last."""
    specification, rungs = store.specification, store.rungs()
    v, rank_by = num_variants_of(specification), rank_by_of(specification)
    values: dict[int, dict[str, Any]] = {}
    for rung in rungs:
        for i, member in enumerate(rung.members.tolist()):
            values[member] = {n: column[i] for n, column in rung.hparams.items()}
    means = mean(read_ends(store, rungs).standing, v)
    return [values[c * v] for c in _order(means, rank_by)]


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
