"""The score of a model: the one number that ranks it. Lower is better.

It is a metric on the dev set, or its negative where larger is better.
"""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

import jax

from jaxdl.train.structure import RecipeError

# metric(outputs [m, ...], labels [m, ...], weights [m] or None) -> scalar
WholeSet = Callable[[Any, Any, Any], jax.Array]

ALWAYS = ("error", "loss")  # metrics of every recipe, means over the examples
CURVES = ("dev_error", "dev_loss", "train_error", "train_loss")  # of every recipe
NAME = re.compile(r"(?!train_|dev_)[a-z][a-z0-9_]{0,59}")  # `dev_` and it: a column
TAKEN = (
    *ALWAYS, "configuration", "epoch", "fold", "hparams", "kept", "member",
    "parameters", "repeat", "score", "standard_error", "status",
)  # fmt: skip


def score(metrics: Mapping[str, Any], rank_by: str) -> Any:
    """Returns the score of models, lower is better; NaN ranks last.

    Args:
        metrics: by the name of their curve, such as `dev_error`.
        rank_by: the metric's name; after a minus, larger is better.
    """
    value = metrics[curve_of(rank_by)]
    return -value if larger_is_better(rank_by) else value


def curve_of(rank_by: str) -> str:
    """Returns the curve that ranks models, such as `dev_auc` for `-auc`."""
    return f"dev_{rank_by.removeprefix('-')}"


def words(curve: str) -> str:
    """Returns the name of a curve for people, such as `dev auc` for `dev_auc`."""
    return curve.replace("_", " ")


def larger_is_better(rank_by: str) -> bool:
    """Returns whether the best models have the largest values."""
    return rank_by.startswith("-")


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


def check_rank_by(rank_by: str, metrics: Collection[str]) -> str:
    """Returns what a recipe ranks by.

    Raises:
        RecipeError: there is no such metric.
    """
    known = [*ALWAYS, *metrics]
    if not isinstance(rank_by, str) or rank_by.removeprefix("-") not in known:
        raise RecipeError(
            f"the recipe has rank_by={rank_by!r}; expected one of {', '.join(known)}, "
            "with a minus in front where larger is better"
        )
    return str(rank_by)
