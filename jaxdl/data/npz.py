"""NumPy's `.npz` format: a zip archive with one `.npy` file for each array."""

import io
import os
import sys
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from jaxdl.data import files
from jaxdl.data.about import DataError

MAX_MEMBERS = 2**16
MAX_HEADER = 2**12  # bytes; a header with 64 axes of 20 digits needs less than half
HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
# What zipfile and numpy.lib.format raise for malformed content. A header is a Python
# literal, and the parser may refuse it in any of these ways.
MALFORMED = (
    zipfile.BadZipFile, zlib.error, EOFError, tokenize.TokenError, SyntaxError,
    ValueError, TypeError, LookupError, OverflowError, RuntimeError, MemoryError,
    Warning,
)  # fmt: skip


def read_npz(path: str | os.PathLike[str]) -> dict[str, NDArray[Any]]:
    """Returns the arrays of numbers or texts in a NumPy `.npz` file, by name.

    `from_arrays` makes classes of labels that are texts. Nothing is unpickled. The
    shape in a header must match the size in the archive.

    Args:
        path: a file as `numpy.savez` and `numpy.savez_compressed` write it.

    Raises:
        DataError: the file is not such a file or is damaged; an array does not hold
            real numbers, truth values or texts; two arrays have one name; or there are
            more than 65,536 arrays, or over 2 GiB before or after decompression.
        OSError: the file cannot be read.
    """
    with files.opened(path) as file:
        content = _content(file)
        with _refusing("the archive"):
            archive = zipfile.ZipFile(content)
        return _arrays(archive)


@contextmanager
def _refusing(name: str) -> Iterator[None]:
    """Turns the errors of a block into a DataError about `name`."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{name}: {error}") from error
    except MALFORMED as error:
        raise DataError(
            f"{name}: got content that cannot be read ({type(error).__name__}: {error})"
            "; expected what numpy.savez writes"
        ) from error


def _content(file: io.BufferedIOBase) -> io.BytesIO:
    content = files.read(file, files.MAX_BYTES + 1)
    if len(content) > files.MAX_BYTES:
        raise DataError(f"got more than the {files.MAX_BYTES} bytes allowed")
    # Every entry of the directory starts with these bytes; zipfile lists all entries.
    if content.count(b"PK\1\2") > MAX_MEMBERS:
        raise DataError(f"got more than the {MAX_MEMBERS} arrays allowed")
    return io.BytesIO(content)


def _arrays(archive: zipfile.ZipFile) -> dict[str, NDArray[Any]]:
    members = archive.infolist()
    # In a malicious file members may overlap, so the larger size of each counts.
    size = sum(max(member.file_size, member.compress_size) for member in members)
    if size > files.MAX_BYTES:
        raise DataError(
            f"got arrays that take {size} bytes; expected at most {files.MAX_BYTES}"
        )
    arrays = {}
    for member in members:
        name = member.filename.removesuffix(".npy")
        if name == member.filename or name in arrays:
            raise DataError(
                f"got a member named {name[:100]!r}; expected names that differ and "
                "end in .npy"
            )
        with _refusing(f"array {name[:100]!r}"):
            arrays[name] = _array(archive, member)
    return arrays


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    # Other methods decompress without a bound, and encrypted members need a password.
    stored = member.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    if not stored or member.flag_bits & 1:
        raise DataError(
            f"got it encrypted or compressed by method {member.compress_type}; "
            "expected it stored or deflated"
        )
    with archive.open(member) as file:
        header = io.BytesIO(file.read(MAX_HEADER))
        shape, fortran, dtype = _header(header)
        file.seek(0)
        content = files.read(file, member.file_size)
    array = np.frombuffer(content, dtype, offset=header.tell())
    array = array.reshape(shape, order="F" if fortran else "C")
    # NumPy counts truth values by adding their bytes. With bytes other than 0 and 1 a
    # mask would reach outside its array.
    if dtype.kind == "b" and array.size and array.view(np.uint8).max() > 1:
        raise DataError("got truth values with bytes other than 0 and 1")
    if dtype.kind == "U":
        _check_texts(array)
    return array


def _check_texts(array: NDArray[Any]) -> None:
    """Checks the characters: NumPy does not, and Python refuses some only later."""
    order = array.dtype.byteorder
    codes = np.frombuffer(array.tobytes(), np.dtype(np.uint32).newbyteorder(order))
    if ((codes > sys.maxunicode) | ((codes >= 0xD800) & (codes < 0xE000))).any():
        raise DataError("got texts with numbers that are no characters of Unicode")


def _header(content: io.BytesIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Returns the shape, whether the order is Fortran's, and the type."""
    version = npy.read_magic(content)
    if version not in HEADERS:
        raise DataError(f"got .npy version {version}; expected one of {list(HEADERS)}")
    with warnings.catch_warnings(action="error"):  # of headers written by Python 2
        shape, fortran, dtype = HEADERS[version](content)
    if dtype.kind not in "biufU" or min(shape, default=0) < 0:
        raise DataError(
            f"got type {dtype} and shape {shape}; expected real numbers, truth values "
            "or texts: save other objects as texts, with numpy.asarray(x, str)"
        )
    return shape, fortran, dtype
