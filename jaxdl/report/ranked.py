"""The metric that ranks members, as figures show it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxdl.report.style import Errors, errors_of
from jaxdl.sweeps import SweepResult
from jaxdl.train.score import curve_of, larger_is_better, words


def name(result: SweepResult) -> str:
    """Returns its name for people, such as `dev error`."""
    return words(curve_of(result.task.rank_by))


def values(result: SweepResult) -> NDArray[np.float64]:
    """Returns its mean for each configuration, `[configurations]`."""
    return result.mean()[curve_of(result.task.rank_by)]


def scale(result: SweepResult, shown: Any, curve: str | None = None) -> Errors:
    """Returns how its values, or those of another curve, are drawn.

    Args:
        result: of a sweep.
        shown: the values.
        curve: such as `train_error`; None: the curve that ranks.
    """
    ranked = curve_of(result.task.rank_by)
    curve = curve or ranked
    rates = curve in ("dev_error", "train_error") and result.has_rates()
    larger = curve == ranked and larger_is_better(result.task.rank_by)
    return errors_of(shown, rates=rates, larger=larger)
