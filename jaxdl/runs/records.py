"""Records: how members that trained side by side ended, and their rows in the database.

`to_rows` and `from_rows` are inverse to each other. A digest covers all rows of a
record; the arrays have digests of their own, in the index of their file.
"""

import hashlib
import itertools
import json
import re
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxdl.counts import as_count
from jaxdl.runs import text
from jaxdl.runs.errors import DamagedError
from jaxdl.runs.files import DTYPES, Index

STATUS = ("status", "stopped_at", "steps", "kept_epoch")  # columns of table `status`
PLACE = ("rung", "member", "epoch")  # columns of table `metrics` before the metrics
NAME = re.compile(r"[a-z_][a-z0-9_]{0,63}")
ALL, NONE = "all", "none"  # which arrays of a record have a file

MEMBERS = "FROM status WHERE record = ? ORDER BY position"
METRICS = """
FROM status JOIN metrics ON metrics.rung = ? AND metrics.member = status.member
    AND metrics.epoch >= ? AND metrics.epoch < ?
WHERE status.record = ? ORDER BY metrics.epoch, status.position
"""
# The metrics of a record that no other record covers.
ALONE = """
DELETE FROM metrics WHERE (rung, member, epoch) IN (
    SELECT m.rung, m.member, m.epoch FROM records AS r
    JOIN status AS s ON s.record = r.id
    JOIN metrics AS m ON m.rung = r.rung AND m.member = s.member
        AND m.epoch >= r.first AND m.epoch < r.until
    WHERE r.id = ? AND NOT EXISTS (
        SELECT 1 FROM status AS s2 JOIN records AS r2 ON r2.id = s2.record
        WHERE s2.member = m.member AND r2.rung = m.rung AND r2.id != r.id
            AND m.epoch >= r2.first AND m.epoch < r2.until
    )
)
"""


class Record(NamedTuple):
    """How n members that trained side by side ended."""

    rung: int  # 0, 1, ... of the search
    members: NDArray[np.int64]  # [n] ids
    first: int  # epochs they had trained before
    until: int  # epochs they have trained now
    status: NDArray[np.int32]  # [n]; the caller knows what the numbers mean
    stopped_at: NDArray[np.int32]  # [n] step; -1 while running
    steps: NDArray[np.int32]  # [n] taken
    kept_epoch: NDArray[np.int32]  # [n] that the weights are from; -1: none
    metrics: dict[str, NDArray[np.float64]]  # [until - first, n] by name
    # Leaves in an order that the caller knows; None: they have been dropped.
    arrays: list[NDArray[Any]] | None
    id: int = -1  # given by the commit


class RecordRow(NamedTuple):
    """The row of a record in the table `records`."""

    id: int
    rung: int
    first: int
    until: int
    kept: str  # ALL or NONE
    arrays: str  # JSON: the index of the file of arrays
    sha256: str  # the digest of its StoredRecord


class StoredRecord(NamedTuple):
    """A record as the tables hold it: all that its digest covers."""

    rung: int
    first: int
    until: int
    arrays: str
    status: list[list[Any]]  # a row for each member: its id, then STATUS
    metrics: list[list[Any]]  # a row for each epoch and member


def metric_names(specification: Mapping[str, Any]) -> list[str]:
    """Returns the names of a run's metrics: its part `metrics`, or none.

    Raises:
        ValueError: they cannot be names of columns.
    """
    names = specification.get("metrics", [])
    if not isinstance(names, list | tuple) or len(set(map(repr, names))) < len(names):
        raise ValueError(f"got metrics {names!r:.80}; expected a list of unique names")
    for name in names:
        if not isinstance(name, str) or not NAME.fullmatch(name) or name in PLACE:
            raise ValueError(
                f"got the metric {name!r:.80}; expected 1 to 64 small letters, digits "
                f"and _, no digit first, and none of {', '.join(PLACE)}"
            )
    return list(names)


