"""Files that may come from anywhere: bounded sizes, and one type of error.

A reader takes memory for what a file holds, never for what it says it holds, and for no
more than `MAX_BYTES` of it.
"""

import gzip
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path
from typing import IO

from jaxdl.data.dataset import DataError

MAX_BYTES = 2**31  # as much decompressed content as one file may have
CHUNK = 2**20  # bytes read at once


@contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[BufferedIOBase]:
    """Opens a file to read, decompressed if its name ends in `.gz`.

    Raises:
        DataError: what is raised within, preceded by the path; or a gzip file that is
            not whole.
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
    """Returns the next `size` bytes, fewer where the file ends."""
    content = bytearray()
    while chunk := file.read(min(CHUNK, size - len(content))):
        content += chunk
    return content
