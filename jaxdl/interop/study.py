"""Optuna: a sweep as a study of its storage, which its dashboard shows."""

import math
import os
from typing import Any

from jaxdl.extras import library
from jaxdl.interop.log import Logger, Run
from jaxdl.interop.optuna import check_names, check_storage, parameter, quiet
from jaxdl.paths import as_path
from jaxdl.spaces.contract import SpaceError
from jaxdl.spaces.distributions import is_distribution
from jaxdl.sweeps.columns import PREFIX
from jaxdl.train.score import curve_of, larger_is_better
from jaxdl.train.structure import by_name

ROUNDING = 1e-6  # relative error of a drawn value in float32


def optuna_study(storage: Any, name: str, space: Any) -> Logger:
    """Returns the logger that `optuna-dashboard STORAGE` shows.

    Each run is a trial. Its value is the dev error, or the metric that ranks members,
    of the epoch whose weights are kept, and its intermediate values are those of all
    epochs, from 1. The study maximizes it where larger is better; of several objectives
    it has the first. A member that diverged is a failed trial; one that the search cut
    short, or that still trains, is a pruned one. Attributes of the trial hold the run's
    name, the other metrics and, as `hparams.units`, the hyperparameters without a
    distribution. Names and scales are those of `optuna_search`.

    Args:
        storage: the path of a journal, which is faster; a URL such as
            `sqlite:///study.db`; or one of Optuna's storages.
        name: of the study; no other study there may have it.
        space: of the sweep.

    Raises:
        ImportError: Optuna is not installed.
        OSError: when it writes, the journal cannot be written.
        SpaceError: two hyperparameters have one name in Optuna; or, when it writes, the
            storage has a study of that name or cannot be opened, a run has a value that
            the space cannot give, or a run is not a member.
    """
    optuna = library("optuna", "optuna", "studies")
    leaf_of = by_name(space)
    check_names(space)

    def write(runs: list[Run]) -> None:
        with quiet():
            trials = [_trial(optuna, leaf_of, run) for run in runs]
            kept = _storage(optuna, storage)
            check_storage(kept, name)
            larger = any(larger_is_better(run.rank_by) for run in runs)
            direction = "maximize" if larger else "minimize"
            study = optuna.create_study(
                storage=kept, study_name=name, direction=direction
            )
            study.add_trials(trials)

    return write


def _storage(optuna: Any, storage: Any) -> Any:
    is_path = isinstance(storage, os.PathLike) or (
        isinstance(storage, str) and "://" not in storage
    )
    if not is_path:
        return storage
    path = os.fspath(as_path(storage))
    try:
        backend = optuna.storages.journal.JournalFileBackend(path)
        return optuna.storages.JournalStorage(backend)
    except ValueError as error:
        raise SpaceError(
            f"got {path}, which is no journal of Optuna; expected a journal, or a path "
            "where nothing exists yet"
        ) from error


def _trial(optuna: Any, leaf_of: dict[str, Any], run: Run) -> Any:
    if run.status == "quantile":
        raise SpaceError(
            f"got the run {run.name!r}, which has no hyperparameters; expected "
            "members: a policy such as top(10)"
        )
    params, distributions = {}, {}
    attributes: dict[str, Any] = {
        "run": run.name,
        "kept_epoch": run.kept[0],
        **run.kept[1],
    }
    for name, value in run.hparams.items():
        leaf = leaf_of.get(name)
        if not is_distribution(leaf):
            attributes[f"{PREFIX}{name}"] = value
            continue
        named, distributions[named] = parameter(name, leaf)
        params[named] = _value(name, leaf, value)
    curve = curve_of(run.rank_by)
    value = run.kept[1].get(f"kept/{curve}")
    short = run.status in ("cut short", "running")  # a stored trial has ended
    ended = "PRUNED" if short else "COMPLETE"
    return optuna.trial.create_trial(
        state=optuna.trial.TrialState["FAIL" if value is None else ended],
        value=value,
        params=params,
        distributions=distributions,
        user_attrs=attributes,
        intermediate_values={
            epoch: metrics[curve] for epoch, metrics in run.epochs if curve in metrics
        },
    )


def _value(name: str, dist: Any, value: Any) -> Any:
    """Returns a value as Optuna has it, without its rounding to float32."""
    drawn: Any
    if dist.scale == "category":
        drawn = min(dist.options, key=lambda option: _distance(option, value))
    else:
        drawn = min(max(value, dist.low), dist.high)
    if _distance(drawn, value) > ROUNDING:
        raise SpaceError(
            f"got {name}={value!r}, which {dist} cannot give; expected the space of "
            "the sweep"
        )
    return 1 - drawn if dist.scale == "reversed log" else drawn


def _distance(drawn: Any, value: Any) -> float:
    """Returns the relative distance of two numbers; of other values 0 or infinity."""
    if drawn == value:
        return 0.0
    numbers = all(isinstance(x, int | float) for x in (drawn, value))
    return abs(drawn - value) / abs(value) if numbers and value else math.inf
