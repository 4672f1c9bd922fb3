"""What can go wrong with a run's folder, in plain words."""

import io
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
REFUSED = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM)
ADVICE = {
    sqlite3.SQLITE_FULL: "free space on this disk and start again"
} | dict.fromkeys(
    REFUSED, "check that the folder and its files can be read and written"
)


class RunMismatchError(ValueError):
    """The run in the folder differs from the one that was asked for."""


class RunOwnedError(OSError):
    """Another process writes this run."""


class DamagedError(OSError):
    """What is on the disk differs from what was written."""


@contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Turns errors of the disk and of SQLite into OSErrors that name the folder."""
    try:
        yield
    except (RunOwnedError, DamagedError):
        raise
    except OSError as error:
        raise OSError(
            f"cannot use the run's folder {folder} ({error}); expected a folder that "
            "can be read and written, with free space: what is on the disk is safe, "
            "the rest trains again: free space or repair the access, and start again"
        ) from error
    except sqlite3.Error as error:
        raise _database_error(folder, error) from error


def check_writes(folder: Path, owner: int | None) -> None:
    """Checks that a store owns its folder.

    Raises:
        OSError: it is open for reading only.
    """
    if owner is None:
        raise io.UnsupportedOperation(
            f"the run in {folder} is open for reading only; expected a store that "
            "writes: use jaxdl.runs.open_run"
        )


def damaged(folder: Path, what: object) -> DamagedError:
    """Returns the error for a database that cannot be trusted."""
    return DamagedError(
        f"the database of the run in {folder} is damaged ({what}); expected what was "
        "written: copy the folder first, then restore run.sqlite from a backup, try "
        "`sqlite3 run.sqlite .recover`, or name another folder"
    )


def _database_error(folder: Path, error: sqlite3.Error) -> OSError:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code in DAMAGED:
        return damaged(folder, error)
    advice = ADVICE.get(code, "start again when the cause is gone")
    return OSError(
        f"the database of the run in {folder} refused ({error}); what is on the disk "
        f"is safe, the rest trains again: {advice}"
    )
