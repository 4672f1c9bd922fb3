"""What can go wrong with a run's folder, in plain words."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
FULL = (sqlite3.SQLITE_FULL,)
REFUSED = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM)


class RunMismatchError(ValueError):
    """The folder holds a run of another specification, or a rung of other members."""


class RunOwnedError(OSError):
    """Another process writes this run."""


class DamagedError(OSError):
    """What is on the disk is not what was written."""


@contextmanager
def plain(folder: Path) -> Iterator[None]:
    """Makes errors of the disk and of the database OSErrors that name the folder."""
    try:
        yield
    except (RunOwnedError, DamagedError):
        raise
    except OSError as error:
        raise OSError(
            f"cannot use the run's folder {folder} ({error}); expected a folder that "
            "can be read and written, with free space: what was acknowledged is kept, "
            "so free space or repair the access and start again"
        ) from error
    except sqlite3.Error as error:
        raise _of_database(folder, error) from error


def damaged(folder: Path, what: object) -> DamagedError:
    """Returns the error for a database that cannot be trusted."""
    return DamagedError(
        f"the database of the run in {folder} is damaged ({what}); expected what was "
        "written: copy the folder first, then put run.sqlite back from a backup, try "
        "`sqlite3 run.sqlite .recover`, or name another folder"
    )


def _of_database(folder: Path, error: sqlite3.Error) -> OSError:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code in DAMAGED:
        return damaged(folder, error)
    advice = "start again when the cause is gone"
    if code in FULL:
        advice = "free space on this disk and start again"
    if code in REFUSED:
        advice = "see that the folder and its files may be read and written"
    return OSError(
        f"the database of the run in {folder} refused ({error}); what was acknowledged "
        f"is kept: {advice}"
    )
