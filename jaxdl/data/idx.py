"""The IDX format of the MNIST family: a header of big-endian sizes, then bytes.

Files may come from anywhere: sizes are checked before memory is taken.
"""

import gzip
import hashlib
import math
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jaxdl.data.dataset import DataError

MAX_BYTES = 2**31  # as much decompressed content as one file may have


def read_idx(path: Path, *, sha256: str | None = None) -> NDArray[np.uint8]:
    """Returns the array of unsigned bytes in an IDX file, plain or gzipped.

    Args:
        path: the file; a name that ends in `.gz` is decompressed.
        sha256: digest that the decompressed content must have.

    Raises:
        DataError: not an IDX file of unsigned bytes, too short or too long for its
            header, over 2 GiB, or with another digest.
        OSError: the file cannot be read.
    """
    content = _read(path)
    if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
        raise DataError(
            f"the content of {path} has another SHA-256 than expected ({sha256}): the "
            "file is damaged or not the data set it is named for; get it again"
        )
    if len(content) < 4 or content[:3] != b"\0\0\x08" or content[3] == 0:
        raise DataError(
            f"{path} starts with {content[:4]!r}; expected an IDX file of unsigned "
            "bytes, which starts with 0, 0, 8 and the number of axes"
        )
    header = 4 + 4 * content[3]
    if len(content) < header:
        raise DataError(f"{path} ends within its header; expected {header} bytes of it")
    shape = struct.unpack(f">{content[3]}I", content[4:header])
    if len(content) - header != math.prod(shape):
        raise DataError(
            f"{path} holds {len(content) - header} bytes after its header; expected "
            f"{math.prod(shape)} for the shape {list(shape)} that it names"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def _read(path: Path) -> bytes:
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path} is not a whole gzip file ({error})") from error
    if len(content) > MAX_BYTES:
        raise DataError(f"{path} holds more than the {MAX_BYTES} bytes allowed")
    return content
