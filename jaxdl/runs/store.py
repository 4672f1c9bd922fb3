"""The store of a run: a database of results, and a file of arrays for each record.

Records go to the disk in groups, of which a crash leaves all or nothing: see `groups`.
"""

import itertools
import threading
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxdl.counts import as_count
from jaxdl.runs import database, files, groups, lock
from jaxdl.runs import records as record_rows
from jaxdl.runs import rungs as rung_rows
from jaxdl.runs.errors import DamagedError, check_writes, explained
from jaxdl.runs.records import Record, RecordRow
from jaxdl.runs.rungs import StoredRung
from jaxdl.runs.writer import Writer

LEFT_OUT = "record {} of the run in {} is left out and its members train again: {}"


class Store:
    """A run's folder while it is open; `open_run` and `read_run` make it.

    Any thread of the process that opened it may call any method. One lock orders what
    touches the database. `commit` and `drop` leave the disk to a writer, which takes
    about a second; other methods see what they did. No forked child may use the store.

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
        self._writer: Writer[groups.Change] = Writer(self._write)
        self._entered: dict[int, NDArray[np.int64]] = {}  # sorted ids by rung
        with explained(folder):
            self._connection = database.open_database(folder, writes=held is not None)
            self.specification = database.specification(folder, self._connection)
            # No id is ever used twice, so that a file never changes its meaning.
            self._ids = itertools.count(database.last_id(folder, self._connection) + 1)
        self.metrics = record_rows.metric_names(self.specification)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        try:
            self.close()
        except OSError as failure:
            if error is None:
                raise
            error.add_note(str(failure))

    def close(self) -> None:
        """Puts what waits on the disk, closes the folder and releases its lock.

        Raises:
            OSError: what waits cannot be written; the folder is closed nevertheless.
        """
        try:
            self.flush()
        finally:
            self._writer.stop()
            with self._lock, explained(self.folder):
                self._connection.close()
                if self._owner is not None:
                    lock.release(self._owner)
                    self._owner = None

    def flush(self) -> None:
        """Returns when all that was committed and dropped is on the disk.

        Raises:
            OSError: it cannot be written; the next call tries again.
        """
        self._writer.flush()

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
        self.flush()
        with self._lock:
            with self._transaction():
                rung_rows.enter(folder, connection, rung, asked, self._grows)
                found = database.specification(folder, connection)
            self.specification = found
            self._entered[rung] = np.sort(asked.members)

    def rungs(self) -> list[StoredRung]:
        """Returns all rungs.

        Raises:
            DamagedError: they differ from those written.
        """
        with self._transaction(writes=False):
            return rung_rows.read_all(self.folder, self._connection)

    def num_rungs(self) -> int:
        """Returns how many rungs there are."""
        with self._transaction(writes=False):
            return len(rung_rows.numbers(self._connection))

    def finish(self, rungs: int) -> None:
        """Records that the search has ended after so many rungs.

        Raises:
            RunMismatchError: the recorded search has more rungs.
            ValueError: a rung has not been entered.
            OSError: the database cannot be written.
        """
        self.flush()
        with self._transaction():
            rung_rows.finish(self._connection, as_count("rungs", rungs, least=0))

    @property
    def finished(self) -> bool:
        """Whether the search has ended."""
        with self._transaction(writes=False):
            return rung_rows.is_finished(self.folder, self._connection)

    def commit(self, record: Record) -> int:
        """Hands a record to the writer; about a second later no crash takes it away.

        Args:
            record: NaN in metrics is saved, the sign of a zero is not. Its arrays must
                not change any more.

        Returns:
            Its id.

        Raises:
            ValueError, TypeError: the record does not fit the run.
            OSError: an earlier one cannot be written, and this one is refused; all that
                was saved before is still there.
        """
        check_writes(self.folder, self._owner)
        record_rows.check(record, self.metrics)
        rung_rows.check_entered(self._entered_in(int(record.rung)), record)
        arrays = record.arrays and files.little_endian(record.arrays)
        number = next(self._ids)  # atomic; the lock may wait for the disk
        size = sum(x.nbytes for x in (*(arrays or ()), *record.metrics.values()))
        self._writer.add(record._replace(arrays=arrays, id=number), size)
        return number

    def drop(self, ids: Iterable[int]) -> None:
        """Has the writer delete the arrays of records; their rows stay.

        Raises:
            OSError: an earlier record cannot be written; nothing is dropped.
        """
        check_writes(self.folder, self._owner)
        if numbers := [*map(int, ids)]:
            self._writer.add(numbers, 0)

    def load(self, rung: int) -> list[Record]:
        """Returns the records of a rung in the order of their ids, each verified.

        A damaged one is left out with a warning. The owner moves its file into the
        folder `damaged` and deletes its row, so that its members can train again.

        Raises:
            OSError: the database itself is damaged, or a file cannot be read.
        """
        self.flush()
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
        self.flush()
        with self._lock, explained(self.folder):
            return {f"{k}.bin" for k in record_rows.with_files(self._connection)}

    def _entered_in(self, rung: int) -> NDArray[np.int64]:
        """Returns the ids of the members of a rung, sorted."""
        if rung not in self._entered:
            with self._lock, explained(self.folder):
                self._entered[rung] = rung_rows.members(self._connection, rung)
        return self._entered[rung]

    def _write(self, group: list[groups.Change]) -> None:
        """Puts a group on the disk, also if a call for it has failed before."""
        with explained(self.folder):
            rows = groups.write_files(self.folder, group, self.metrics)
        with self._lock:
            # A failed COMMIT may still reach the disk until the next one succeeds:
            # only then is it known which files have a row.
            self._litter |= groups.touched(group)
            with self._transaction():
                groups.write_rows(self._connection, group, rows, self.metrics)
            groups.sweep(self.folder, self._connection, self._litter)

    @contextmanager
    def _transaction(self, *, writes: bool = True) -> Iterator[None]:
        if writes:
            check_writes(self.folder, self._owner)
        with self._lock, explained(self.folder):
            with database.transaction(self._connection, writes=writes):
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
                with self._lock, explained(self.folder):
                    return groups.read(self.folder, self._connection, row, self.metrics)
            except DamagedError as error:
                now = {other.id: other for other in self._rows(row.rung)}.get(row.id)
                if now == row:
                    return error
                row = now
        return None

    def _leave_out(self, number: int, error: DamagedError) -> None:
        """Warns of a damaged record; the owner moves its file away and deletes it."""
        if self._owner is not None:
            with explained(self.folder):  # the file first: without its row it is litter
                groups.move_aside(self.folder, number)
            with self._transaction():
                record_rows.delete(self._connection, number)
        warnings.warn(LEFT_OUT.format(number, self.folder, error), stacklevel=3)
