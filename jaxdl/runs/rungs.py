"""Rungs in the database: members, their hyperparameters, epochs and parents."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxdl.runs import hparams as hparam_rows
from jaxdl.runs.database import check_digest, put_digest, specify
from jaxdl.runs.errors import DamagedError, RunMismatchError, damaged
from jaxdl.runs.hparams import Columns, plain_column, to_row
from jaxdl.runs.records import Record

UNTIL = ("rungs", "until")  # table and column that may grow


class StoredRung(NamedTuple):
    """n members that were asked to train side by side."""

    members: NDArray[np.int64]  # [n] ids
    hparams: Columns  # plain values
    until: NDArray[np.int64]  # [n] epochs that each will have trained
    # [n] ids of the members whose weights each copies
    parents: NDArray[np.int64] | None


def stored_rung(
    members: ArrayLike,
    hparams: Mapping[str, Any],
    until: ArrayLike,
    parents: ArrayLike | None,
) -> StoredRung:
    """Returns a rung of plain values.

    Raises:
        ValueError: lengths differ, a member comes twice, there is no member, or a
            hyperparameter has a value that cannot be stored.
    """
    ids = np.array(members, np.int64)
    if ids.ndim != 1 or not ids.size or len(set(ids.tolist())) != ids.size:
        raise ValueError(f"got the members {ids}; expected one or more, each once")
    sources = None if parents is None else np.array(parents, np.int64)
    if sources is not None and sources.shape != ids.shape:
        raise ValueError(
            f"got parents of shape {sources.shape}; expected {ids.shape} or None"
        )
    epochs = np.array(np.broadcast_to(np.asarray(until, np.int64), ids.shape))
    columns = {name: plain_column(name, x) for name, x in hparams.items()}
    for name, values in columns.items():
        if len(values) != ids.size:
            raise ValueError(
                f"got {len(values)} values of {name}; expected {ids.size}, one for "
                "each member"
            )
    return StoredRung(ids, columns, epochs, sources)


def enter(
    folder: Path,
    connection: sqlite3.Connection,
    number: int,
    asked: StoredRung,
    grows: Mapping[str, str],
) -> None:
    """Writes a rung that is new or grows, or checks that it equals the recorded one.

    Raises:
        RunMismatchError: the recorded one differs.
        ValueError: the rung is not the next one.
        DamagedError: the recorded one differs from what was written.
    """
    recorded, count = _read(folder, connection, number), len(numbers(connection))
    grows = grows if number == 0 else {}
    if recorded is None and number != count:
        raise ValueError(f"got rung {number}; expected {count}, the next one")
    may_grow = bool(grows) and count == 1
    if recorded is not None:
        difference = _difference(recorded, asked, grows=may_grow)
        if difference:
            raise RunMismatchError(
                f"rung {number} of this run differs: {difference}; expected the "
                "recorded one: name another folder, or use the code and data that "
                "began this run"
            )
    if recorded is None or may_grow:
        _write(connection, number, asked)
    if grows:
        specify(connection, grows)
    if grows or recorded is None:
        _unfinish(connection)


def _write(connection: sqlite3.Connection, number: int, rung: StoredRung) -> None:
    """Writes a rung; if it is there, adds the further members and the new epochs."""
    connection.executemany(
        "INSERT INTO rungs (rung, position, member, until, parent) "
        "VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (rung, member) DO UPDATE SET until = excluded.until",
        [
            (number, place, *row)
            for place, row in enumerate(zip(*_own(rung).values(), strict=True))
        ],
    )
    hparam_rows.write(connection, number, rung.members.tolist(), rung.hparams)
    put_digest(connection, "rung", number, rung)


def members(connection: sqlite3.Connection, number: int) -> NDArray[np.int64]:
    """Returns the ids of the members of a rung, sorted; unchecked."""
    query = "SELECT member FROM rungs WHERE rung = ? ORDER BY member"
    return np.array([i for (i,) in connection.execute(query, (number,))], np.int64)


def check_entered(entered: NDArray[np.int64], record: Record) -> None:
    """Checks that the members of a record are among those that entered its rung.

    Args:
        entered: their ids, sorted.
        record: of any members.

    Raises:
        ValueError: one has not entered it.
    """
    count = np.searchsorted(entered, record.members, side="right")
    if not count.all() or (entered[count - 1] != record.members).any():
        raise ValueError(
            f"got a record of the members {record.members.tolist()!r:.80}; expected "
            f"members that entered rung {record.rung}"
        )


def read_all(folder: Path, connection: sqlite3.Connection) -> list[StoredRung]:
    """Returns all rungs.

    Raises:
        DamagedError: they differ from those written.
    """
    found = numbers(connection)
    rungs = [_read(folder, connection, number) for number in found]
    if found != list(range(len(found))):
        raise damaged(folder, f"it has the rungs {found}")
    return [rung for rung in rungs if rung is not None]


def _read(
    folder: Path, connection: sqlite3.Connection, number: int
) -> StoredRung | None:
    """Returns a rung, or None if it has not been entered."""
    if number not in numbers(connection):
        return None
    found = connection.execute(
        "SELECT member, until, parent FROM rungs WHERE rung = ? ORDER BY position",
        (number,),
    ).fetchall()
    try:
        members, until, parents = ([row[k] for row in found] for k in range(3))
        columns = hparam_rows.read(connection, number, members)
        sources = None if set(parents) == {None} else parents
        rung = stored_rung(members, columns, until, sources)
        check_digest(connection, "rung", number, rung)
    except (DamagedError, ValueError, TypeError, OverflowError) as error:
        raise damaged(folder, f"rung {number}: {error}") from error
    return rung


def numbers(connection: sqlite3.Connection) -> list[int]:
    """Returns the numbers of the rungs that have been entered."""
    rows = connection.execute(
        "SELECT rung FROM rungs UNION SELECT number FROM digests WHERE what = 'rung' "
        "ORDER BY 1"
    )
    return [number for (number,) in rows]


def finish(connection: sqlite3.Connection, count: int) -> None:
    """Writes that the search has ended after all recorded rungs.

    Raises:
        RunMismatchError: more rungs are recorded.
        ValueError: fewer rungs are recorded.
    """
    recorded = len(numbers(connection))
    if count < recorded:
        raise RunMismatchError(
            f"the search ended after {count} rungs, earlier than the recorded one, "
            f"which has {recorded}; expected the same search: use the search and the "
            "arguments that began this run, or name another folder"
        )
    if count > recorded:
        raise ValueError(
            f"got the end after {count} rungs; expected {recorded}: enter each rung"
        )
    _unfinish(connection)
    connection.execute("INSERT INTO finished (rungs) VALUES (?)", (count,))


def _unfinish(connection: sqlite3.Connection) -> None:
    """Takes back that the search has ended."""
    connection.execute("DELETE FROM finished")


def is_finished(folder: Path, connection: sqlite3.Connection) -> bool:
    """Returns whether the search has ended.

    Raises:
        DamagedError: the row contradicts the rungs.
    """
    found = connection.execute("SELECT rungs FROM finished").fetchmany(2)
    if found and found != [(len(numbers(connection)),)]:
        raise damaged(
            folder, f"it says that the search ended after {found!r:.80} rungs"
        )
    return bool(found)


def _difference(recorded: StoredRung, asked: StoredRung, *, grows: bool) -> str:
    """Returns the first difference, or ''. Rungs that grow gain members and epochs."""
    old, new = _columns(recorded), _columns(asked)
    count, n = len(recorded.members), len(asked.members)
    if n < count or (n > count and not grows):
        return f"got {n} members, recorded {count}"
    if list(old) != list(new):
        names = (", ".join(name for _, name in columns) for columns in (new, old))
        return "got {!r:.80}, recorded {!r:.80}".format(*names)
    suspects = [key for key in old if not _equal(old[key], new[key][:count])]
    for place, member in enumerate(recorded.members.tolist()):
        for key in suspects:
            was, now = old[key][place], new[key][place]
            same = to_row(was) == to_row(now)  # 1, 1.0 and True differ
            if not same and not (grows and key == UNTIL and now > was):
                return (
                    f"member {member}: got {key[1]} {now!r:.80}, recorded {was!r:.80}"
                )
    return ""


def _equal(one: list[Any], other: list[Any]) -> bool:
    """Returns whether values and types are equal; NaN equals nothing."""
    return one == other and [*map(type, one)] == [*map(type, other)]


def _columns(rung: StoredRung) -> dict[tuple[str, str], list[Any]]:
    """Returns all columns of a rung by table and name, hyperparameters from a to z."""
    hparams = dict(sorted(rung.hparams.items()))
    return {
        (table, name): column
        for table, columns in (("rungs", _own(rung)), ("hyperparameters", hparams))
        for name, column in columns.items()
    }


def _own(rung: StoredRung) -> Columns:
    parents = rung.parents
    return {
        "member": rung.members.tolist(),
        "until": rung.until.tolist(),
        "parent": [None] * len(rung.members) if parents is None else parents.tolist(),
    }
