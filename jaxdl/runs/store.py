"""The store of a run: a database of results, and a file of arrays for each record.

Records go to the disk in groups, of which a crash leaves all or nothing: see `groups`.
"""

import itertools
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxdl.counts import as_count
from jaxdl.runs import array_files, copying, database, groups, lock, step_files
from jaxdl.runs import records as record_rows
from jaxdl.runs import rungs as rung_rows
from jaxdl.runs.contents import Contents, Known
from jaxdl.runs.copying import Copied
from jaxdl.runs.errors import DamagedError, PassingError, explained
from jaxdl.runs.faults import outlast
from jaxdl.runs.records import Record
from jaxdl.runs.writer import Writer

Result = TypeVar("Result")


class Store(Contents):
    """A run's folder while it is open; `open_run` and `read_run` make it.

    Any thread of the process that opened it may call any method. One lock orders what
    touches the database. `commit` and `drop` leave the disk to a writer, which takes
    about a second; other methods see what they did. No forked child may use the store.

    A full or busy disk is waited for, and told: see `faults`. Until then all that is
    committed waits in memory, and a commit waits if that is a quarter of it.
    """

    def __init__(
        self,
        folder: Path,
        held: int | None,
        grows: Mapping[str, str],
        known: Known | None = None,
    ):
        """Opens the database of a folder.

        Args:
            folder: of the run.
            held: the lock; None: the store only reads.
            grows: parts of the specification, as JSON, that replace the recorded ones
                when rung 0 is entered, which may grow then.
            known: records that need not be read again, as for `read_run`.
        """
        super().__init__(folder, writes=held is not None, known=known)
        self._owner = held
        self._grows = grows
        self._litter: set[int] = set()  # ids of files that may have no row
        self._writer: Writer[groups.Change] = Writer(self._write)
        self._entered: dict[int, NDArray[np.int64]] = {}  # sorted ids by rung
        with explained(folder):
            # No id is ever used twice, so that a file never changes its meaning.
            self._ids = itertools.count(database.last_id(folder, self._connection) + 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        if error is not None:  # such as Ctrl-C, which ends all waiting
            self._writer.give_up()
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
        self.flush()
        self._outlast(lambda: self._enter(rung, asked))

    def finish(self, rungs: int) -> None:
        """Records that the search has ended after so many rungs.

        Raises:
            RunMismatchError: the recorded search has more rungs.
            ValueError: a rung has not been entered.
            OSError: the database cannot be written.
        """
        count = as_count("rungs", rungs, least=0)
        self.flush()
        self._outlast(lambda: self._finish(count))

    def commit(self, record: Record, stop: threading.Event | None = None) -> int:
        """Hands a record to the writer; about a second later no crash takes it away.

        Args:
            record: NaN in metrics is saved, the sign of a zero is not. Its arrays must
                not change any more.
            stop: once it is set, this does not wait for a disk that refuses.

        Returns:
            Its id.

        Raises:
            ValueError, TypeError: the record does not fit the run.
            CancelledError: `stop` is set, and too much waits for the disk.
            OSError: an earlier one cannot be written, and this one is refused; all that
                was saved before is still there.
        """
        lock.check_owner(self.folder, self._owner)
        record_rows.check(record, self.metrics)
        step_files.check(record)
        rung_rows.check_entered(self._entered_in(int(record.rung)), record)
        arrays = record.arrays and array_files.little_endian(record.arrays)
        number = next(self._ids)  # atomic; the lock may wait for the disk
        losses = [] if record.step_losses is None else [record.step_losses]
        numbers = *(arrays or ()), *record.metrics.values(), *losses
        size = sum(x.nbytes for x in numbers)
        self._writer.add(record._replace(arrays=arrays, id=number), size, stop)
        return number

    def each(self, rung: int) -> Iterator[Record]:
        """Yields what `load` returns; the owner reads one record at a time.

        So no more of a large run is in memory than the caller keeps.
        """
        if self._owner is None:  # the writer may change what is read
            yield from self.load(rung)
            return
        lock.check_owner(self.folder, self._owner)
        self.flush()
        for row in self._rows(rung):
            one = self._outlast(partial(self._load, row))
            if isinstance(one, Record):
                yield one
            elif one is not None:
                self._leave_out(row.id, one)

    def read(self, number: int) -> Record:
        """Returns a record that was committed and not dropped.

        Raises:
            DamagedError: it is damaged; the next call of the sweep trains its members
                again.
        """
        row = self._row(number)
        if row is None:  # it waits for the writer
            self.flush()
            row = self._row(number)
        one = self._outlast(partial(self._load, row))
        if not isinstance(one, Record):
            raise one or DamagedError(f"got no record {number} in {self.folder}")
        return one

    def drop(self, ids: Iterable[int]) -> None:
        """Has the writer delete the arrays of records; their rows stay.

        Raises:
            OSError: an earlier record cannot be written; nothing is dropped.
        """
        lock.check_owner(self.folder, self._owner)
        if numbers := [*map(int, ids)]:
            self._writer.add(numbers, 0)

    def copy(self, records: Sequence[Copied]) -> None:
        """Copies records of another run, whose members entered the rung here.

        Either all of them are here afterwards or none, also after a crash.

        Raises:
            OSError: they cannot be written.
        """
        lock.check_owner(self.folder, self._owner)
        self.flush()
        ids = [next(self._ids) for _ in records]
        self._outlast(lambda: self._copy(ids, records))

    def _copy(self, ids: Sequence[int], records: Sequence[Copied]) -> None:
        with explained(self.folder):
            copying.copy_files(self.folder, ids, records)
        with self._transaction():
            copying.write_rows(self._connection, ids, records, self.metrics)

    def _enter(self, rung: int, asked: rung_rows.StoredRung) -> None:
        folder, connection = self.folder, self._connection
        with self._lock:
            with self._transaction():
                rung_rows.enter(folder, connection, rung, asked, self._grows)
                found = database.specification(folder, connection)
            self.specification = found
            self._entered[rung] = np.sort(asked.members)

    def _finish(self, count: int) -> None:
        with self._transaction():
            rung_rows.finish(self._connection, count)

    def _row(self, number: int) -> record_rows.RecordRow | None:
        rows = self._read(lambda: record_rows.rows_of(self._connection, number, "id"))
        return rows[0] if rows else None

    def _entered_in(self, rung: int) -> NDArray[np.int64]:
        if rung not in self._entered:
            self._entered[rung] = self.members(rung)
        return self._entered[rung]

    def _outlast(self, act: Callable[[], Result]) -> Result:
        try:
            return act()
        except PassingError as error:
            if self._owner is None:
                raise
            return outlast(error, act, self._writer.pause)

    def _write(self, group: list[groups.Change]) -> None:
        """Puts a group on the disk, also if a call for it has failed before."""
        lock.check_owner(self.folder, self._owner)
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
            lock.check_owner(self.folder, self._owner)
        with super()._transaction(writes=writes):
            yield

    def _load_all(self, rung: int) -> list[Record]:
        if self._owner is not None:  # files of another run would seem damaged
            lock.check_owner(self.folder, self._owner)
        return super()._load_all(rung)

    def _leave_out(self, number: int, error: DamagedError) -> None:
        """Warns of a damaged record; the owner moves its file away and deletes it."""
        if self._owner is not None:
            with explained(self.folder):  # the file first: without its row it is litter
                groups.move_aside(self.folder, number)
            with self._transaction():
                record_rows.delete(self._connection, number)
        super()._leave_out(number, error)
