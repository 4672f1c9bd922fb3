"""Hyperparameters of a rung: n values by name, in Python and in the database.

A value is a number, a text, True, False or None, and is read back exactly. The column
`type` says what SQLite has no type for.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from jaxdl.plain import scalar
from jaxdl.runs.errors import DamagedError

Columns = dict[str, list[Any]]  # n values by name
TYPES = {"bool": bool, "int": int, "float": float, "str": str, "none": type(None)}
TYPE_NAMES = {kind: name for name, kind in TYPES.items()}
AS_THEY_ARE = {float, str, bool, type(None)}  # an int may be too large
VALUES = """
SELECT type, value FROM hyperparameters WHERE rung = ? AND name = ? ORDER BY member
"""


def plain_column(name: str, values: Iterable[Any]) -> list[Any]:
    """Returns plain values of a hyperparameter.

    Raises:
        ValueError: one cannot be stored.
    """
    column = list(values)
    if set(map(type, column)) <= AS_THEY_ARE:
        return column
    return [_plain(name, value) for value in column]


def _plain(name: str, value: Any) -> Any:
    value = scalar(value)
    large = type(value) is int and not -(2**63) <= value < 2**63
    if type(value) not in TYPE_NAMES or large:
        raise ValueError(
            f"got {name}={value!r:.80}; expected a number, a text, True, False or None"
        )
    return value


def to_row(value: Any) -> tuple[str, Any]:
    """Returns type and value of a hyperparameter in the database; NaN is NULL."""
    return TYPE_NAMES[type(value)], None if value != value else value


def _from_row(kind: str, stored: Any) -> Any:
    if kind == "float" and stored is None:
        return float("nan")
    if kind == "bool" and stored in (0, 1):
        return bool(stored)
    if type(stored) is not TYPES.get(kind):
        raise DamagedError(f"got the {kind!r:.20} {stored!r:.80}; expected that type")
    return stored


def write(
    connection: sqlite3.Connection,
    number: int,
    members: Sequence[int],
    columns: Columns,
) -> None:
    """Writes the hyperparameters of a rung, except those that are there."""
    connection.executemany(
        "INSERT INTO hyperparameters (rung, member, name, type, value) "
        "VALUES (?, ?, ?, ?, ?) ON CONFLICT (rung, name, member) DO NOTHING",
        (
            (number, member, name, *to_row(value))
            for name, values in columns.items()
            for member, value in zip(members, values, strict=True)
        ),
    )


def read(
    connection: sqlite3.Connection, number: int, members: Sequence[int]
) -> Columns:
    """Returns the hyperparameters of the members of a rung, by name from a to z.

    Raises:
        DamagedError: a value is not of its type, or of no member.
    """
    names = "SELECT DISTINCT name FROM hyperparameters WHERE rung = ?"
    rank = np.argsort(np.argsort(members)).tolist()  # the rows are in order of member
    columns: Columns = {}
    for (name,) in connection.execute(names, (number,)).fetchall():
        rows = connection.execute(VALUES, (number, name)).fetchall()
        values = [value for _, value in rows]
        if {kind for kind, _ in rows} != {"float"} or {*map(type, values)} != {float}:
            values = [_from_row(*row) for row in rows]
        if len(values) != len(members):
            raise DamagedError(f"got {len(values)} values of {name!r:.80}")
        columns[name] = [values[k] for k in rank]
    return columns
