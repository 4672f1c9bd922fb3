"""The store of a run: a database of results, and a file of arrays for each record.

A record's file is on the disk, whole, before one transaction makes the record true; a
file without a row means nothing. So a crash or an error at any moment leaves the old
state or the new one.
"""

import io
import itertools
import sqlite3
import threading
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from numpy.typing import ArrayLike

from jaxdl.counts import as_count
from jaxdl.runs import database, files, lock
from jaxdl.runs import records as record_rows
from jaxdl.runs import rungs as rung_rows
from jaxdl.runs.errors import DamagedError, explained
from jaxdl.runs.records import Record, RecordRow
from jaxdl.runs.rungs import StoredRung

CHECKPOINTS, ASIDE = "checkpoints", "damaged"
LEFT_OUT = "record {} of the run in {} is left out and its members train again: {}"


class Store:
    """A run's folder while it is open; `open_run` and `read_run` make it.

    Any thread of the process that opened it may call any method. One lock orders what
    touches the database; `commit` writes arrays outside it, so that threads do this at
    the same time. A forked child must not use the store.

    Attributes:
        folder: of the run.
        specification: what was asked for, by the name of a part.
        metrics: the names of the run's metrics.
    """

    def __init__(self, folder: Path, held: int | None, grows: Mapping[str, str]):
        """Opens the database of a folder.

        Args:
            folder: of the run.
            held: the lock; None: the store only reads.
            grows: parts of the specification, as JSON, that replace the recorded ones
                when rung 0 is entered, which may grow then.
        """
        self.folder = folder
        self._owner = held
        self._grows = grows
        self._lock = threading.RLock()  # one transaction at a time
        self._litter: set[int] = set()  # ids of files that may have no row
        with explained(folder):
            self._connection = database.open_database(folder, writes=held is not None)
            self.specification = database.specification(folder, self._connection)
            # No id is ever used twice, so that a file never changes its meaning.
            self._ids = itertools.count(database.last_id(folder, self._connection) + 1)
        self.metrics = record_rows.metric_names(self.specification)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the folder and releases its lock."""
        with self._lock, explained(self.folder):
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
        """Records a rung, or checks that it equals the recorded one.

        A rung that is new or grows takes back that the search has ended.

        Args:
            rung: 0, 1, ... in turn.
            members: `[n]` ids.
            hparams: `[n]` numbers, texts, True, False or None by name.
            until: `[n]` epochs, or one for all.
            parents: `[n]` ids of the members whose weights each copies, or None.

        Raises:
            RunMismatchError: the recorded rung differs.
            ValueError: arguments do not fit, or the rung is not the next one.
            OSError: the database cannot be written.
        """
        rung = as_count("rung", rung, least=0)
        asked = rung_rows.stored_rung(members, hparams, until, parents)
        folder, connection = self.folder, self._connection
        with self._lock:
            with self._transaction():
                rung_rows.enter(folder, connection, rung, asked, self._grows)
                found = database.specification(folder, connection)
            self.specification = found

    def rungs(self) -> list[StoredRung]:
        """Returns all rungs.

        Raises:
            DamagedError: they differ from those written.
        """
        with self._transaction(writes=False):
            return rung_rows.read_all(self.folder, self._connection)

    def finish(self, rungs: int) -> None:
        """Records that the search has ended after so many rungs.

        Raises:
            RunMismatchError: the recorded search has more rungs.
            ValueError: a rung has not been entered.
            OSError: the database cannot be written.
        """
        with self._transaction():
            rung_rows.finish(self._connection, as_count("rungs", rungs, least=0))

    @property
    def finished(self) -> bool:
        """Whether the search has ended."""
        with self._transaction(writes=False):
            return rung_rows.is_finished(self.folder, self._connection)

    def commit(self, record: Record) -> int:
        """Saves a record; no crash takes it away after this has returned.

        Args:
            record: NaN in metrics is saved, the sign of a zero is not.

        Returns:
            Its id.

        Raises:
            ValueError, TypeError: the record does not fit the run.
            OSError: it cannot be written; all that was saved before is still there.
        """
        self._check_writes()
        record_rows.check(record, self.metrics)
        with self._lock:
            number = next(self._ids)
        index = None
        if record.arrays is not None:
            with explained(self.folder):
                index = files.write_arrays(self._path(number), record.arrays)
        rows = record_rows.to_rows(record, self.metrics, index)
        with self._lock:
            # A failed COMMIT may still reach the disk until the next one succeeds:
            # only then is it known whether the file has a row.
            self._litter.add(number)
            with self._transaction():
                record_rows.insert(self._connection, number, rows, self.metrics)
            self._sweep()
        return number

    def load(self, rung: int) -> list[Record]:
        """Returns the records of a rung in the order of their ids, each verified.

        A damaged one is left out with a warning. The owner moves its file into the
        folder `damaged` and deletes its row, so that its members can train again.

        Raises:
            DamagedError: the database itself is damaged.
            OSError: a file cannot be read.
        """
        found: dict[int, Record] = {}
        seen: dict[int, RecordRow] = {}
        # Until nothing is new: a writer commits a record, then drops those before it.
        while news := [row for row in self._rows(rung) if seen.get(row.id) != row]:
            for row in news:
                seen[row.id] = row
                with self._lock:
                    one = self._load(row)
                    if isinstance(one, Record):
                        found[row.id] = one
                    elif one is not None:
                        self._leave_out(row.id, one)
        return [found[number] for number in sorted(found)]

    def drop(self, ids: Iterable[int]) -> None:
        """Deletes the arrays of records; their rows stay.

        Raises:
            OSError: the database cannot be written.
        """
        with self._lock:
            with self._transaction():
                for number in map(int, ids):
                    if record_rows.drop(self._connection, number):
                        self._litter.add(number)
            self._sweep()

    def problems(self) -> list[str]:
        """Returns what SQLite finds in the database, in plain words."""
        with self._lock, explained(self.folder):
            return database.problems(self._connection)

    def scan(self, rung: int) -> Iterator[tuple[int, list[int], Record | DamagedError]]:
        """Yields id, members, and record or damage of each record; changes nothing."""
        for row in self._rows(rung):
            with self._lock, explained(self.folder):
                members = record_rows.members(self._connection, row.id)
            one = self._load(row)
            if one is not None:
                yield row.id, members, one

    def files(self) -> set[str]:
        """Returns the names of the files in `checkpoints` that belong to a record."""
        with self._lock, explained(self.folder):
            return {f"{k}.bin" for k in record_rows.with_files(self._connection)}

    def _check_writes(self) -> None:
        if self._owner is None:
            raise io.UnsupportedOperation(
                f"the run in {self.folder} is open for reading only; expected a store "
                "that writes: use jaxdl.runs.open_run"
            )

    @contextmanager
    def _transaction(self, *, writes: bool = True) -> Iterator[None]:
        if writes:
            self._check_writes()
        transaction = database.transaction(self._connection, writes=writes)
        with self._lock, explained(self.folder), transaction:
            yield

    def _rows(self, rung: int) -> list[RecordRow]:
        with self._lock, explained(self.folder):
            return record_rows.rows_of(self._connection, rung)

    def _load(self, row: RecordRow | None) -> Record | DamagedError | None:
        """Returns a record or what is wrong with it; None if it is gone.

        Its owner may drop its arrays while they are read: then it is read again.
        """
        while row is not None:
            try:
                return self._verified(row)
            except DamagedError as error:
                now = {other.id: other for other in self._rows(row.rung)}.get(row.id)
                if now == row:
                    return error
                row = now
        return None

    def _verified(self, row: RecordRow) -> Record:
        """Returns a record.

        Raises:
            DamagedError: its rows or its file differ from what was written.
        """
        with explained(self.folder):
            with self._lock:
                rows = record_rows.read(self._connection, row, self.metrics)
            record, index = record_rows.from_rows(rows, self.metrics, row.sha256)
            if row.kept == record_rows.NONE:
                return record._replace(id=row.id)
            if row.kept != record_rows.ALL:
                raise DamagedError(f"got {row.kept!r:.80} kept; expected all or none")
            arrays = files.read_arrays(self._path(row.id), index)
        return record._replace(id=row.id, arrays=arrays)

    def _leave_out(self, number: int, error: DamagedError) -> None:
        """Warns of a damaged record; the owner moves its file away and deletes it."""
        if self._owner is not None:
            with explained(self.folder):  # the file first: without its row it is litter
                files.move_aside(self._path(number), self.folder / ASIDE)
            with self._transaction():
                record_rows.delete(self._connection, number)
        warnings.warn(LEFT_OUT.format(number, self.folder, error), stacklevel=3)

    def _sweep(self) -> None:
        """Deletes files without a row; a later call deletes what this one cannot."""
        with suppress(OSError, sqlite3.Error):
            for number in self._litter:
                if not record_rows.has_file(self._connection, number):
                    self._path(number).unlink(missing_ok=True)
            self._litter.clear()

    def _path(self, number: int) -> Path:
        return self.folder / CHECKPOINTS / f"{number}.bin"
