"""A run's folder: plain files that any tool can read.

It holds `run.json` (what was asked for), `members.csv` (a row a member, best first),
`curves.npz` (metrics `[members, epochs]`) and `best.npz` (the winner's arrays by path).
Files appear whole or not at all, `run.json` last: a folder that has it is finished. It
goes before the others change.
"""

import csv
import io
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxdl.runs.arrays import WRITE, sync_folder

LEAST_FREE = 2**20  # bytes
DATABASE, FINISHED = "run.sqlite", "run.json"
FILES = ("members.csv", "curves.npz", "best.npz", FINISHED)


def claim(path: str | os.PathLike[str]) -> Path:
    """Returns the folder, made for its owner's eyes only and seen to be writable.

    Raises:
        FileExistsError: it holds results without the run that they are of.
        OSError: it cannot be made or written, or less than 1 MiB is free.
    """
    folder = Path(path)
    known = (folder / DATABASE).exists()
    if not known and any((folder / name).exists() for name in FILES):
        raise FileExistsError(
            f"the folder {folder} holds the results of a run, but not what it would go "
            "on from; expected a run or an empty folder: name another, or move those "
            "files away"
        )
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
        free = shutil.disk_usage(folder).free
        if free < LEAST_FREE:
            raise OSError(f"{free} bytes are free; expected {LEAST_FREE} at least")
    except OSError as error:
        raise OSError(
            f"cannot write the output folder {folder} ({error}); expected a folder you "
            "may write to, on a disk with free space: name another, or free space"
        ) from error
    return folder


def is_finished(path: str | os.PathLike[str]) -> bool:
    """Returns whether the folder holds all of a run."""
    return (Path(path) / FINISHED).exists()


def unfinish(path: str | os.PathLike[str]) -> None:
    """Makes a folder one that is not finished."""
    (Path(path) / FINISHED).unlink(missing_ok=True)
    sync_folder(Path(path))


def write(
    path: str | os.PathLike[str],
    specification: Mapping[str, Any],
    table: tuple[Sequence[str], Iterable[Sequence[Any]]],
    curves: Mapping[str, Any],
    best: Mapping[str, Any],
) -> None:
    """Writes a finished run into a folder that was claimed.

    Args:
        path: the folder.
        specification: what `run.json` says.
        table: column names and rows of plain values.
        curves: arrays by name.
        best: arrays by path; empty if there is no winner.

    Raises:
        OSError: a file cannot be written.
    """
    folder = Path(path)
    text = io.StringIO()
    csv.writer(text).writerows([table[0], *table[1]])
    unfinish(folder)
    write_file(folder / "members.csv", text.getvalue().encode())
    write_file(folder / "curves.npz", _npz(curves))
    if best:
        write_file(folder / "best.npz", _npz(best))
    write_file(folder / FINISHED, json.dumps(specification, indent=2).encode() + b"\n")


def _npz(arrays: Mapping[str, Any]) -> bytes:
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **arrays)
    return content.getvalue()


def write_file(path: Path, content: bytes) -> None:
    """Writes a file, which is there whole or not at all, in place of any before it."""
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)  # what a crash left, or a link or pipe of others
    with open(os.open(part, WRITE, 0o666), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
