"""Who writes a run: one process, which holds a lock on the file `owner`.

The system frees the lock when the process ends, however it ends. The file says who the
last owner is or was.
"""

import json
import os
import socket
import sys
import time
from pathlib import Path

from jaxdl.runs.errors import RunOwnedError

NAME = "owner"
# Neither a link is followed nor the other end of a pipe waited for.
CAREFULLY = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
# Who looks whether a run is owned holds the lock for a moment.
WAITS = (0.05, 0.05, 0.0)
_held: set[int] = set()  # the locks of this process
FAR = 2**30  # a byte beyond the text: Windows forbids others to read a locked one


def acquire(folder: Path) -> int:
    """Returns the file that holds the lock, until it is released.

    Raises:
        RunOwnedError: another process holds it.
        OSError: the file cannot be opened or written.
    """
    file = os.open(folder / NAME, os.O_RDWR | os.O_CREAT | CAREFULLY, 0o600)
    try:
        for wait in WAITS:
            if _lock(file):
                _sign(file)
                _held.add(file)
                return file
            time.sleep(wait)
        raise RunOwnedError(
            f"the run in {folder} is written by {identity(folder)}; expected a run "
            "without owner: wait for that process or end it, or name another folder"
        )
    except BaseException:
        os.close(file)
        raise


def release(file: int) -> None:
    """Gives a lock free; a child of its owner has none to give."""
    if file in _held:
        _held.remove(file)
        os.close(file)


def _release_all() -> None:
    for file in tuple(_held):
        release(file)


# A fork shares the lock, and would keep it when its owner has ended.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_release_all)


def is_owned(folder: Path) -> bool:
    """Returns whether a living process holds the lock."""
    try:
        file = os.open(folder / NAME, os.O_RDONLY | CAREFULLY)
    except FileNotFoundError:
        return False
    try:
        return not _lock(file)
    finally:
        os.close(file)


def identity(folder: Path) -> str:
    """Returns who the owner says it is, or that it does not say."""
    try:
        with open(os.open(folder / NAME, os.O_RDONLY | CAREFULLY), "rb") as file:
            match json.loads(file.read(4096)):
                case {"pid": int(pid), "host": str(host), "started": str(started)}:
                    return f"process {pid} on {host[:80]!r} since {started[:40]!r}"
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
