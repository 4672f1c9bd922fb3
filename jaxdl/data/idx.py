"""The IDX format of the MNIST family: a header of big-endian sizes, then bytes."""

import hashlib
import math
import os
import struct
from io import BufferedIOBase

import numpy as np
from numpy.typing import NDArray

from jaxdl.data import files
from jaxdl.data.about import DataError


def read_idx(
    path: str | os.PathLike[str], *, sha256: str | None = None
) -> NDArray[np.uint8]:
    """Returns the array of unsigned bytes in an IDX file, plain or gzipped.

    Args:
        path: the file.
        sha256: digest that the decompressed content must have.

    Raises:
        DataError: the file is not an IDX file of unsigned bytes, is too short or too
            long for its header, is over 2 GiB or 64 axes, or has another digest.
        OSError: the file cannot be read.
    """
    with files.opened(path) as file:
        header, shape = _header(file)
        size = math.prod(shape)
        if size > files.MAX_BYTES:
            raise DataError(
                f"got the shape {list(shape)} in the header; expected at most "
                f"{files.MAX_BYTES} bytes"
            )
        content = files.read(file, size + 1)  # one more byte shows a longer file
        if len(content) != size:
            raise DataError(
                f"got {'more' if len(content) > size else len(content)} bytes after "
                f"the header; expected {size} for the shape {list(shape)} that it names"
            )
        if sha256 is not None and _sha256(header, content) != sha256:
            raise DataError(
                f"got content with another SHA-256 than expected ({sha256}): the file "
                "is damaged or not the data set it is named for; get it again"
            )
        try:
            return np.frombuffer(content, np.uint8).reshape(shape)
        except ValueError as error:
            raise DataError(
                f"got the shape {list(shape)}, which no array can have ({error})"
            ) from error


def _sha256(*parts: bytes | bytearray) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def _header(file: BufferedIOBase) -> tuple[bytes, tuple[int, ...]]:
    """Returns the bytes of the header and the shape that they name."""
    start = file.read(4)
    if len(start) < 4 or start[:3] != b"\0\0\x08" or start[3] == 0:
        raise DataError(
            f"got a file that starts with {start!r}; expected an IDX file of unsigned "
            "bytes, which starts with 0, 0, 8 and the number of axes"
        )
    axes = start[3]
    sizes = file.read(4 * axes)
    if len(sizes) < 4 * axes:
        raise DataError(
            f"got a file that ends within its header; expected {4 + 4 * axes} bytes "
            "of it"
        )
    return start + sizes, struct.unpack(f">{axes}I", sizes)
