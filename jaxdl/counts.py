"""Counts: whole numbers from some least one, of Python's type or NumPy's."""

import operator
from typing import Any

import numpy as np


def is_count(value: Any, *, least: int = 1) -> bool:
    """Returns whether a value is an integer of at least `least`; no bool is."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return bool(whole and value >= least)


def as_count(
    what: str, value: Any, *, least: int = 1, error: type[Exception] = ValueError
) -> int:
    """Returns a count as a plain int.

    Args:
        what: the name that the error gives, such as `members`.
        value: a Python or NumPy integer.
        least: the smallest count that makes sense.
        error: the class of the error.

    Raises:
        error: the value is no integer, or below `least`.
    """
    if not is_count(value, least=least):
        raise error(f"got {what}={value!r}; expected an int of at least {least}")
    return operator.index(value)
