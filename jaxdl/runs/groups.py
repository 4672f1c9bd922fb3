"""Groups of records and drops go to the disk together; a record is read by itself.

First the files of all records, whole, then one transaction that makes them true and
drops others, then the files that are dropped. A file without a row means nothing. So a
crash or an error at any moment leaves the state before a group or the one after it.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from jaxdl.runs import array_files, files, step_files
from jaxdl.runs import records as record_rows
from jaxdl.runs.errors import DamagedError
from jaxdl.runs.records import Record, RecordRow, StoredRecord

CHECKPOINTS, ASIDE = "checkpoints", "damaged"
Change = Record | list[int]  # a record to save, or the ids of those to drop
Rows = dict[int, StoredRecord]  # by id


def path_of(folder: Path, number: int) -> Path:
    """Returns where the arrays of a record are."""
    return folder / CHECKPOINTS / f"{number}.bin"


def write_files(folder: Path, group: Sequence[Change], names: list[str]) -> Rows:
    """Writes the files of a group, which are on the disk when this returns.

    Arrays that the group drops again get no file.

    Returns:
        The rows of its records.

    Raises:
        OSError: a file cannot be written.
    """
    rows, dropped = {}, {n for one in group if isinstance(one, list) for n in one}
    for record in group:
        if isinstance(record, Record):
            path, index = path_of(folder, record.id), None
            if record.arrays is not None and record.id in dropped:
                index = array_files.index_of(array_files.little_endian(record.arrays))
            elif record.arrays is not None:
                index = array_files.write(path, record.arrays)
            if index is not None and record.step_losses is not None:
                index |= step_files.write(folder, record.id, record.step_losses)
            rows[record.id] = record_rows.to_rows(record, names, index)
    if rows:
        files.sync_folder(folder / CHECKPOINTS)
    return rows


def write_rows(
    connection: sqlite3.Connection,
    group: Sequence[Change],
    rows: Mapping[int, StoredRecord],
    names: list[str],
) -> None:
    """Inserts the records of a group and drops others, in its order."""
    for change in group:
        if isinstance(change, Record):
            record_rows.insert(connection, change.id, rows[change.id], names)
        else:
            for number in change:
                record_rows.drop(connection, number)


def read(
    folder: Path, connection: sqlite3.Connection, row: RecordRow, names: list[str]
) -> Record:
    """Returns a record.

    Raises:
        DamagedError: its rows or its file differ from what was written.
        OSError: its file cannot be read.
    """
    rows = record_rows.read(connection, row, names)
    record, index = record_rows.from_rows(rows, names, row.sha256)
    losses, index = step_files.read(folder, row.id, index)
    record = record._replace(step_losses=losses)
    if row.kept == record_rows.NONE:
        return record._replace(id=row.id)
    if row.kept != record_rows.ALL:
        raise DamagedError(f"got {row.kept!r:.80} kept; expected all or none")
    arrays = array_files.read(path_of(folder, row.id), index)
    return record._replace(id=row.id, arrays=arrays)


def move_aside(folder: Path, number: int) -> None:
    """Moves the files of a damaged record away, if they are there."""
    for path in (path_of(folder, number), step_files.path_of(folder, number)):
        files.move_aside(path, folder / ASIDE)


def touched(group: Sequence[Change]) -> set[int]:
    """Returns the ids of the records that a group saves or drops."""
    return {
        number
        for change in group
        for number in ([change.id] if isinstance(change, Record) else change)
    }


def sweep(folder: Path, connection: sqlite3.Connection, litter: set[int]) -> None:
    """Deletes files without a row; a later call deletes what this one cannot.

    Args:
        folder: of the run.
        connection: to its database.
        litter: ids of records whose files may have no row; those that are dealt with
            are removed.
    """
    with suppress(OSError, sqlite3.Error):
        for number in litter:
            if not record_rows.has_file(connection, number):
                path_of(folder, number).unlink(missing_ok=True)
        step_files.drop_unnamed(folder, connection, litter)
        litter.clear()
