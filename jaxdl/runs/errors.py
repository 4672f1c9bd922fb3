"""What can go wrong with a run's folder, in plain words."""

import errno
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


# A disk that is full or busy now may take the same call later.
PASSING = {
    getattr(errno, name)
    for name in (
        "EAGAIN", "EBUSY", "EDQUOT", "EINTR", "EIO", "EMFILE", "ENFILE", "ENOBUFS",
        "ENOLCK", "ENOMEM", "ENOSPC", "ETIMEDOUT",
    )
    if hasattr(errno, name)
}  # fmt: skip
PASSING_SQLITE = (
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_PROTOCOL,
)  # fmt: skip
SHARED_WINDOWS = (32, 33)  # another program, such as a virus scanner, holds the file


class RunMismatchError(ValueError):
    """The run in the folder differs from the one that was asked for."""


class RunOwnedError(OSError):
    """Another process writes this run."""


class RunMovedError(OSError):
    """The folder of a run is no longer where this process opened it."""


class DamagedError(OSError):
    """What is on the disk differs from what was written."""


class PassingError(OSError):
    """The disk refuses a call now, and may take it later.

    Attributes:
        folder: of the run.
    """

    def __init__(self, message: str, folder: Path):
        super().__init__(message)
        self.folder = folder


@contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Turns errors of the disk and of SQLite into OSErrors that name the folder.

    One whose fault may pass becomes a `PassingError`.
    """
    try:
        yield
    except (RunOwnedError, RunMovedError, DamagedError, PassingError):
        raise
    except OSError as error:
        message = (
            f"cannot use the run's folder {folder} ({error}); expected a folder that "
            "can be read and written, with free space: what is on the disk is safe, "
            "the rest trains again: free space or repair the access, and start again"
        )
        raise _error(folder, message, passes=_passes(error)) from error
    except sqlite3.Error as error:
        raise _database_error(folder, error) from error


def _passes(error: OSError) -> bool:
    shared = getattr(error, "winerror", None) in SHARED_WINDOWS
    return shared or error.errno in PASSING


def _error(folder: Path, message: str, *, passes: bool) -> OSError:
    return PassingError(message, folder) if passes else OSError(message)


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
    message = (
        f"the database of the run in {folder} refused ({error}); what is on the disk "
        f"is safe, the rest trains again: {advice}"
    )
    return _error(folder, message, passes=code in PASSING_SQLITE)
