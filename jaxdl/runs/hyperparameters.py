"""Hyperparameters as rows: numbers, texts, true, false and none, read back exactly.

A value is what SQLite has of that kind; `type` says what it was.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxdl.runs.errors import DamagedError

Columns = dict[str, list[Any]]  # n values by name
TYPES = {"bool": bool, "int": int, "float": float, "str": str, "none": type(None)}
NAMES = {kind: name for name, kind in TYPES.items()}


def plain(hparams: Mapping[str, Any], length: int) -> Columns:
    """Returns columns of plain Python values.

    Args:
        hparams: lists or arrays by name.
        length: n, the number of members.

    Raises:
        ValueError: another number of values, or a value of another kind.
    """
    columns = {name: [_plain(name, v) for v in values] for name, values in
               ((name, _list(values)) for name, values in hparams.items())}  # fmt: skip
    for name, values in columns.items():
        if len(values) != length:
            raise ValueError(
                f"got {len(values)} values of {name}; expected {length}, one a member"
            )
    return columns


def row(value: Any) -> tuple[str, Any]:
    """Returns type and value of a plain value in the database; NaN is NULL."""
    return NAMES[type(value)], None if value != value else value


def value(kind: str, stored: Any) -> Any:
    """Returns the plain value of a type and value in the database.

    Raises:
        DamagedError: they do not fit each other.
    """
    if kind == "float" and stored is None:
        return float("nan")
    if kind == "bool" and stored in (0, 1):
        return bool(stored)
    if type(stored) is not TYPES.get(kind):
        raise DamagedError(f"got the {kind!r:.20} {stored!r:.80}; expected that type")
    return stored


def same(one: Any, other: Any) -> bool:
    """Returns whether two plain values are the same: 1, 1.0 and true are not."""
    return row(one) == row(other)


def _list(values: Any) -> list[Any]:
    return values.tolist() if hasattr(values, "tolist") else list(values)


def _plain(name: str, value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    large = type(value) is int and not -(2**63) <= value < 2**63
    if type(value) not in NAMES or large:
        raise ValueError(
            f"got {name}={value!r:.80}; expected a number, a text, True, False or None"
        )
    return value
