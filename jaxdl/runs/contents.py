"""What a run has on record: its rungs and its records, for its owner and for others."""

import threading
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from jaxdl.runs import database, groups, step_files
from jaxdl.runs import records as record_rows
from jaxdl.runs import rungs as rung_rows
from jaxdl.runs.copying import Copied, renumbered
from jaxdl.runs.errors import DamagedError, explained
from jaxdl.runs.records import Record, RecordRow
from jaxdl.runs.rungs import StoredRung

LEFT_OUT = "record {} of the run in {} is left out and its members train again: {}"
Known = dict[int, dict[RecordRow, Record]]  # records by rung and row
Result = TypeVar("Result")


class Contents:
    """What a run's folder has on record; a `Store` adds to it.

    Attributes:
        folder: of the run.
        specification: what was asked for, by the name of a part.
        metrics: the names of the run's metrics.
    """

    def __init__(self, folder: Path, *, writes: bool, known: Known | None = None):
        """Opens the database of a folder, for its owner or to read it.

        Args:
            folder: of the run.
            writes: whether for its owner.
            known: records that need not be read again; those of now replace them.
        """
        self.folder, self._known = folder, known
        self._lock = threading.RLock()  # one transaction at a time
        with explained(folder):
            self._connection = database.open_database(folder, writes=writes)
            self.specification = database.specification(folder, self._connection)
        self.metrics = record_rows.metric_names(self.specification)

    def flush(self) -> None:
        """Does nothing: only a `Store` has something that is not on the disk yet."""

    def rungs(self) -> list[StoredRung]:
        """Returns all rungs.

        Raises:
            DamagedError: they differ from those written.
        """
        return self._read(lambda: rung_rows.read_all(self.folder, self._connection))

    def num_rungs(self) -> int:
        """Returns how many rungs there are."""
        return len(self._read(lambda: rung_rows.numbers(self._connection)))

    @property
    def finished(self) -> bool:
        """Whether the search has ended."""
        return self._read(lambda: rung_rows.is_finished(self.folder, self._connection))

    def load(self, rung: int) -> list[Record]:
        """Returns the records of a rung in the order of their ids, each verified.

        A damaged one is left out with a warning. The owner moves its file into the
        folder `damaged` and deletes its row, so that its members can train again.

        Raises:
            OSError: the database itself is damaged, or a file cannot be read.
        """
        self.flush()
        return self._outlast(lambda: self._load_all(rung))

    def problems(self) -> list[str]:
        """Returns what SQLite's checks find, indexes and references included."""
        with self._lock, explained(self.folder):
            rows = self._connection.execute("PRAGMA integrity_check(20)")
            found = [str(row[0]) for row in rows if row != ("ok",)]
            lost = self._connection.execute("PRAGMA foreign_key_check").fetchmany(20)
        return found + [f"a row of {row[0]} belongs to nothing" for row in lost]

    def scan(self, rung: int) -> Iterator[tuple[int, list[int], Record | DamagedError]]:
        """Yields id, members, and record or damage of each record; changes nothing."""
        for row in self._rows(rung):
            with self._lock, explained(self.folder):
                members = record_rows.members(self._connection, row.id)
            one = self._load(row)
            if one is not None:
                yield row.id, members, one

    def stored(self, rung: int, offset: int) -> Iterator[Copied]:
        """Yields the records of a rung as another run shall have them, each verified.

        Args:
            rung: whose records.
            offset: what is added to the ids of their members.

        Raises:
            DamagedError: a record or its file differs from what was written.
            OSError: they cannot be read.
        """
        names = self.metrics
        for row in self._rows(rung):
            with self._lock, explained(self.folder):
                groups.read(self.folder, self._connection, row, names)
                found = record_rows.read(self._connection, row, names)
            yield Copied(self.folder, row.id, row.kept, renumbered(found, offset))

    def rows(self, rung: int) -> Iterator[Record]:
        """Yields the records of a rung without their arrays, each verified.

        Raises:
            DamagedError: a record differs from what was written.
        """
        for row in self._rows(rung):
            with self._lock, explained(self.folder):
                found = record_rows.read(self._connection, row, self.metrics)
            record, _ = record_rows.from_rows(found, self.metrics, row.sha256)
            yield record._replace(id=row.id)

    def digests(self, rung: int) -> Counter[str]:
        """Returns how many records of a rung have which digest of their rows."""
        return Counter(row.sha256 for row in self._rows(rung))

    def files(self) -> set[str]:
        """Returns the names of the files in `checkpoints` that belong to a record."""
        self.flush()
        with self._lock, explained(self.folder):
            return {f"{k}.bin" for k in record_rows.with_files(self._connection)}

    def unnamed_steps(self) -> list[Path]:
        """Returns the files in `steps` that belong to no record."""
        self.flush()
        with self._lock, explained(self.folder):
            return step_files.unnamed(self.folder, self._connection)

    def members(self, rung: int) -> NDArray[np.int64]:
        """Returns the ids of the members of a rung, sorted."""
        with self._lock, explained(self.folder):
            return rung_rows.members(self._connection, rung)

    def _outlast(self, act: Callable[[], Result]) -> Result:
        """Returns what an act returns; an owner waits for a disk that refuses it."""
        return act()

    def _read(self, act: Callable[[], Result]) -> Result:
        """Returns what an act reads within one transaction."""

        def read() -> Result:
            with self._transaction(writes=False):
                return act()

        return self._outlast(read)

    @contextmanager
    def _transaction(self, *, writes: bool = True) -> Iterator[None]:
        with self._lock, explained(self.folder):
            with database.transaction(self._connection, writes=writes):
                yield

    def _load_all(self, rung: int) -> list[Record]:
        found: dict[int, Record] = {}
        seen: dict[int, RecordRow] = {}
        known = {} if self._known is None else self._known.get(rung, {})
        # Until nothing is new: a writer commits a record, then drops those before it.
        while news := [row for row in self._rows(rung) if seen.get(row.id) != row]:
            for row in news:
                seen[row.id] = row
                with self._lock:
                    one = known.get(row) or self._load(row)
                    if isinstance(one, Record):
                        found[row.id] = one
                    elif one is not None:
                        self._leave_out(row.id, one)
        if self._known is not None:
            self._known[rung] = {seen[number]: one for number, one in found.items()}
        return [found[number] for number in sorted(found)]

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
        """Warns of a damaged record."""
        warnings.warn(LEFT_OUT.format(number, self.folder, error), stacklevel=8)