def check(record: Record, names: list[str]) -> None:
    """Checks a record before anything of it is written.

    Args:
        record: the record.
        names: the run's metrics.

    Raises:
        ValueError: shapes, types or names do not fit.
    """
    as_count("rung", record.rung, least=0)
    first = as_count("first", record.first, least=0)
    epochs = as_count("until", record.until, least=first) - first
    n = len(record.members)
    if not n or len(set(np.asarray(record.members).tolist())) != n:
        raise ValueError(
            f"got the members {record.members}; expected one or more, each once"
        )
    _check_array("members", record.members, (n,), np.int64)
    for name in STATUS:
        _check_array(name, getattr(record, name), (n,), np.int32)
    if set(record.metrics) != set(names):
        raise ValueError(
            f"got metrics {sorted(record.metrics)!r:.200}; expected {sorted(names)}, "
            "which the specification of the run lists"
        )
    for name, values in record.metrics.items():
        _check_array(name, values, (epochs, n), np.float64)


def _check_array(name: str, values: Any, shape: tuple[int, ...], dtype: type) -> None:
    """Checks that an array has a shape, and values that a dtype holds exactly."""
    values = np.asarray(values)
    if values.shape == shape and values.dtype.name in DTYPES:
        with np.errstate(invalid="ignore"):  # NaN is not an integer
            if np.array_equal(values, values.astype(dtype), equal_nan=True):
                return
    raise ValueError(
        f"got {name} of shape {values.shape} and dtype {values.dtype}; expected values "
        f"of {dtype.__name__} and shape {shape}"
    )


def to_rows(record: Record, names: list[str], index: Index | None) -> StoredRecord:
    """Returns the rows of a record: NaN as None, -0 as 0, the index as JSON."""
    rung, first, until = int(record.rung), int(record.first), int(record.until)
    columns = [record.members, *(getattr(record, name) for name in STATUS)]
    metrics = np.array([record.metrics[name] for name in names], np.float64)
    length = (until - first) * len(record.members)
    table = metrics.reshape(len(names), length).T + 0.0
    return StoredRecord(
        rung, first, until, text.dumps(index),
        np.array(columns, np.int64).T.tolist(),
        [[None if x != x else x for x in row] for row in table.tolist()],
    )  # fmt: skip


def digest(stored: StoredRecord) -> str:
    """Returns the SHA-256 of all rows."""
    return hashlib.sha256(json.dumps(stored, default=repr).encode()).hexdigest()


def from_rows(
    stored: StoredRecord, names: list[str], expected: str
) -> tuple[Record, Any]:
    """Returns a record without its arrays, and the index of its arrays.

    Raises:
        DamagedError: the rows do not have the expected digest.
    """
    if digest(stored) != expected:
        raise DamagedError("got other rows in the database; expected those written")
    try:
        n, epochs = len(stored.status), stored.until - stored.first
        _check_types(stored.status, n, (int,))
        _check_types(stored.metrics, epochs * n, (float, type(None)))
        members, *columns = zip(*stored.status, strict=True)
        status, stopped_at, steps, kept_epoch = (np.array(x, np.int32) for x in columns)
        table = np.array(stored.metrics, np.float64)  # None becomes NaN
        curves = table.reshape(epochs * n, len(names)).T.reshape(len(names), epochs, n)
        found = Record(
            stored.rung, np.array(members, np.int64), stored.first, stored.until,
            status, stopped_at, steps, kept_epoch,
            dict(zip(names, curves, strict=True)), None,
        )  # fmt: skip
        return found, text.loads(stored.arrays)
    except (ValueError, TypeError, OverflowError) as error:
        raise DamagedError(f"got rows that are not a record ({error})") from error


def _check_types(table: list[list[Any]], length: int, types: tuple[type, ...]) -> None:
    if len(table) != length:
        raise ValueError(f"got {len(table)} rows; expected {length}")
    for value in itertools.chain.from_iterable(table):
        if type(value) not in types:
            raise ValueError(f"got {value!r:.80}; expected a number")


