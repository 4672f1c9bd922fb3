"""A sweep's members as runs of TensorBoard and other programs.

A policy chooses members, or quantiles of all, that become runs. A logger writes runs in
the format of its program. Both are plain functions, and yours may be, too:

    policy: SweepResult -> list[Run]
    logger: list[Run] -> None

Runs are members. With repeats or folds, those of the best configurations are written
one by one, and a run's name says its configuration.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxdl.plain import scalar
from jaxdl.searches.rungs import check_number
from jaxdl.sweeps import SweepResult
from jaxdl.sweeps.repeats import members_of
from jaxdl.train.epoch_state import Status
from jaxdl.train.score import RankBy
from jaxdl.train.structure import PlainValue, by_name

Point = tuple[int, dict[str, float]]  # epoch, from 1, and its metrics


class Run(NamedTuple):
    """What a logger writes as one run. Its numbers are finite; others are left out."""

    name: str  # such as `member 17` or `quantile 0.5`
    hparams: dict[str, PlainValue]  # those that apply; empty for a quantile
    epochs: list[Point]
    kept: Point  # `kept/dev_error` and such, of the epoch whose weights are kept
    status: str  # of the member, such as `finished`; for a quantile, `quantile`
    rank_by: RankBy = "error"  # of the recipe: what ranks members


Policy = Callable[[SweepResult], list[Run]]
Logger = Callable[[list[Run]], None]


def top(k: int) -> Policy:
    """Returns the policy of the k best configurations, the best first.

    Args:
        k: at least 1. If there are fewer, all of them.

    Raises:
        SpaceError: `k` is below 1.
    """
    check_number("top", "k", k, least=1)
    return lambda result: _members(result, k)


def best(result: SweepResult) -> list[Run]:
    """Returns the run of the best configuration, or a run for each of its members."""
    return _members(result, 1)


def every(result: SweepResult) -> list[Run]:
    """Returns a run for each member that has trained, the best first."""
    return _members(result, None)


def quantiles(*q: float) -> Policy:
    """Returns the policy of quantiles over the members that are alive at each epoch.

    Those are the members whose metric is finite. Each metric has its own quantiles,
    interpolated linearly, so a run is not the curve of any member.

    Args:
        q: in [0, 1]; by default 0, 0.1, 0.5, 0.9 and 1.

    Raises:
        ValueError: a quantile is not in [0, 1].
    """
    chosen = q or (0.0, 0.1, 0.5, 0.9, 1.0)
    for one in chosen:
        if not 0 <= one <= 1:
            raise ValueError(f"got the quantile {one}; expected one from 0 to 1")

    def policy(result: SweepResult) -> list[Run]:
        curves = {n: _quantiles(x, chosen) for n, x in result.metrics.items()}
        return [
            Run(f"quantile {one:g}", {}, _points(curves, i), (0, {}), "quantile")
            for i, one in enumerate(chosen)
        ]

    return policy


TEN_BEST = top(10)


def log(result: SweepResult, logger: Logger, policy: Policy = TEN_BEST) -> None:
    """Writes members of a sweep, as in `log(result, tensorboard("logs"))`.

    Args:
        result: of a sweep; while it trains, that of `jaxdl.sweeps.read_result`.
        logger: `tensorboard`, `wandb`, `mlflow`, `optuna_study`, or a function of
            yours that takes a list of `Run`.
        policy: which members: `best`, `top(k)`, `quantiles(...)`, `every`, or a
            function of yours from the result to a list of `Run`.

    Raises:
        ValueError: nothing has trained yet.
    """
    if not result.trained().any():
        raise ValueError(
            "got a sweep in which nothing has trained yet; expected one with an epoch "
            "on record: try again later"
        )
    logger(policy(result))


def _members(result: SweepResult, k: int | None) -> list[Run]:
    """Returns the members that have trained, of the k best configurations, as runs."""
    v = result.num_variants
    trained = result.trained()
    started = np.flatnonzero(trained.reshape(-1, v).any(axis=1))
    order = result.ranking()
    members = members_of(order[np.isin(order, started)][:k], v)
    kept = {f"kept/{name}": values for name, values in result.final().items()}
    return [
        Run(
            f"configuration {i // v}, member {i}" if v > 1 else f"member {i}",
            _hparams(result, i),
            _points(result.metrics, i),
            (int(result.kept_epoch[i]) + 1, _finite(kept, i)),
            str(Status(result.status[i])),
            result.task.rank_by,
        )
        for i in members[trained[members]].tolist()
    ]


def _hparams(result: SweepResult, i: int) -> dict[str, PlainValue]:
    values = {n: scalar(column[i]) for n, column in by_name(result.hparams).items()}
    return {n: x for n, x in values.items() if x == x}  # NaN is not: does not apply


def _points(curves: dict[str, NDArray[Any]], i: int) -> list[Point]:
    epochs = range(next(iter(curves.values())).shape[1])
    points = [(e + 1, _finite(curves, (i, e))) for e in epochs]
    return [(epoch, metrics) for epoch, metrics in points if metrics]


def _finite(values: dict[str, NDArray[Any]], at: Any) -> dict[str, float]:
    return {n: float(x[at]) for n, x in values.items() if np.isfinite(x[at])}


def _quantiles(curves: NDArray[Any], q: tuple[float, ...]) -> NDArray[Any]:
    """Returns `[quantiles, epochs]` of `[members, epochs]`; NaN if none is alive."""
    alive = np.where(np.isfinite(curves), curves, np.nan)
    some = np.isfinite(curves).any(axis=0)
    found = np.full((len(q), curves.shape[1]), np.nan, curves.dtype)
    found[:, some] = np.nanquantile(alive[:, some], q, axis=0)
    return found
