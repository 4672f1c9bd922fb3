"""Records: how members that trained side by side ended, and their rows in the database.

`to_rows` and `from_rows` are inverse to each other. A digest covers all rows of a
record; the arrays have digests of their own, in the index of their file.
"""

import hashlib
import itertools
import re
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxdl.counts import as_count
from jaxdl.runs import text
from jaxdl.runs.array_files import NAME_OF, Index
from jaxdl.runs.errors import DamagedError

STATUS = ("status", "stopped_at", "steps", "kept_epoch")  # columns of table `status`
PLACE = ("rung", "member", "epoch")  # columns of table `metrics` before the metrics
NAME = re.compile(r"[a-z_][a-z0-9_]{0,63}")
ALL, NONE = "all", "none"  # which arrays of a record have a file

MEMBERS = "FROM status WHERE record = ? ORDER BY position"
METRICS = """
FROM status JOIN metrics ON metrics.rung = ? AND metrics.member = status.member
    AND metrics.epoch >= ? AND metrics.epoch < ?
WHERE status.record = ? ORDER BY status.position, metrics.epoch
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
    arrays: list[NDArray[Any]] | None  # leaves in the caller's order; None: dropped
    id: int = -1  # given by the commit
    step_losses: NDArray[Any] | None = None  # [until - first, n, ...]; None: not kept


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
    status: NDArray[np.int64]  # [n, 1 + 4]: the member's id, then STATUS
    metrics: NDArray[np.float64]  # [n * epochs, names]: all epochs of a member first


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
    """Checks a record of a run with such metrics before anything of it is written.

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
    if values.shape == shape and values.dtype in NAME_OF:
        if np.can_cast(values.dtype, dtype):
            return
        with np.errstate(invalid="ignore"):  # NaN is not an integer
            if np.array_equal(values, values.astype(dtype), equal_nan=True):
                return
    raise ValueError(
        f"got {name} of shape {values.shape} and dtype {values.dtype}; expected values "
        f"of {dtype.__name__} and shape {shape}"
    )


def to_rows(record: Record, names: list[str], index: Index | None) -> StoredRecord:
    """Returns the rows of a record: all NaN alike, -0 as 0, the index as JSON."""
    rung, first, until = int(record.rung), int(record.first), int(record.until)
    columns = [record.members, *(getattr(record, name) for name in STATUS)]
    status = np.stack(columns, axis=-1, dtype=np.int64, casting="unsafe")
    metrics = np.empty((len(status) * (until - first), len(names)), np.float64)
    for k, name in enumerate(names):
        metrics[:, k] = record.metrics[name].T.reshape(-1) + 0.0
    metrics[np.isnan(metrics)] = np.nan
    return StoredRecord(rung, first, until, text.dumps(index), status, metrics)


def digest(stored: StoredRecord) -> str:
    """Returns the SHA-256 of all rows."""
    *head, status, metrics = stored
    found = hashlib.sha256(repr((*head, metrics.shape)).encode())
    found.update(np.ascontiguousarray(status, "<i8").data)
    found.update(np.ascontiguousarray(metrics, "<f8").data)
    return found.hexdigest()


def from_rows(
    stored: StoredRecord, names: list[str], expected: str
) -> tuple[Record, Any]:
    """Returns a record without its arrays, and the index of its arrays.

    Raises:
        DamagedError: the rows do not have the expected digest, or are not a record.
    """
    if digest(stored) != expected:
        raise DamagedError("got other rows in the database; expected those written")
    try:
        members, *columns = stored.status.T
        if not len(members):
            raise ValueError(f"got members of shape {stored.status.shape}")
        shape = (len(members), stored.until - stored.first)
        curves = [x.reshape(shape).T.copy() for x in stored.metrics.T]
        status, stopped_at, steps, kept_epoch = map(_int32, columns)
        found = Record(
            stored.rung, members.copy(), stored.first, stored.until,
            status, stopped_at, steps, kept_epoch,
            dict(zip(names, curves, strict=True)), None,
        )  # fmt: skip
        return found, text.loads(stored.arrays)
    except (ValueError, TypeError, OverflowError) as error:
        raise DamagedError(f"got rows that are not a record ({error})") from error


