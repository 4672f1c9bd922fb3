"""Rungs of a search in the database: who trains, how far, with what, from whom."""

import sqlite3
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxdl.runs import digests, hyperparameters
from jaxdl.runs.errors import RunMismatchError


class Rung(NamedTuple):
    """n members that were asked to train side by side."""

    members: NDArray[np.int64]  # [n] ids
    hparams: hyperparameters.Columns  # n values by name
    until: NDArray[np.int64]  # [n] epochs that each will have trained
    parents: NDArray[np.int64] | None  # [n] ids whose weights each takes over


def rung_of(
    members: ArrayLike,
    hparams: Mapping[str, Any],
    until: ArrayLike,
    parents: ArrayLike | None,
) -> Rung:
    """Returns a rung of plain values.

    Raises:
        ValueError: not one of each a member, a member twice, or none at all.
    """
    ids = np.array(members, np.int64)
    if ids.ndim != 1 or not ids.size or len(set(ids.tolist())) != ids.size:
        raise ValueError(f"got the members {ids}; expected one or more, each once")
    from_whom = None if parents is None else np.array(parents, np.int64)
    if from_whom is not None and from_whom.shape != ids.shape:
        raise ValueError(
            f"got parents of shape {from_whom.shape}; expected {ids.shape} or None"
        )
    epochs = np.array(np.broadcast_to(np.asarray(until, np.int64), ids.shape))
    return Rung(ids, hyperparameters.plain(hparams, ids.size), epochs, from_whom)


def write(connection: sqlite3.Connection, number: int, rung: Rung) -> None:
    """Inserts a rung."""
    _insert(connection, number, rung, first=0)
    digests.put(connection, "rung", number, rung)


def _insert(
    connection: sqlite3.Connection, number: int, rung: Rung, *, first: int
) -> None:
    """Inserts the rows of members, at positions from `first` on."""
    ids, n = rung.members.tolist(), len(rung.members)
    parents = [None] * n if rung.parents is None else rung.parents.tolist()
    connection.executemany(
        "INSERT INTO rungs (rung, position, member, until, parent) "
        "VALUES (?, ?, ?, ?, ?)",
        zip(
            [number] * n,
            range(first, first + n),
            ids,
            rung.until.tolist(),
            parents,
            strict=True,
        ),
    )
    connection.executemany(
        "INSERT INTO hyperparameters (rung, member, name, type, value) "
        "VALUES (?, ?, ?, ?, ?)",
        [
            (number, member, name, *hyperparameters.row(value))
            for name, values in rung.hparams.items()
            for member, value in zip(ids, values, strict=True)
        ],
    )


def grow(
    connection: sqlite3.Connection, number: int, recorded: Rung, asked: Rung
) -> None:
    """Gives a rung more members or epochs.

    Raises:
        RunMismatchError: what was recorded is not the beginning of what is asked for.
    """
    n = len(recorded.members)
    epochs = np.minimum(asked.until[:n], recorded.until)
    check_same(number, recorded, _part(asked, slice(n))._replace(until=epochs))
    connection.executemany(
        "UPDATE rungs SET until = ? WHERE rung = ? AND member = ?",
        [
            (until, number, member)
            for until, member in zip(
                asked.until[:n].tolist(), recorded.members.tolist(), strict=True
            )
        ],
    )
    _insert(connection, number, _part(asked, slice(n, None)), first=n)
    digests.put(connection, "rung", number, asked)


def _part(rung: Rung, rows: slice) -> Rung:
    return Rung(
        rung.members[rows],
        {name: values[rows] for name, values in rung.hparams.items()},
        rung.until[rows],
        None if rung.parents is None else rung.parents[rows],
    )


def read(connection: sqlite3.Connection, number: int) -> Rung | None:
    """Returns a rung, or None if it has not been entered.

    Raises:
        DamagedError, ValueError, TypeError: the rows are not those of a rung that was
            written.
    """
    found = connection.execute(
        "SELECT member, until, parent FROM rungs WHERE rung = ? ORDER BY position",
        (number,),
    ).fetchall()
    if not found and number not in numbers(connection):
        return None
    members, until, parents = zip(*found, strict=True) if found else ((), (), ())
    columns: hyperparameters.Columns = {}
    for name, kind, value in connection.execute(
        "SELECT h.name, h.type, h.value FROM hyperparameters AS h JOIN rungs AS r "
        "USING (rung, member) WHERE h.rung = ? ORDER BY h.rowid",
        (number,),
    ):
        columns.setdefault(name, []).append(hyperparameters.value(kind, value))
    rung = rung_of(members, columns, until, None if set(parents) == {None} else parents)
    digests.check(connection, "rung", number, rung)
    return rung


def numbers(connection: sqlite3.Connection) -> list[int]:
    """Returns which rungs have been entered."""
    rows = connection.execute(
        "SELECT rung FROM rungs UNION SELECT number FROM digests WHERE what = 'rung' "
        "ORDER BY 1"
    )
    return [number for (number,) in rows]


def check_same(number: int, recorded: Rung, asked: Rung) -> None:
    """Checks that a rung asked for again is the one that was recorded.

    Raises:
        RunMismatchError: it says what differs first.
    """
    difference = _difference(recorded, asked)
    if difference:
        raise RunMismatchError(
            f"rung {number} of this run is another one: {difference}; expected the "
            "same: name another folder, or go back to the code and data that began "
            "this run"
        )


def _difference(recorded: Rung, asked: Rung) -> str:
    old, new = _table(recorded), _table(asked)
    if len(recorded.members) != len(asked.members):
        return f"got {len(asked.members)} members, recorded {len(recorded.members)}"
    if list(old) != list(new):
        return f"got {', '.join(new)!r:.80}, recorded {', '.join(old)!r:.80}"
    for place, member in enumerate(recorded.members.tolist()):
        for name in old:
            was, now = old[name][place], new[name][place]
            if not hyperparameters.same(was, now):
                return f"member {member}: got {name} {now!r:.80}, recorded {was!r:.80}"
    return ""


def _table(rung: Rung) -> dict[str, list[Any]]:
    """Returns all columns of a rung, those of hyperparameters in order of name."""
    n = len(rung.members)
    parents = [None] * n if rung.parents is None else rung.parents.tolist()
    first = {"member": rung.members.tolist(), "until": rung.until.tolist()}
    return first | {"parent": parents} | dict(sorted(rung.hparams.items()))
