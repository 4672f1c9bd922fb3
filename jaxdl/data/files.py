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
from pathlib import Path
from typing import IO

from jaxdl.data.about import DataError

MAX_BYTES = 2**31  # of the decompressed content of one file
CHUNK = 2**20  # bytes read at once


@contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[BufferedIOBase]:
    """Opens a file to read, decompressed if its name ends in `.gz`.

    Raises:
        DataError: the block raised a DataError, now with the path in front; or a gzip
            file is not whole.
        OSError: the file cannot be read.
    """
    opener = gzip.GzipFile if Path(path).suffix == ".gz" else open
    try:
        with opener(path, "rb") as file:
            yield file
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
