"""The paths of a command, and what it may not write."""

import argparse
import os
import tempfile
from pathlib import Path

from jaxdl.experiment import ExperimentError
from jaxdl.paths import as_path
from jaxdl.runs import database, lock
from jaxdl.runs.groups import ASIDE, CHECKPOINTS
from jaxdl.runs.step_files import STEPS

OWN = (
    database.NAME, f"{database.NAME}-wal", f"{database.NAME}-shm", lock.NAME,
    CHECKPOINTS, ASIDE, STEPS,
)  # fmt: skip


def path(text: str) -> Path:
    """Returns a path, for argparse.

    Raises:
        ArgumentTypeError: it is empty.
    """
    try:
        return as_path(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def folder(text: str) -> Path:
    """Returns an absolute path, for argparse: an experiment file may change folders."""
    return path(text).absolute()


def output(out: Path, options: argparse.Namespace) -> Path:
    """Returns the absolute path of what a command writes, for use before any reading.

    An experiment file may change the folder. The command replaces nothing that it
    reads.

    Args:
        out: a file or folder.
        options: with the experiment file and, if the command takes one, the run.

    Raises:
        ExperimentError: it is the experiment file, or belongs to the run.
    """
    if _same(out, options.file):
        raise ExperimentError(
            f"got {out}, which is the experiment file; expected another path"
        )
    run = getattr(options, "run_dir", None)
    places = [] if run is None else [run / name for name in OWN]
    for place in (out, *out.absolute().parents):
        if any(_same(place, own) for own in places):
            raise ExperimentError(
                f"got {out}, where the run in {run} keeps its own files; "
                "expected another path"
            )
    return out.absolute()


def output_file(out: Path, options: argparse.Namespace) -> Path:
    """Returns the absolute path of a file that a command writes, see `output`.

    Raises:
        ExperimentError: as `output`.
        OSError: the file cannot be written.
    """
    place, run = output(out, options), getattr(options, "run_dir", None)
    # A run that is not there is named when it is read.
    if run is None or place.parent != run or run.is_dir():
        check_file(place)
    return place


def check_file(path: Path) -> None:
    """Checks that a file can be written.

    Raises:
        OSError: it cannot.
    """
    if path.is_dir():
        raise OSError(f"got {path}, which is a folder; expected the name of a file")
    if not path.parent.is_dir():
        raise OSError(
            f"cannot write {path}: {path.parent} is no folder; expected a file in a "
            "folder that is there: make it, or name another"
        )
    check_writable(path.parent)


def check_writable(path: Path) -> None:
    """Checks that files can be written in a folder, or in the one where it is made.

    Raises:
        OSError: they cannot.
    """
    folder = next(place for place in (path, *path.parents) if place.exists())
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise OSError(
            f"cannot write in {folder} ({error.strerror}); expected a folder that you "
            "may write to, on a disk with free space: name another, or free space"
        ) from error


def _same(one: Path, other: Path) -> bool:
    """Returns whether two paths are one file or folder, also by a link."""
    if one.exists() and other.exists():
        return os.path.samefile(one, other)
    return one.resolve() == other.resolve()
