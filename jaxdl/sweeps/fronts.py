"""The fronts of a result whose recipe has several objectives."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jaxdl.searches import dominance
from jaxdl.searches.rungs import Standing
from jaxdl.train.score import column_of, objectives, objectives_of, score, words

if TYPE_CHECKING:
    from jaxdl.sweeps.result import SweepResult


def pareto(result: "SweepResult") -> NDArray[np.int64]:
    """Returns the configurations that no other one dominates, lowest score first.

    One dominates another if it is no worse in any objective of the recipe's `rank_by`,
    and better in one. Configurations with a member that diverged, or with an objective
    or a dev loss that is not finite, are not among them.

    Args:
        result: of a sweep.

    Raises:
        ValueError: the recipe has one objective.

    Source: Pareto, Manuale di economia politica, 1906.
    """
    if not has_several(result):
        raise ValueError(
            f"got a sweep that ranks by {result.task.rank_by!r} alone; expected "
            'several objectives: Recipe(..., rank_by=("error", "parameters"))'
        )
    first = np.flatnonzero(numbers(result) == 1)
    return first[np.argsort(result.scores()[first], kind="stable")]


def has_several(result: "SweepResult") -> bool:
    """Returns whether the recipe has several objectives."""
    return len(objectives_of(result.task.rank_by)) > 1


def numbers(result: "SweepResult") -> NDArray[np.int64]:
    """Returns the front of each configuration, from 1; 0 for one that is in none."""
    means = result.mean()
    values = objectives(means, result.task.rank_by)["objectives"]
    lost = np.isnan(values).any(axis=1) | ~np.isfinite(means["dev_loss"])
    found = dominance.fronts(np.where(lost[:, None], np.nan, values)) + 1
    return np.where(lost, 0, found)


def pareto_if_several(result: "SweepResult") -> list[int] | None:
    """Returns the configurations of `pareto`; None: there is one objective."""
    return pareto(result).tolist() if has_several(result) else None


def ranks(result: "SweepResult") -> Standing:
    """Returns what configurations rank by, see `searches.rungs.Standing`."""
    own = objectives(result.mean(), result.task.rank_by)
    return own | {"score": score(result.mean(), result.task.rank_by)}


def in_words(result: "SweepResult") -> str:
    """Returns the objectives for people, such as `dev error and parameters`."""
    *others, last = (words(column_of(n)) for n in objectives_of(result.task.rank_by))
    return f"{', '.join(others)} and {last}" if others else last
