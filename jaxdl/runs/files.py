"""Files that appear whole or not at all, and files of arrays that hold nothing else.

A file of arrays is the little-endian bytes of its arrays in C order, one after another.
An index, kept elsewhere, says what they mean, and has a digest of this and the bytes:

    {"arrays": [[name of the dtype, [...] shape], ...], "sha256": text}
"""

import contextlib
import errno
import functools
import hashlib
import io
import itertools
import math
import os
import stat
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import ml_dtypes  # comes with JAX
import numpy as np
from numpy.typing import NDArray

from jaxdl.runs import text
from jaxdl.runs.errors import DamagedError, damaged

if sys.platform == "win32":
    fcntl: Any = None
else:
    import fcntl

Index = dict[str, Any]
Kind = tuple[np.dtype[Any], tuple[int, ...]]  # dtype and shape

NAMES = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float16", "float32", "float64",
)  # fmt: skip
MOST_BYTES = 2**63 - 1  # what NumPy can address
# Not every system has these: do not follow a link, do not wait for the writer of a
# pipe, do not translate the ends of lines.
NOFOLLOW, NONBLOCK, BINARY = (
    getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY")
)
FULL = getattr(fcntl, "F_FULLFSYNC", None)  # of macOS alone
UNSYNCED = (errno.EINVAL, errno.ENOTSUP)  # of a system that has no fsync of folders
READ = os.O_RDONLY | NOFOLLOW | NONBLOCK | BINARY
WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | NOFOLLOW | BINARY


DTYPES = {name: np.dtype(name).newbyteorder("<") for name in NAMES} | {
    "bfloat16": np.dtype(ml_dtypes.bfloat16)
}
NAME_OF = {
    own: name
    for name, dtype in DTYPES.items()
    for own in (dtype, dtype.newbyteorder("<"), dtype.newbyteorder(">"))
}


def write_file(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all, and replaces one that is there.

    Raises:
        OSError: the file cannot be written.
    """
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)  # left by a crash, or a link or pipe of others
    _write_synced(part, [memoryview(content)], 0o666)
    os.replace(part, path)
    sync_folder(path.parent)


def write_arrays(path: Path, arrays: Sequence[Any]) -> Index:
    """Writes a file of arrays, whose name is on the disk after `sync_folder`.

    Returns:
        The index of the file.

    Raises:
        TypeError: an array holds something other than numbers; nothing is written.
        OSError: the file cannot be written; nothing of it is left.
    """
    ready = little_endian(arrays)
    part = path.with_name(path.name + ".part")
    try:
        _write_synced(part, map(_bytes, ready), 0o600)
        os.replace(part, path)
    except OSError:
        part.unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        raise
    return _index(ready)


def little_endian(arrays: Iterable[Any]) -> list[NDArray[Any]]:
    """Returns arrays as a file has them.

    Raises:
        TypeError: one holds something other than numbers.
    """
    return [_little_endian(array) for array in arrays]


def read_arrays(path: Path, index: Any) -> list[NDArray[Any]]:
    """Returns the arrays of a file, after a check against their digests.

    Sizes are compared before memory is taken.

    Raises:
        DamagedError: the file is missing, is not a plain file, or differs from the
            index; or the index is malformed.
        OSError: the file cannot be read for another reason.
    """
    written, kinds = _kinds(index)
    sizes = [math.prod(shape) * dtype.itemsize for dtype, shape in kinds]
    with open(_open(path), "rb", buffering=0) as file:
        found = os.fstat(file.fileno()).st_size
        if found != sum(sizes):
            raise _wrong(path, f"{found} bytes", f"{sum(sizes)}")
        content = _read_all(path, file, found)
    if _digest(written, [content.data]) != index["sha256"]:
        raise _wrong(path, "other arrays", "those that were written")
    ends = list(itertools.accumulate(sizes, initial=0))
    return [
        content[begin:end].view(dtype).reshape(shape)
        for (dtype, shape), (begin, end) in zip(
            kinds, itertools.pairwise(ends), strict=True
        )
    ]


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


def _write_synced(path: Path, pieces: Iterable[memoryview], mode: int) -> None:
    """Writes a new file piece by piece; one system call may write less than a piece."""
    file = above_streams(os.open(path, WRITE, mode))
    try:
        for rest in pieces:
            while rest:
                rest = rest[os.write(file, rest) :]
        sync(file)
    finally:
        os.close(file)


def _little_endian(array: Any) -> NDArray[Any]:
    array = np.asarray(array)
    if array.dtype not in NAME_OF:
        raise TypeError(
            f"got an array of dtype {array.dtype}; expected one of {', '.join(DTYPES)}"
        )
    return array.astype(DTYPES[NAME_OF[array.dtype]], copy=False)


def _bytes(array: NDArray[Any]) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


def _index(arrays: Sequence[NDArray[Any]]) -> Index:
    kinds = [[NAME_OF[array.dtype], list(array.shape)] for array in arrays]
    sha256 = _digest(text.dumps(kinds), map(_bytes, arrays))
    return {"arrays": kinds, "sha256": sha256}


def _digest(kinds: str, pieces: Iterable[memoryview]) -> str:
    """Returns the SHA-256 of the kinds, as JSON, and the bytes of a file's arrays."""
    digest = hashlib.sha256(kinds.encode())
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def _kinds(index: Any) -> tuple[str, list[Kind]]:
    """Returns what an index says of the arrays, as JSON and checked."""
    match index:
        case {"arrays": list(entries), "sha256": _, **rest} if not rest:
            written = text.dumps(entries)
            return written, _kinds_of(written)
    raise DamagedError(
        f"got an index of arrays {index!r:.80}; expected arrays, a digest and no more"
    )


@functools.lru_cache(maxsize=64)  # thousands of records have one
def _kinds_of(written: str) -> list[Kind]:
    """Returns dtype and shape of each array after a check that they are possible."""
    return [_kind(entry) for entry in text.loads(written)]


def _kind(entry: Any) -> Kind:
    match entry:
        case [str(name), list(shape)] if name in DTYPES:
            sides = [side for side in shape if type(side) is int and side >= 0]
            size = math.prod(max(side, 1) for side in sides) * DTYPES[name].itemsize
            if len(sides) == len(shape) <= 32 and size <= MOST_BYTES:
                return DTYPES[name], tuple(shape)
    raise DamagedError(
        f"got {entry!r:.80} in an index of arrays; expected a dtype of numbers and a "
        "shape"
    )


def _wrong(path: Path, found: str, expected: str) -> DamagedError:
    return DamagedError(f"got {found} at {path}; expected {expected}")


def _open(path: Path) -> int:
    """Opens a plain file and returns its descriptor."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            raise _wrong(path, "a link, folder or device", "a plain file")
        return os.open(path, READ)
    except FileNotFoundError as error:
        raise _wrong(path, "nothing", "a file of arrays") from error
    except OSError as error:
        if error.errno == errno.ELOOP:  # a link that was put there after the check
            raise _wrong(path, "a link", "a plain file") from error
        raise


def _read_all(path: Path, file: io.FileIO, size: int) -> NDArray[np.uint8]:
    array = np.empty(size, np.uint8)
    rest = array.data
    while rest:
        count = file.readinto(rest)
        if not count:
            raise _wrong(path, "an early end", f"{size} bytes of an array")
        rest = rest[count:]
    return array
