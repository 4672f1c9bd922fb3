"""Passes over all rows of an array or of a source, a few rows at a time."""

import math
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxdl.data.about import DataError
from jaxdl.data.rows import Seal, Source, read, rows_at_once


def chunks(array: Any) -> Iterator[tuple[slice, NDArray[Any]]]:
    """Yields all rows of an array or of a source in order, some at a time.

    Raises:
        DataError: after the last rows, if the source has a seal and the rows are others
            than those it was made of.
    """
    some, checksum = rows_at_once(array), 0
    seal = array.seal if isinstance(array, Source) else None
    for first in range(0, len(array), some):
        rows = slice(first, min(first + some, len(array)))
        values = read(array, rows)
        if seal is not None:
            checksum = zlib.crc32(_bytes(values), checksum)
        yield rows, values
    if seal is not None and checksum != seal.checksum:
        raise DataError(
            f"got {seal.what} that have changed since data.split, which reads a large "
            "array where it is until its rows are needed; expected the array as it "
            "was: restore it and call data.split again, on a copy if it is to change"
        )


def sealed(source: Source, what: str) -> Source:
    """Returns the source with a seal: `chunks` then tells whether its rows changed.

    Args:
        source: to read now, and again later.
        what: the array in an error, such as `inputs.table`.
    """
    checksum = 0
    for _, values in chunks(source):
        checksum = zlib.crc32(_bytes(values), checksum)
    return replace(source, seal=Seal(checksum, what))


def check_seal(array: Any) -> None:
    """Reads a source that has a seal, and nothing else.

    Raises:
        DataError: its rows have changed.
    """
    if isinstance(array, Source) and array.seal is not None:
        for _ in chunks(array):
            pass


def _bytes(values: NDArray[Any]) -> memoryview:
    """Returns the bytes of rows; zlib does not know each type."""
    return np.ascontiguousarray(values).reshape(-1).view(np.uint8).data


def mapped(
    array: Any,
    function: Callable[[NDArray[Any]], NDArray[Any]] = np.asarray,
    dtype: Any = None,
) -> NDArray[Any]:
    """Returns an array of all rows, or of a function of them, written once.

    Args:
        array: `[m, ...]`, or a source.
        function: of some rows; the result has their shape.
        dtype: of the result; None: that of the function.

    Raises:
        DataError: see `chunks`.
    """
    dtype = dtype or function(read(array, slice(0, 1))).dtype
    found = (
        np.empty_like(array, dtype)  # in its order in memory, which later sums follow
        if isinstance(array, np.ndarray)
        else np.empty(array.shape, dtype)
    )
    for rows, values in chunks(array):
        found[rows] = function(values)
    return found


def span(array: Any) -> tuple[Any, Any]:
    """Returns the least and the greatest number of each feature, `[...]` each."""
    if not isinstance(array, Source):
        return np.min(array, axis=0), np.max(array, axis=0)
    ends = [(np.min(x, axis=0), np.max(x, axis=0)) for _, x in chunks(array)]
    low, high = zip(*ends, strict=True)
    return np.min(low, axis=0), np.max(high, axis=0)


def sum_of(array: Any, function: Any = np.asarray) -> NDArray[np.float64]:
    """Returns the sum of `function(x)` over the examples, in float64.

    It has the bits of NumPy's sum over all rows of an array in C order. So the values
    of examples of a single number are in memory at once: NumPy adds such numbers in
    pairs. It adds longer examples one after another.

    Args:
        array: `[m, ...]`.
        function: of some rows.
    """
    if math.prod(array.shape[1:]) == 1:
        same = function is np.asarray and isinstance(array, np.ndarray)
        values = array if same else mapped(array, function)
        return np.asarray(np.add.reduce(values, axis=0, dtype=np.float64))
    total = None
    for _, x in chunks(array):
        values = function(x)
        if total is not None:
            values = np.concatenate([total[None], values], dtype=np.float64)
        total = np.asarray(np.add.reduce(values, axis=0, dtype=np.float64))
    assert total is not None
    return total
