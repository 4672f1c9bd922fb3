"""The score of a model: the one number that ranks it. Lower is better.

It is a metric on the dev set, or its negative where larger is better. A recipe may have
several objectives; the first of them is the score.
"""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from jaxdl.train.structure import RecipeError

RankBy = str | tuple[str, ...]  # one objective, or at least two
# metric(outputs [m, ...], labels [m, ...], weights [m] or None) -> scalar
WholeSet = Callable[[Any, Any, Any], jax.Array]

PARAMETERS = "parameters"  # an objective that is no metric: how many a model has
ALWAYS = ("error", "loss")  # metrics of every recipe, means over the examples
CURVES = ("dev_error", "dev_loss", "train_error", "train_loss")  # of every recipe
NAME = re.compile(r"(?!train_|dev_)[a-z][a-z0-9_]{0,59}")  # `dev_` and it: a column
TAKEN = (
    *ALWAYS, "configuration", "epoch", "fold", "hparams", "kept", "member",
    "parameters", "repeat", "score", "standard_error", "status",
)  # fmt: skip


def score(metrics: Mapping[str, Any], rank_by: RankBy) -> Any:
    """Returns the score of models, lower is better; NaN ranks last.

    Args:
        metrics: by the name of their curve, such as `dev_error`.
        rank_by: the metric's name; after a minus, larger is better. Of several the
            first counts.
    """
    return _value(metrics, objectives_of(rank_by)[0])


def objectives(
    metrics: Mapping[str, Any], rank_by: RankBy
) -> dict[str, NDArray[np.float64]]:
    """Returns `objectives` `[n, k]` of models, lower is better; {} if k is 1.

    Args:
        metrics: by name, such as `dev_error` and `parameters`, `[n]` each.
        rank_by: the names of k objectives.
    """
    several = len(objectives_of(rank_by)) > 1
    return {"objectives": values_of(metrics, rank_by)} if several else {}


def values_of(metrics: Mapping[str, Any], rank_by: RankBy) -> NDArray[np.float64]:
    """Returns all k objectives of models, also if k is 1, `[n, k]`: lower is better.

    Args:
        metrics: by name, such as `dev_error` and `parameters`, `[n]` each.
        rank_by: the names of the objectives.
    """
    names = objectives_of(rank_by)
    columns = [np.asarray(_value(metrics, name), np.float64) for name in names]
    return np.stack(columns, axis=-1)


def objectives_of(rank_by: RankBy) -> tuple[str, ...]:
    """Returns the names of all objectives, with their minus."""
    return (rank_by,) if isinstance(rank_by, str) else rank_by


def counts_parameters(rank_by: RankBy) -> bool:
    """Returns whether the number of parameters is an objective."""
    return any(column_of(name) == PARAMETERS for name in objectives_of(rank_by))


def curve_of(rank_by: RankBy) -> str:
    """Returns the curve of the score, such as `dev_auc` for `-auc`."""
    return column_of(objectives_of(rank_by)[0])


def column_of(objective: str) -> str:
    """Returns the column of an objective, such as `dev_auc` or `parameters`."""
    name = objective.removeprefix("-")
    return name if name == PARAMETERS else f"dev_{name}"


def _value(metrics: Mapping[str, Any], objective: str) -> Any:
    value = metrics[column_of(objective)]
    return -value if objective.startswith("-") else value


def words(curve: str) -> str:
    """Returns the name of a curve for people, such as `dev auc` for `dev_auc`."""
    return curve.replace("_", " ")


def larger_is_better(rank_by: RankBy) -> bool:
    """Returns whether the best models have the largest values of the first."""
    return objectives_of(rank_by)[0].startswith("-")


def curves(metrics: Collection[str]) -> tuple[str, ...]:
    """Returns the names of all curves of a training, sorted.

    Args:
        metrics: names of the recipe's own metrics.
    """
    return tuple(sorted([*CURVES, *(f"dev_{name}" for name in metrics)]))


def check_metrics(metrics: Mapping[str, WholeSet]) -> dict[str, WholeSet]:
    """Returns a recipe's metrics in the order of their names.

    Raises:
        RecipeError: they are not functions by name, or a name cannot be a column.
    """
    if not isinstance(metrics, Mapping) or not all(map(callable, metrics.values())):
        raise RecipeError(
            f"the recipe has metrics={metrics!r}; expected functions by name, such as "
            'metrics={"auc": jaxdl.train.auc}'
        )
    for name in metrics:
        if not isinstance(name, str) or not NAME.fullmatch(name) or name in TAKEN:
            raise RecipeError(
                f"the recipe has a metric named {name!r}; expected 1 to 60 small "
                "letters, digits and _, a letter first, without train_ or dev_ in "
                f"front, and none of {', '.join(TAKEN)}"
            )
    return dict(sorted(metrics.items()))


def check_rank_by(rank_by: Any, metrics: Collection[str]) -> RankBy:
    """Returns what a recipe ranks by.

    Raises:
        RecipeError: there is no such metric, an objective comes twice, or the first is
            no metric.
    """
    known = [*ALWAYS, *metrics, PARAMETERS]
    names = tuple(rank_by) if isinstance(rank_by, list | tuple) else (rank_by,)
    texts = all(isinstance(name, str) for name in names)
    plain = [str(name).removeprefix("-") for name in names]
    if not names or not texts or not set(plain) <= set(known):
        raise RecipeError(
            f"the recipe has rank_by={rank_by!r}; expected one of {', '.join(known)}, "
            "with a minus in front where larger is better; or several of them, such as "
            '("error", "parameters")'
        )
    if plain[0] == PARAMETERS or len(set(plain)) < len(plain):
        raise RecipeError(
            f"the recipe has rank_by={rank_by!r}; expected different objectives, of "
            "which the first is a metric: early stopping goes by it"
        )
    return str(names[0]) if len(names) == 1 else tuple(map(str, names))
