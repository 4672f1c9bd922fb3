"""One process writes a run: it holds a lock on the file `owner`.

The system frees the lock when the process ends, however it ends. The file names the
present or last owner.
"""

import io
import json
import os
import socket
import sys
import time
from pathlib import Path

from jaxdl.runs.errors import RunMovedError, RunOwnedError, explained
from jaxdl.runs.files import NOFOLLOW, NONBLOCK, above_streams

NAME = "owner"
# Seconds between tries: `is_owned` of another process holds the lock for a moment.
WAITS = (0.05, 0.05, 0.0)
_held: set[int] = set()  # the lock files of this process
# Windows locks a byte, which others cannot read then: one far behind the text.
FAR = 2**30


def acquire(folder: Path) -> int:
    """Takes the lock, and returns the file descriptor that holds it.

    Raises:
        RunOwnedError: another process holds it.
        OSError: the file cannot be opened or written.
    """
    flags = os.O_RDWR | os.O_CREAT | NOFOLLOW | NONBLOCK
    file = above_streams(os.open(folder / NAME, flags, 0o600))
    try:
        for wait in WAITS:
            if _lock(file):
                _sign(file)
                _held.add(file)
                return file
            time.sleep(wait)
        raise RunOwnedError(
            f"the run in {folder} is written by {identity(folder)}; expected no "
            "other writer: wait for that process or end it, or name another folder"
        )
    except BaseException:
        os.close(file)
        raise


def release(file: int) -> None:
    """Releases a lock; in a forked child of the owner this does nothing."""
    if file in _held:
        _held.remove(file)
        os.close(file)


def check_owner(folder: Path, file: int | None) -> None:
    """Checks that a lock is still that of the folder at this path.

    The folder may have been moved, and a path means another folder then.

    Raises:
        UnsupportedOperation: there is no lock, because the run is open for reading.
        RunMovedError: the path has another file, or none.
        OSError: it cannot be looked at.
    """
    if file is None:
        raise io.UnsupportedOperation(
            f"the run in {folder} is open for reading only; expected a store that "
            "writes: use jaxdl.runs.open_run"
        )
    with explained(folder):
        try:
            same = os.path.samestat(os.stat(folder / NAME), os.fstat(file))
        except (FileNotFoundError, NotADirectoryError):
            same = False
        if not same:
            raise RunMovedError(
                f"the folder {folder} is not that of the run any more, which was moved "
                f"or lost its file {NAME!r}; expected a folder that stays where it is "
                "while its run trains: what is on the disk is safe, the rest trains "
                "again: start again with the path where the run is now"
            )


def _release_all() -> None:
    for file in tuple(_held):
        release(file)


# A forked child shares the lock, and would still hold it after its owner has ended.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_release_all)


def is_owned(folder: Path) -> bool:
    """Returns whether a living process holds the lock."""
    try:
        file = os.open(folder / NAME, os.O_RDONLY | NOFOLLOW | NONBLOCK)
    except FileNotFoundError:
        return False
    try:
        return not _lock(file)
    finally:
        os.close(file)


def identity(folder: Path) -> str:
    """Returns a description of the owner, from its own words in the file."""
    try:
        with open(
            os.open(folder / NAME, os.O_RDONLY | NOFOLLOW | NONBLOCK), "rb"
        ) as file:
            match json.loads(file.read(4096)):
                case {"pid": int(pid), "host": str(host), "started": str(started)}:
                    return f"process {pid} on {host[:80]!r}, started {started[:40]!r}"
    except (OSError, ValueError, RecursionError):
        pass
    return "a process that does not say which"


def _sign(file: int) -> None:
    started = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    who = {"pid": os.getpid(), "host": socket.gethostname(), "started": started}
    content = json.dumps(who).encode() + b"\n"
    os.ftruncate(file, 0)
    os.lseek(file, 0, os.SEEK_SET)
    os.write(file, content)


if sys.platform == "win32":
    import msvcrt

    def _lock(file: int) -> bool:
        os.lseek(file, FAR, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _lock(file: int) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
