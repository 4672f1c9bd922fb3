"""Files that appear whole or not at all, folders, and what puts them on the disk."""

import contextlib
import errno
import itertools
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jaxdl.runs.errors import damaged

if sys.platform == "win32":
    fcntl: Any = None
else:
    import fcntl

# Not every system has these: do not follow a link, do not wait for the writer of a
# pipe, do not translate the ends of lines.
NOFOLLOW, NONBLOCK, BINARY = (
    getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY")
)
FULL = getattr(fcntl, "F_FULLFSYNC", None)  # of macOS alone
UNSYNCED = (errno.EINVAL, errno.ENOTSUP)  # of a system that has no fsync of folders
READ = os.O_RDONLY | NOFOLLOW | NONBLOCK | BINARY
WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | NOFOLLOW | BINARY


def write_file(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all, and replaces one that is there.

    Raises:
        OSError: the file cannot be written.
    """
    part = path.with_name(path.name + ".part")
    try:
        part.unlink(missing_ok=True)  # left by a crash, or a link or pipe of others
        write_synced(part, [memoryview(content)], 0o666)
        os.replace(part, path)
    except OSError as error:
        if error.errno is not None:  # name what was asked for, not its part
            error.filename, error.filename2 = os.fspath(path), None
        raise
    sync_folder(path.parent)


def move_aside(path: Path, folder: Path) -> None:
    """Moves a file, if it is there, to a new name in a folder, which is made."""
    if not os.path.lexists(path):
        return
    if folder.is_symlink():
        raise damaged(folder.parent, f"a link is in the place of {folder.name}")
    make_folder(folder)
    names = (folder / f"{path.stem}.{k}{path.suffix}" for k in itertools.count())
    os.replace(path, next(x for x in names if not os.path.lexists(x)))
    sync_folder(folder)


def make_folder(folder: Path) -> None:
    """Makes a folder, with those above it, if it is not there; its name lasts then.

    Only its owner can read it; those above it are as the system makes them.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in made:
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Puts the names in a folder on the disk, where the system can.

    A folder may be written and not read, and some systems of files on a network have
    no such call.
    """
    if os.name == "nt":
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return
    try:
        sync(descriptor)
    except OSError as error:
        if error.errno not in UNSYNCED:
            raise
    finally:
        os.close(descriptor)


def sync(file: int) -> None:
    """Puts a file on the disk.

    On macOS fsync leaves it in the disk's own cache, and only F_FULLFSYNC does not;
    some systems of files lack that. Source: fsync(2) of macOS.
    """
    if FULL is not None:
        with contextlib.suppress(OSError):
            fcntl.fcntl(file, FULL)
            return
    os.fsync(file)


def above_streams(file: int) -> int:
    """Returns a descriptor of a file that is open, never one of a standard stream.

    The system gives the lowest free number. If standard error is closed, that may be
    2, and then the file gets what any code prints.
    """
    if file > 2:
        return file
    try:
        return above_streams(os.dup(file))
    finally:
        os.close(file)


def write_synced(path: Path, pieces: Iterable[memoryview], mode: int) -> None:
    """Writes a new file piece by piece; one system call may write less than a piece."""
    file = above_streams(os.open(path, WRITE, mode))
    try:
        for rest in pieces:
            while rest:
                rest = rest[os.write(file, rest) :]
        sync(file)
    finally:
        os.close(file)
