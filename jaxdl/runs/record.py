"""What members that trained side by side have become, and its rows in the database.

`rows` and `from_rows` are inverse to each other. A digest over all rows of a record
tells whether they are those that were written; the arrays have digests of their own.
"""

import hashlib
import json
import re
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxdl.runs import text
from jaxdl.runs.arrays import DTYPES, Index
from jaxdl.runs.errors import DamagedError

NAME = re.compile(r"[a-z_][a-z0-9_]{0,63}")
TAKEN = {"record", "position", "rung", "member", "epoch"}  # columns of the tables


class Record(NamedTuple):
    """What n members that trained side by side have become."""

    rung: int  # 0, 1, ... of the search
    members: NDArray[np.int64]  # [n] ids
    first: int  # epochs they had trained before
    until: int  # epochs they have trained now
    columns: dict[str, NDArray[Any]]  # [n] numbers by name
    metrics: dict[str, NDArray[Any]]  # [until - first, n] floats by name
    # Leaves in an order that the writer knows; None: not kept any more.
    arrays: list[NDArray[Any]] | None
    id: int = -1  # given when it is committed


class Rows(NamedTuple):
    """A record as the tables hold it."""

    rung: int
    first: int
    until: int
    dtypes: str  # JSON: of columns and of metrics by name
    arrays: str  # JSON: the index of the arrays
    status: list[list[Any]]  # a row a member: its id and its numbers
    metrics: list[list[Any]]  # a row an epoch and member: its metrics


def check(record: Record) -> None:
    """Checks a record before anything is written.

    Raises:
        ValueError: shapes that do not fit, or a name that is no plain one.
    """
    n, epochs = len(record.members), record.until - record.first
    if record.rung < 0 or record.first < 0 or epochs < 0 or n == 0:
        raise ValueError(
            f"got rung {record.rung}, epochs {record.first} to {record.until} and {n} "
            "members; expected a rung from 0, epochs that do not go back, and a member"
        )
    if len(set(np.asarray(record.members).tolist())) != n:
        raise ValueError("got a member twice in one record; expected each once")
    for name in (*record.columns, *record.metrics):
        if not NAME.fullmatch(name) or name in TAKEN:
            raise ValueError(
                f"got the name {name!r:.80}; expected at most 64 small letters, digits "
                f"and _, beginning with no digit, and none of {sorted(TAKEN)}"
            )
    shapes = [(name, x, (n,)) for name, x in record.columns.items()]
    shapes += [(name, x, (epochs, n)) for name, x in record.metrics.items()]
    for name, values, shape in shapes:
        values = np.asarray(values)
        if values.shape != shape or values.dtype.name not in DTYPES:
            raise ValueError(
                f"got {name} of shape {values.shape} and dtype {values.dtype}; "
                f"expected numbers of shape {shape}"
            )


def rows(record: Record) -> Rows:
    """Returns the rows of a record, without an index of its arrays yet.

    Raises:
        ValueError: an integer of more than 64 bits with sign.
    """
    columns = {name: np.asarray(x) for name, x in record.columns.items()}
    metrics = {name: np.asarray(x).reshape(-1) for name, x in record.metrics.items()}
    dtypes = {
        "columns": [[name, x.dtype.name] for name, x in columns.items()],
        "metrics": [[name, x.dtype.name] for name, x in metrics.items()],
    }
    n = len(record.members)
    return Rows(
        int(record.rung), int(record.first), int(record.until), text.dumps(dtypes),
        text.dumps(None), _table([np.asarray(record.members), *columns.values()], n),
        _table(list(metrics.values()), (record.until - record.first) * n),
    )  # fmt: skip


def with_index(stored: Rows, index: Index) -> Rows:
    """Returns the rows with the index of the arrays that were written."""
    return stored._replace(arrays=text.dumps(index))


def digest(stored: Rows) -> str:
    """Returns the SHA-256 of all that the rows say."""
    return hashlib.sha256(json.dumps(stored, default=repr).encode()).hexdigest()


def names(dtypes: str, kind: str) -> list[str]:
    """Returns the names of the columns or of the metrics.

    Raises:
        DamagedError: the text is not one that `rows` makes.
    """
    return list(_dtypes(dtypes, kind))


def from_rows(stored: Rows, expected: str) -> tuple[Record, Any]:
    """Returns a record without its arrays, and the index of them.

    Raises:
        DamagedError: the rows are not those of which `expected` is the digest.
    """
    if digest(stored) != expected:
        raise DamagedError("got other rows in the database; expected those written")
    try:
        n, epochs = len(stored.status), stored.until - stored.first
        members, *columns = _arrays(stored.status, [np.dtype(np.int64), *
            _dtypes(stored.dtypes, "columns").values()])  # fmt: skip
        kinds = _dtypes(stored.dtypes, "metrics")
        flat = _arrays(stored.metrics, list(kinds.values()))
        metrics = [x.reshape(epochs, n) for x in flat]
        index = text.loads(stored.arrays)
    except (ValueError, TypeError, OverflowError) as error:
        raise DamagedError(f"got rows that are no record ({error})") from error
    return Record(
        stored.rung, members, stored.first, stored.until,
        dict(zip(names(stored.dtypes, "columns"), columns, strict=True)),
        dict(zip(kinds, metrics, strict=True)), None,
    ), index  # fmt: skip


def _table(columns: list[NDArray[Any]], length: int) -> list[list[Any]]:
    """Returns rows of plain numbers, NaN as None and -0 as 0, as SQLite has them."""
    if not columns:
        return [[] for _ in range(length)]
    plain = [x.tolist() for x in columns]
    return [[_stored(value) for value in row] for row in zip(*plain, strict=True)]


def _stored(value: Any) -> Any:
    if isinstance(value, float):
        return None if value != value else value + 0.0
    if not -(2**63) <= value < 2**63:
        raise ValueError(f"got the number {value}; expected one of 64 bits with sign")
    return int(value)


def _arrays(table: list[list[Any]], dtypes: list[Any]) -> list[NDArray[Any]]:
    columns = list(zip(*table, strict=True)) or [()] * len(dtypes)
    if len(columns) != len(dtypes):
        raise ValueError(f"got {len(columns)} columns; expected {len(dtypes)}")
    for value in (value for row in table for value in row):
        if type(value) not in (int, float, type(None)):
            raise ValueError(f"got {value!r:.80}; expected a number")
    return [
        np.array([np.nan if v is None else v for v in column], dtype)
        for column, dtype in zip(columns, dtypes, strict=True)
    ]


def _dtypes(dtypes: str, kind: str) -> dict[str, np.dtype[Any]]:
    try:
        pairs = text.loads(dtypes)[kind]
        found = {name: DTYPES[dtype] for name, dtype in pairs}
        plain = all(NAME.fullmatch(name) and name not in TAKEN for name in found)
    except (ValueError, TypeError, LookupError) as error:
        raise DamagedError(f"got dtypes {dtypes!r:.80}; expected names") from error
    if not plain:
        raise DamagedError(f"got dtypes {dtypes!r:.80}; expected plain names")
    return found