def _int32(column: NDArray[np.int64]) -> NDArray[np.int32]:
    narrow = column.astype(np.int32)
    if (narrow != column).any():
        raise OverflowError(f"got {column}; expected 32 bits")
    return narrow


def insert(
    connection: sqlite3.Connection, number: int, stored: StoredRecord, names: list[str]
) -> None:
    """Inserts a record, whose metrics replace those of the same epochs.

    It also replaces the record itself: a COMMIT that failed may have reached the disk.
    """
    kept = NONE if stored.arrays == text.dumps(None) else ALL
    row = RecordRow(number, *stored[:3], kept, stored.arrays, digest(stored))
    _insert(connection, "INSERT OR REPLACE INTO records", RecordRow._fields, [row])
    columns = ("record", "position", "rung", "member", *STATUS)
    status = stored.status.tolist()
    ends = ((number, k, stored.rung, *row) for k, row in enumerate(status))
    _insert(connection, "INSERT INTO status", columns, ends)
    ids, epochs = (row[0] for row in status), range(stored.first, stored.until)
    places = itertools.product([stored.rung], ids, epochs)
    values = stored.metrics.tolist()  # SQLite stores NaN as NULL
    curves = ((*place, *row) for place, row in zip(places, values, strict=True))
    replace = "INSERT OR REPLACE INTO metrics"
    _insert(connection, replace, (*PLACE, *names), curves)


def _insert(
    connection: sqlite3.Connection,
    insert: str,
    columns: Sequence[str],
    rows: Iterable[Any],
) -> None:
    marks = ", ".join("?" * len(columns))
    connection.executemany(f"{insert} ({_quoted(columns)}) VALUES ({marks})", rows)


def _quoted(names: Sequence[str], table: str = "") -> str:
    """Returns names of columns for SQL, where `order` and others mean something."""
    return ", ".join(f'{table}"{name}"' for name in names)


def rows_of(
    connection: sqlite3.Connection, number: int, column: str = "rung"
) -> list[RecordRow]:
    """Returns the rows of a rung's records, or of one `id`, in the order of ids."""
    names = _quoted(RecordRow._fields)
    query = f"SELECT {names} FROM records WHERE {column} = ? ORDER BY id"
    return [RecordRow(*row) for row in connection.execute(query, (number,))]


def members(connection: sqlite3.Connection, number: int) -> list[int]:
    """Returns the ids of a record's members, unchecked."""
    rows = connection.execute(f"SELECT member {MEMBERS}", (number,))
    return [member for (member,) in rows]


def read(
    connection: sqlite3.Connection, row: RecordRow, names: list[str]
) -> StoredRecord:
    """Returns all rows of a record.

    Raises:
        DamagedError: they hold something other than numbers, or are too many or few.
    """
    status = connection.execute(
        f"SELECT {_quoted(('member', *STATUS))} {MEMBERS}", (row.id,)
    ).fetchall()
    # A run without metrics still has rows; the epoch makes them visible.
    curves = connection.execute(
        f"SELECT {_quoted(('epoch', *names), 'metrics.')} {METRICS}",
        (row.rung, row.first, row.until, row.id),
    ).fetchall()
    try:
        ends = np.array(status, np.int64).reshape(len(status), 1 + len(STATUS))
        table = np.array(curves, np.float64)  # NULL becomes NaN
        table = table.reshape(len(curves), 1 + len(names))[:, 1:]
        return StoredRecord(row.rung, row.first, row.until, row.arrays, ends, table)
    except (ValueError, TypeError, OverflowError) as error:
        raise DamagedError(f"got rows that are not a record ({error})") from error


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
