"""Ranges of plain numbers: what is refused before anything is traced."""

import math
from typing import Any

import numpy as np


class RangeError(ValueError):
    """A plain number is outside the range in which it has a meaning."""


def check_within(
    what: str,
    name: str,
    value: Any,
    *,
    kind: str = "a number",
    least: float = -math.inf,
    above: float = -math.inf,
    most: float = math.inf,
    below: float = math.inf,
) -> None:
    """Checks a number that is plain Python's or NumPy's; a traced one cannot be seen.

    Args:
        what: the part that takes the number, such as `dropout`, for the error.
        name: of the number, such as `keep_prob`.
        value: the number, or anything else, which passes.
        kind: what the error expects.
        least: the smallest value.
        above: a bound that is too small itself.
        most: the largest value.
        below: a bound that is too large itself.

    Raises:
        RangeError: the number is outside the range, or is NaN.
    """
    if not isinstance(value, int | float | np.generic | np.ndarray) or np.ndim(value):
        return
    number = float(value)
    inside = least <= number <= most  # infinity too where there is no bound
    inside &= not math.isfinite(above) or number > above
    inside &= not math.isfinite(below) or number < below
    if not inside:
        bounds = {"at least": least, "above": above, "at most": most, "below": below}
        words = [f"{word} {x:g}" for word, x in bounds.items() if math.isfinite(x)]
        raise RangeError(
            f"{what} got {name}={value!s}; expected {kind} {' and '.join(words)}"
        )
