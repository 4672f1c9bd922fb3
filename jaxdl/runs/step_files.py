"""The losses of steps: a file of one array for each record of a run that keeps them.

The file is written before the row that names it and stays with the row, also when the
record's other arrays are dropped. Its index is a part of theirs.
"""

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxdl.runs import array_files, files
from jaxdl.runs.errors import DamagedError
from jaxdl.runs.records import Record

STEPS = "steps"  # the folder, and the part of the index
IDS = "SELECT id FROM records"


def path_of(folder: Path, number: int) -> Path:
    """Returns where the losses of a record's steps are."""
    return folder / STEPS / f"{number}.bin"


def write(folder: Path, number: int, losses: NDArray[Any]) -> dict[str, Any]:
    """Writes the losses of a record's steps, which are on the disk when this returns.

    Returns:
        What its index has in addition.

    Raises:
        OSError: the file cannot be written.
    """
    files.make_folder(folder / STEPS)
    index = array_files.write(path_of(folder, number), [losses])
    files.sync_folder(folder / STEPS)
    return {STEPS: index}


def read(folder: Path, number: int, index: Any) -> tuple[NDArray[Any] | None, Any]:
    """Returns the losses of a record's steps, or None, and the rest of its index.

    Raises:
        DamagedError: the file is missing, or differs from what was written.
    """
    if not isinstance(index, dict) or STEPS not in index:
        return None, index
    rest = {part: value for part, value in index.items() if part != STEPS}
    arrays = array_files.read(path_of(folder, number), index[STEPS])
    if len(arrays) != 1 or arrays[0].ndim != 3:
        raise DamagedError(
            f"got {len(arrays)} arrays in the steps file of record {number}; expected "
            "one with 3 axes"
        )
    return arrays[0], rest


def check(record: Record) -> None:
    """Checks the losses of a record's steps before anything is written.

    Raises:
        ValueError: they are no floats `[epochs, n, ...]` of 3 axes, or the record has
            no other arrays.
    """
    if record.step_losses is None:
        return
    losses = np.asarray(record.step_losses)
    shape = record.until - record.first, len(record.members)
    plain = losses.dtype.kind == "f" and losses.dtype in array_files.NAME_OF
    if record.arrays is None or losses.ndim != 3 or losses.shape[:2] != shape:
        plain = False
    if not plain:
        raise ValueError(
            f"got losses of steps of type {losses.dtype} and shape {losses.shape}; "
            f"expected floats of shape {shape} and one axis more, in a record with "
            "arrays"
        )


def drop_unnamed(
    folder: Path, connection: sqlite3.Connection, numbers: Iterable[int]
) -> None:
    """Deletes files of records that have no row."""
    if not (folder / STEPS).is_dir():
        return
    query = "SELECT 1 FROM records WHERE id = ?"
    for number in numbers:
        if connection.execute(query, (number,)).fetchone() is None:
            path_of(folder, number).unlink(missing_ok=True)


def unnamed(folder: Path, connection: sqlite3.Connection) -> list[Path]:
    """Returns the files that belong to no record."""
    if not (folder / STEPS).is_dir():
        return []
    known = {f"{number}.bin" for (number,) in connection.execute(IDS)}
    return sorted(x for x in (folder / STEPS).iterdir() if x.name not in known)
