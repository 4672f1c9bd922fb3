"""The table of a result: column names, and rows of plain values, best first."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jaxdl.plain import scalar
from jaxdl.sweeps import fronts
from jaxdl.sweeps.columns import apart
from jaxdl.sweeps.repeats import members_of
from jaxdl.train.epoch_state import Status, ended_words
from jaxdl.train.score import PARAMETERS, curve_of
from jaxdl.train.structure import by_name

if TYPE_CHECKING:
    from jaxdl.sweeps.result import SweepResult

Rows = tuple[list[str], list[list[Any]]]


def of_configurations(result: "SweepResult", n: int | None) -> Rows:
    """Returns the rows of the n best configurations, see `SweepResult.rows`."""
    v, values = result.num_variants, result.mean()
    if v == 1:
        return of_members(result, n)
    ranked = curve_of(result.task.rank_by)
    values["standard_error"] = result.standard_error()[ranked]
    hparams, front = by_name(result.hparams), _fronts(result)
    rows = [
        [
            int(i),
            *(int(column[i]) for column in front.values()),
            *(_value(name, column[i]) for name, column in values.items()),
            ended_words(result.status[result.members_of(i)]),
            *(scalar(column[i * v]) for column in hparams.values()),
        ]
        for i in result.ranking()[:n]
    ]
    names = ["configuration", *front, *values, "status"]
    return [*names, *apart(hparams, names)], rows


def of_members(result: "SweepResult", n: int | None) -> Rows:
    """Returns the rows of the members of the n best configurations."""
    return of_members_of(result, result.ranking()[:n])


def of_members_of(result: "SweepResult", configurations: NDArray[np.int64]) -> Rows:
    """Returns the rows of the members of configurations, in this order."""
    hparams, final, v = by_name(result.hparams), result.final(), result.num_variants
    origin = ["configuration", "repeat", "fold"] if v > 1 else []
    front = _fronts(result)
    rows = [
        [
            int(i),
            *_origin(result, int(i)),
            *(int(column[i // v]) for column in front.values()),
            *(_value(name, values[i]) for name, values in final.items()),
            _status(result, i),
            *(scalar(column[i]) for column in hparams.values()),
        ]
        for i in members_of(configurations, v)
    ]
    names = ["member", *origin, *front, *final, "status"]
    return [*names, *apart(hparams, names)], rows


def _fronts(result: "SweepResult") -> dict[str, Any]:
    """Returns the column of the fronts by its name; {} with one objective."""
    return {"front": fronts.numbers(result)} if fronts.has_several(result) else {}


def _value(name: str, value: Any) -> float | int:
    """Returns a plain number, of parameters a whole one unless it is unknown."""
    whole = name == PARAMETERS and value == value
    return int(value) if whole else float(value)


def _origin(result: "SweepResult", i: int) -> list[int]:
    """Returns configuration, repeat and fold of member i; nothing if V is 1."""
    if result.num_variants == 1:
        return []
    configuration, variant = divmod(i, result.num_variants)
    return [configuration, *divmod(variant, result.task.num_folds)]


def _status(result: "SweepResult", i: int) -> str:
    at = f" at step {result.stopped_at[i]}" if result.stopped_at[i] >= 0 else ""
    return f"{Status(result.status[i])}{at}"
