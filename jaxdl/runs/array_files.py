"""Files of arrays, which hold nothing else, and are read only if they are whole.

A file of arrays is the little-endian bytes of its arrays in C order, one after another.
An index, kept elsewhere, says what they mean, and has a digest of this and the bytes:

    {"arrays": [[name of the dtype, [...] shape], ...], "sha256": text}
"""

import errno
import functools
import hashlib
import io
import itertools
import math
import os
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import ml_dtypes  # comes with JAX
import numpy as np
from numpy.typing import NDArray

from jaxdl.runs import text
from jaxdl.runs.errors import DamagedError
from jaxdl.runs.files import READ, write_synced

Index = dict[str, Any]
Kind = tuple[np.dtype[Any], tuple[int, ...]]  # dtype and shape

NAMES = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float16", "float32", "float64",
)  # fmt: skip
MOST_BYTES = 2**63 - 1  # what NumPy can address
DTYPES = {name: np.dtype(name).newbyteorder("<") for name in NAMES} | {
    "bfloat16": np.dtype(ml_dtypes.bfloat16)
}
NAME_OF = {
    own: name
    for name, dtype in DTYPES.items()
    for own in (dtype, dtype.newbyteorder("<"), dtype.newbyteorder(">"))
}


def write(path: Path, arrays: Sequence[Any]) -> Index:
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
        write_synced(part, map(_bytes, ready), 0o600)
        os.replace(part, path)
    except OSError:
        part.unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        raise
    return index_of(ready)


def little_endian(arrays: Iterable[Any]) -> list[NDArray[Any]]:
    """Returns arrays as a file has them.

    Raises:
        TypeError: one holds something other than numbers.
    """
    return [_little_endian(array) for array in arrays]


def read(path: Path, index: Any) -> list[NDArray[Any]]:
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


def _little_endian(array: Any) -> NDArray[Any]:
    array = np.asarray(array)
    if array.dtype not in NAME_OF:
        raise TypeError(
            f"got an array of dtype {array.dtype}; expected one of {', '.join(DTYPES)}"
        )
    return array.astype(DTYPES[NAME_OF[array.dtype]], copy=False)


def _bytes(array: NDArray[Any]) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


def index_of(arrays: Sequence[NDArray[Any]]) -> Index:
    """Returns the index of a file of arrays, which `little_endian` gave."""
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
