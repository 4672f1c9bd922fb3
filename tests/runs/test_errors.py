"""Errors in plain words: which of them pass, and which do not."""

import errno
import sqlite3

import pytest

from jaxdl import runs
from jaxdl.runs.errors import PassingError, RunMovedError, explained


def raised(error, folder):
    """What becomes of an error of the disk."""
    with pytest.raises(OSError) as caught, explained(folder):
        raise error
    return caught.value


@pytest.mark.parametrize(
    "name", ["ENOSPC", "EDQUOT", "EIO", "EINTR", "EAGAIN", "EMFILE"]
)
def test_a_fault_of_the_disk_may_pass(tmp_path, name):
    error = raised(OSError(getattr(errno, name), "text"), tmp_path)
    assert type(error) is PassingError and error.folder == tmp_path
    assert str(tmp_path) in str(error) and "text" in str(error)


@pytest.mark.parametrize(
    "name", ["EROFS", "EACCES", "EPERM", "ENOENT", "ENOTDIR", "ENODEV"]
)
def test_a_folder_that_is_gone_or_read_only_does_not_come_back(tmp_path, name):
    error = raised(OSError(getattr(errno, name), "text"), tmp_path)
    assert type(error) is OSError and "repair the access" in str(error)


def test_a_file_that_another_program_of_windows_holds_may_be_free_later(tmp_path):
    error = PermissionError(errno.EACCES, "used by another process")
    error.winerror = 32
    assert type(raised(error, tmp_path)) is PassingError


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("BUSY", PassingError), ("BUSY_SNAPSHOT", PassingError),
        ("LOCKED", PassingError),
        ("FULL", PassingError), ("IOERR_FSYNC", PassingError), ("NOMEM", PassingError),
        ("READONLY", OSError), ("CANTOPEN", OSError), ("PERM", OSError),
        ("ERROR", OSError), ("CORRUPT", runs.DamagedError),
        ("NOTADB", runs.DamagedError),
    ],
)  # fmt: skip
def test_an_error_of_the_database_passes_by_its_code(tmp_path, name, kind):
    error = sqlite3.OperationalError("text")
    error.sqlite_errorcode = getattr(sqlite3, f"SQLITE_{name}")
    assert type(raised(error, tmp_path)) is kind


@pytest.mark.parametrize(
    "error",
    [
        runs.DamagedError("text"), runs.RunOwnedError("text"), RunMovedError("text"),
        PassingError("text", None),
    ],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_an_error_that_is_explained_stays_as_it_is(tmp_path, error):
    assert raised(error, tmp_path) is error
