"""Files from any source: bounded sizes, and one type of error.

A reader takes memory for the bytes that a file has, never for the size that its header
claims, and never for more than `MAX_BYTES`.
"""

import gzip
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from typing import IO

from jaxdl.data.about import DataError
from jaxdl.paths import as_path

MAX_BYTES = 2**31  # of the decompressed content of one file
CHUNK = 2**20  # bytes read at once
GZIP = b"\x1f\x8b"  # how a gzip file begins; RFC 1952, section 2.3.1


@contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[BufferedIOBase]:
    """Opens a file to read, decompressed if it is a gzip file, whatever its name.

    Raises:
        DataError: the block raised a DataError, now with the path in front; or a gzip
            file is not whole.
        OSError: the file cannot be read.
    """
    try:
        with open(as_path(path), "rb") as file:
            zipped = file.peek(len(GZIP)).startswith(GZIP)
            yield gzip.GzipFile(fileobj=file) if zipped else file
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            f"{path} is not a whole gzip file ({error}): get it again"
        ) from error


def read(file: BufferedIOBase | IO[bytes], size: int) -> bytearray:
    """Returns the next `size` bytes, or fewer if the file ends."""
    content = bytearray()
    while chunk := file.read(min(CHUNK, size - len(content))):
        content += chunk
    return content
