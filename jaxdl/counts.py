"""Counts: whole numbers from some least one, of Python's type or NumPy's."""

import operator
from typing import Any

import numpy as np


def is_count(value: Any, *, least: int = 1) -> bool:
    """Returns whether a value is an integer of at least `least`; no bool is."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return bool(whole and value >= least)


def as_count(
    what: str,
    value: Any,
    *,
    least: int = 1,
    most: int | None = None,
    error: type[Exception] = ValueError,
) -> int:
    """Returns a count as a plain int.

    Args:
        what: the name that the error gives, such as `members`.
        value: a Python or NumPy integer.
        least: the smallest count that makes sense.
        most: the largest one; None: there is none.
        error: the class of the error.

    Raises:
        error: the value is no integer, below `least` or above `most`.
    """
    if not is_count(value, least=least) or (most is not None and value > most):
        range_of = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise error(f"got {what}={value!r}; expected an int {range_of}")
    return operator.index(value)
