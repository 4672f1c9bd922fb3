"""Records in the database: inserted in a transaction, and read row by row."""

import itertools
import sqlite3
from typing import Any, NamedTuple

from jaxdl.runs import database, record
from jaxdl.runs.errors import DamagedError
from jaxdl.runs.record import Rows

STATUS = "FROM status WHERE record = ? ORDER BY position"
METRICS = """
FROM status JOIN metrics ON metrics.rung = ? AND metrics.member = status.member
    AND metrics.epoch >= ? AND metrics.epoch < ?
WHERE status.record = ? ORDER BY metrics.epoch, status.position
"""
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


class Head(NamedTuple):
    """The row of a record."""

    id: int
    rung: int
    first: int
    until: int
    kept: int  # 1 while there is a file of its arrays
    dtypes: str
    arrays: str
    sha256: str


def members(connection: sqlite3.Connection, number: int) -> list[int]:
    """Returns the ids of a record's members, whole or not."""
    rows = connection.execute(f"SELECT member {STATUS}", (number,))
    return [member for (member,) in rows]


def heads(connection: sqlite3.Connection, rung: int) -> list[Head]:
    """Returns the rows of a rung's records in the order of their ids."""
    rows = connection.execute(
        "SELECT id, rung, first, until, kept, dtypes, arrays, sha256 FROM records "
        "WHERE rung = ? ORDER BY id",
        (rung,),
    )
    return [Head(*row) for row in rows]


def read(connection: sqlite3.Connection, head: Head) -> Rows:
    """Returns all rows of a record.

    Raises:
        DamagedError: the tables have no such columns.
    """
    columns = _fields(connection, "status", record.names(head.dtypes, "columns"))
    metrics = _fields(connection, "metrics", record.names(head.dtypes, "metrics"))
    status = connection.execute(
        f"SELECT {', '.join(['member', *columns])} {STATUS}", (head.id,)
    ).fetchall()
    # A row with nothing but its epoch still counts: the epoch is read and left out.
    curves = connection.execute(
        f"SELECT {', '.join(['metrics.epoch', *metrics])} {METRICS}",
        (head.rung, head.first, head.until, head.id),
    ).fetchall()
    return Rows(
        head.rung, head.first, head.until, head.dtypes, head.arrays,
        [list(row) for row in status], [list(row[1:]) for row in curves],
    )  # fmt: skip


def insert(connection: sqlite3.Connection, number: int, rows: Rows, kept: bool) -> None:
    """Inserts the rows of a record.

    Raises:
        ValueError: a member is none of the rung.
    """
    members = [row[0] for row in rows.status]
    entered = connection.execute(
        "SELECT member FROM rungs WHERE rung = ?", (rows.rung,)
    )
    strangers = sorted(set(members) - {member for (member,) in entered})
    if strangers:
        raise ValueError(
            f"got a record of the members {strangers[:5]}; expected members that "
            f"entered rung {rows.rung}"
        )
    connection.execute(
        "INSERT INTO records (id, rung, first, until, kept, dtypes, arrays, sha256) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (number, *rows[:3], kept, *rows[3:5], record.digest(rows)),
    )
    columns = record.names(rows.dtypes, "columns")
    database.insert(
        connection, "status", ["record", "position", "rung", "member", *columns],
        [(number, k, rows.rung, *row) for k, row in enumerate(rows.status)],
    )  # fmt: skip
    metrics = record.names(rows.dtypes, "metrics")
    places = itertools.product(range(rows.first, rows.until), members)
    database.insert(
        connection, "metrics", ["rung", "epoch", "member", *metrics],
        [(rows.rung, *place, *row)
         for place, row in zip(places, rows.metrics, strict=True)],
    )  # fmt: skip


def has_file(connection: sqlite3.Connection, number: int) -> bool:
    """Returns whether a record's file is one that a row speaks of."""
    query = "SELECT 1 FROM records WHERE id = ? AND kept"
    return connection.execute(query, (number,)).fetchone() is not None


def drop(connection: sqlite3.Connection, number: int) -> None:
    """Makes a record one whose arrays are not kept any more."""
    connection.execute("UPDATE records SET kept = 0 WHERE id = ?", (number,))


def delete(connection: sqlite3.Connection, number: int) -> None:
    """Deletes a record with its status, and the metrics that no other one covers."""
    connection.execute(ALONE, (number,))
    connection.execute("DELETE FROM records WHERE id = ?", (number,))


def _fields(connection: sqlite3.Connection, table: str, names: list[str]) -> list[Any]:
    missing = set(names) - database.columns(connection, table)
    if missing:
        raise DamagedError(f"got no column {min(missing)} of {table}; expected one")
    return [f'{table}."{name}"' for name in names]