def insert(
    connection: sqlite3.Connection, number: int, stored: StoredRecord, names: list[str]
) -> None:
    """Inserts a record, whose metrics replace those of the same epochs.

    It also replaces the record itself: a COMMIT that failed may have reached the disk.
    """
    kept = NONE if stored.arrays == text.dumps(None) else ALL
    members = [row[0] for row in stored.status]
    row = RecordRow(number, *stored[:3], kept, stored.arrays, digest(stored))
    _insert(connection, "INSERT OR REPLACE INTO records", RecordRow._fields, [row])
    columns = ("record", "position", "rung", "member", *STATUS)
    ends = [(number, k, stored.rung, *row) for k, row in enumerate(stored.status)]
    _insert(connection, "INSERT INTO status", columns, ends)
    epochs = range(stored.first, stored.until)
    places = itertools.product([stored.rung], epochs, members)
    curves = [(*place, *row) for place, row in zip(places, stored.metrics, strict=True)]
    columns = ("rung", "epoch", "member", *names)
    _insert(connection, "INSERT OR REPLACE INTO metrics", columns, curves)


def _insert(
    connection: sqlite3.Connection, insert: str, columns: Sequence[str], rows: list[Any]
) -> None:
    marks = ", ".join("?" * len(columns))
    connection.executemany(f"{insert} ({_quoted(columns)}) VALUES ({marks})", rows)


def _quoted(names: Sequence[str], table: str = "") -> str:
    """Returns names of columns for SQL, where `order` and others mean something."""
    return ", ".join(f'{table}"{name}"' for name in names)


def rows_of(connection: sqlite3.Connection, rung: int) -> list[RecordRow]:
    """Returns the rows of a rung's records in the order of their ids."""
    rows = connection.execute(
        f"SELECT {_quoted(RecordRow._fields)} FROM records WHERE rung = ? ORDER BY id",
        (rung,),
    )
    return [RecordRow(*row) for row in rows]


def members(connection: sqlite3.Connection, number: int) -> list[int]:
    """Returns the ids of a record's members, unchecked."""
    rows = connection.execute(f"SELECT member {MEMBERS}", (number,))
    return [member for (member,) in rows]


def read(
    connection: sqlite3.Connection, row: RecordRow, names: list[str]
) -> StoredRecord:
    """Returns all rows of a record."""
    status = connection.execute(
        f"SELECT {_quoted(('member', *STATUS))} {MEMBERS}", (row.id,)
    ).fetchall()
    # A run without metrics still has rows; the epoch column makes them visible.
    curves = connection.execute(
        f"SELECT {_quoted(('epoch', *names), 'metrics.')} {METRICS}",
        (row.rung, row.first, row.until, row.id),
    ).fetchall()
    return StoredRecord(
        row.rung, row.first, row.until, row.arrays, [list(x) for x in status],
        [list(x[1:]) for x in curves],
    )  # fmt: skip


def has_file(connection: sqlite3.Connection, number: int) -> bool:
    """Returns whether arrays of a record have a file."""
    query = "SELECT 1 FROM records WHERE id = ? AND kept IS NOT ?"
    return connection.execute(query, (number, NONE)).fetchone() is not None


def with_files(connection: sqlite3.Connection) -> list[int]:
    """Returns the ids of all records of which arrays have a file."""
    rows = connection.execute("SELECT id FROM records WHERE kept IS NOT ?", (NONE,))
    return [number for (number,) in rows]


def drop(connection: sqlite3.Connection, number: int) -> None:
    """Writes that no array of a record has a file."""
    connection.execute("UPDATE records SET kept = ? WHERE id = ?", (NONE, number))


def delete(connection: sqlite3.Connection, number: int) -> None:
    """Deletes a record with its status, and the metrics that no other one covers."""
    connection.execute(ALONE, (number,))
    connection.execute("DELETE FROM records WHERE id = ?", (number,))
