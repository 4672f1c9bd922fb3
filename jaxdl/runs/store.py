"""The durable store of a run: a database of results, and a file of arrays a record.

A folder holds `run.sqlite`, `checkpoints/<id>.bin` and `owner`. A record's file is on
the disk, whole, before one transaction makes the record true; a file without a row is
nothing. So a crash or an error at any moment leaves what was before or what is new.
"""

import io
import itertools
import os
import sqlite3
import threading
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from numpy.typing import ArrayLike

from jaxdl.runs import arrays, database, directory, lock, record, records, rungs
from jaxdl.runs.errors import DamagedError, damaged, plain
from jaxdl.runs.record import Record
from jaxdl.runs.records import Head
from jaxdl.runs.rungs import Rung

CHECKPOINTS, ASIDE = "checkpoints", "damaged"
LEFT_OUT = (
    "record {} of the run in {} is left out, so that its members are trained again: {}"
)


class Store:
    """A run's folder while it is open; `open_run` and `read_run` make it.

    Its methods may be called from several threads.
    """

    def __init__(
        self, folder: Path, held: int | None, grows: Mapping[str, str] | None = None
    ):
        """Opens the database of a folder, whose lock is held if it is to be written.

        With its first rung the run may grow to parts of the specification, as JSON.
        """
        self.folder = folder
        self._owner = held
        self._grows = grows
        self._lock = threading.RLock()  # one transaction at a time
        self._litter: set[int] = set()  # ids whose files may be of no row
        with plain(folder):
            self._connection = database.open_database(folder, writes=held is not None)
            self.specification = database.specification(folder, self._connection)
            # No id is ever used twice, so that a file never changes its meaning.
            self._ids = itertools.count(database.last_id(folder, self._connection) + 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the use of the folder, and gives its lock free."""
        with self._lock, plain(self.folder):
            self._connection.close()
            if self._owner is not None:
                lock.release(self._owner)
                self._owner = None

    def enter(
        self,
        rung: int,
        members: ArrayLike,
        hparams: Mapping[str, Any],
        until: ArrayLike,
        parents: ArrayLike | None = None,
    ) -> None:
        """Records who trains in a rung, or checks that it is what was recorded.

        Args:
            rung: 0, 1, ... in turn.
            members: `[n]` ids.
            hparams: `[n]` numbers, texts, True, False or None by name.
            until: `[n]` epochs, or one for all.
            parents: `[n]` ids whose weights each takes over, or None.

        Raises:
            RunMismatchError: it was recorded with other members or hyperparameters.
            ValueError: arguments that do not fit, or a rung before its turn.
            OSError: it cannot be written.
        """
        self._check_writes()
        asked = rungs.rung_of(members, hparams, until, parents)
        connection = self._connection
        with self._lock, plain(self.folder):
            with database.transaction(connection):
                count, there = len(rungs.numbers(connection)), self._rung(rung)
                if there is not None and self._grows and count == 1:
                    rungs.grow(connection, rung, there, asked)
                    directory.unfinish(self.folder)
                elif there is not None:
                    rungs.check_same(rung, there, asked)
                elif rung == count:
                    rungs.write(connection, rung, asked)
                else:
                    raise ValueError(f"got rung {rung}; expected {count}, the next one")
                if rung == 0 and self._grows:
                    database.specify(connection, self._grows)
            self.specification = database.specification(self.folder, connection)

    def rungs(self) -> list[Rung]:
        """Returns the rungs: members, hparams, until and parents of each."""
        connection = self._connection
        reading = database.transaction(connection, writes=False)
        with self._lock, plain(self.folder), reading:
            numbers = rungs.numbers(connection)
            found = [self._rung(number) for number in numbers]
        if numbers != list(range(len(numbers))):
            raise damaged(self.folder, f"it has the rungs {numbers}")
        return [rung for rung in found if rung is not None]

    def records(self, rung: int) -> list[Record]:
        """Returns the records of a rung in the order of their ids, each verified.

        One that is not what was written is left out with a warning. The owner puts its
        file into the folder `damaged` and takes it out of the database, so that its
        members can be trained again.

        Raises:
            DamagedError: the database itself is damaged.
            OSError: a file cannot be read.
        """
        found: dict[int, Record] = {}
        seen: dict[int, Head] = {}
        # Until nothing is new: who writes meanwhile drops what a later record replaces.
        while news := [h for h in self._heads(rung) if seen.get(h.id) != h]:
            for head in news:
                seen[head.id] = head
                with self._lock:
                    one = self._look(head)
                    if isinstance(one, Record):
                        found[head.id] = one
                    elif one is not None:
                        self._leave_out(head.id, one)
        return [found[number] for number in sorted(found)]

    def commit(self, done: Record) -> int:
        """Keeps a record: when this returns, no crash takes it away.

        Args:
            done: the record; NaN is kept, the sign of a metric's zero is not.

        Returns:
            Its id.

        Raises:
            ValueError, TypeError: a record that does not fit the run.
            OSError: it cannot be written; what was before is still there.
        """
        self._check_writes()
        record.check(done)
        rows, kept = record.rows(done), done.arrays is not None
        with plain(self.folder):
            with self._lock:
                number = next(self._ids)
            if done.arrays is not None:
                index = arrays.write(self._path(number), done.arrays)
                rows = record.with_index(rows, index)
            with self._lock:
                # A failed transaction may yet be on the disk until the next one is.
                self._litter.add(number)
                with database.transaction(self._connection):
                    records.insert(self._connection, number, rows, kept)
                self._sweep()
        return number

    def drop(self, ids: Iterable[int]) -> None:
        """Removes the arrays of records that are not needed any more; rows stay.

        Raises:
            OSError: the database cannot be written.
        """
        self._check_writes()
        with self._lock, plain(self.folder):
            with database.transaction(self._connection):
                for number in filter(self._has_file, map(int, ids)):
                    self._litter.add(number)
                    records.drop(self._connection, number)
            self._sweep()

    def problems(self) -> list[str]:
        """Returns what SQLite finds in the database, in plain words."""
        with self._lock, plain(self.folder):
            return database.problems(self._connection)

    def look(
        self, rung: int
    ) -> Iterator[tuple[Head, list[int], Record | DamagedError]]:
        """Yields each record of a rung, its members, and it or what is wrong with it.

        Nothing is left out or changed.
        """
        for head in self._heads(rung):
            with self._lock, plain(self.folder):
                members = records.members(self._connection, head.id)
            one = self._look(head)
            if one is not None:
                yield head, members, one

    def files(self) -> set[str]:
        """Returns the names of the files in `checkpoints` that a row speaks of."""
        with self._lock, plain(self.folder):
            rows = self._connection.execute("SELECT id FROM records WHERE kept")
            return {f"{number}.bin" for (number,) in rows}

    def _check_writes(self) -> None:
        if self._owner is None:
            raise io.UnsupportedOperation(
                f"the run in {self.folder} is open for reading only; expected to "
                "write: use jaxdl.runs.open_run"
            )

    def _rung(self, number: int) -> Rung | None:
        try:
            return rungs.read(self._connection, number)
        except (DamagedError, ValueError, TypeError, OverflowError) as error:
            raise damaged(self.folder, f"rung {number}: {error}") from error

    def _heads(self, rung: int) -> list[Head]:
        with self._lock, plain(self.folder):
            return records.heads(self._connection, rung)

    def _look(self, head: Head | None) -> Record | DamagedError | None:
        """Returns a record or what is wrong with it; None if it is gone.

        Its owner may drop its arrays, once, while it is read: then it is read again.
        """
        while head is not None:
            try:
                return self._record(head)
            except DamagedError as error:
                now = {other.id: other for other in self._heads(head.rung)}.get(head.id)
                if now == head:
                    return error
                head = now
        return None

    def _record(self, head: Head) -> Record:
        """Returns a record, verified.

        Raises:
            DamagedError: something of it is not what was written.
        """
        with plain(self.folder):
            with self._lock:
                rows = records.read(self._connection, head)
            found, index = record.from_rows(rows, head.sha256)
            path = self._path(head.id)
            content = arrays.read(path, index) if head.kept else None
        return found._replace(id=head.id, arrays=content)

    def _leave_out(self, number: int, error: DamagedError) -> None:
        """Takes a damaged record out, or passes it over where this only reads."""
        if self._owner is not None:
            self._take_out(number)
        warnings.warn(LEFT_OUT.format(number, self.folder, error), stacklevel=3)

    def _take_out(self, number: int) -> None:
        """Moves a file away, then deletes its row: a file without row would be lost."""
        path, aside = self._path(number), self.folder / ASIDE
        with plain(self.folder):
            if os.path.lexists(path):
                if aside.is_symlink():
                    raise damaged(self.folder, f"a link is in the place of {ASIDE}")
                aside.mkdir(mode=0o700, exist_ok=True)
                names = (aside / f"{number}.{k}.bin" for k in itertools.count())
                os.replace(path, next(x for x in names if not os.path.lexists(x)))
                arrays.sync_folder(aside)
            with database.transaction(self._connection):
                records.delete(self._connection, number)

    def _sweep(self) -> None:
        """Removes files that no row speaks of; what it cannot, a later call does."""
        with suppress(OSError, sqlite3.Error):
            for number in self._litter:
                if not self._has_file(number):
                    self._path(number).unlink(missing_ok=True)
            self._litter.clear()

    def _has_file(self, number: int) -> bool:
        return records.has_file(self._connection, number)

    def _path(self, number: int) -> Path:
        return self.folder / CHECKPOINTS / f"{number}.bin"
