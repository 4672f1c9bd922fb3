"""Records of one run copied into another: files first, then the rows that name them.

Files never change, so that a copy may be a second name of the same file (a hard link).
Where the disk has no such names, the bytes are copied.
"""

import os
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from jaxdl.runs import files, groups, step_files, text
from jaxdl.runs import records as record_rows
from jaxdl.runs.records import StoredRecord


class Copied(NamedTuple):
    """A record of a run, on its way into another one."""

    folder: Path  # of the run that it is of
    number: int  # its id there
    kept: str  # which of its arrays have a file there
    stored: StoredRecord  # its rows, as the other run shall have them

    @property
    def digest(self) -> str:
        """The digest of these rows."""
        return record_rows.digest(self.stored)


def renumbered(stored: StoredRecord, offset: int) -> StoredRecord:
    """Returns the rows of a record whose members have ids that are larger by offset."""
    status = stored.status.copy()
    status[:, 0] += offset
    return stored._replace(status=status)


def copy_files(folder: Path, ids: Sequence[int], records: Sequence[Copied]) -> None:
    """Puts the files of records under their new ids, on the disk when this returns.

    Args:
        folder: of the run that they go to.
        ids: the new ones.
        records: whose files were checked.

    Raises:
        OSError: a file cannot be written.
    """
    copied = set[Path]()
    for number, one in zip(ids, records, strict=True):
        for source, target in _files(folder, number, one):
            _copy(source, target)
            copied.add(target.parent)
    for parent in copied:
        files.sync_folder(parent)


def write_rows(
    connection: sqlite3.Connection,
    ids: Sequence[int],
    records: Sequence[Copied],
    names: list[str],
) -> None:
    """Inserts the rows of records under new ids."""
    for number, one in zip(ids, records, strict=True):
        record_rows.insert(connection, number, one.stored, names)
        if one.kept == record_rows.NONE:
            record_rows.drop(connection, number)


def _files(folder: Path, number: int, one: Copied) -> Iterable[tuple[Path, Path]]:
    """Yields where each file of a record is, and where it goes."""
    if one.kept == record_rows.ALL:
        yield groups.path_of(one.folder, one.number), groups.path_of(folder, number)
    index = text.loads(one.stored.arrays)
    if isinstance(index, dict) and step_files.STEPS in index:
        files.make_folder(folder / step_files.STEPS)
        places = (
            step_files.path_of(*x) for x in ((one.folder, one.number), (folder, number))
        )
        yield next(places), next(places)


def _copy(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)  # of a copy that was interrupted
    with suppress(OSError, NotImplementedError):
        os.link(source, target, follow_symlinks=False)
        return
    content = memoryview(source.read_bytes())
    files.write_synced(target, [content], 0o600)
