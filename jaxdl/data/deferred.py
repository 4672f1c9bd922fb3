"""Rows of a large array that are gathered when they are first read.

So `split` copies no array of `LARGE` bytes or more, and `normalize` reads the rows of a
set a few at a time and writes only what becomes of them. The array is the user's, who
may have changed it by then. A checksum tells, so that nothing trains on such rows.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxdl.data.about import DataError
from jaxdl.data.rows import Source, chunks
from jaxdl.data.trees import is_tree, map_named

LARGE = 2**26  # bytes of an array; what is smaller is copied at once


@dataclass(frozen=True, eq=False)
class Deferred:
    """Rows `[m, ...]` of an array in memory, not gathered yet."""

    source: Source
    checksum: int  # of the bytes of all rows, in order

    def __len__(self) -> int:
        return len(self.source)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape `[m, ...]`."""
        return self.source.shape

    @property
    def ndim(self) -> int:
        """How many axes there are."""
        return self.source.ndim

    @property
    def dtype(self) -> np.dtype:
        """The type of the numbers."""
        return self.source.dtype

    def __reduce__(self) -> Any:
        return np.asarray, (self.gathered(),)  # a copy does not take the array along

    def gathered(
        self,
        function: Callable[[NDArray[Any]], NDArray[Any]] | None = None,
        dtype: Any = None,
    ) -> NDArray[Any]:
        """Returns an array of all rows, or of a function of them.

        Args:
            function: of some rows; None: the rows themselves.
            dtype: of what the function returns; None: that of the rows.

        Raises:
            DataError: the array has changed since the rows were chosen.
        """
        found, checksum = np.empty(self.shape, dtype or self.dtype), 0
        for rows, values in chunks(self.source):
            checksum = zlib.crc32(_bytes(values), checksum)
            found[rows] = values if function is None else function(values)
        if checksum != self.checksum:
            raise DataError(
                "got inputs that have changed since data.split, which reads arrays of "
                f"{LARGE // 2**20} MiB and more where they are until they are needed; "
                "expected them as they were: leave the array as it is, or give "
                "data.from_arrays a copy of it"
            )
        return found


def taken(inputs: Any, rows: NDArray[np.integer]) -> Any:
    """Returns rows of inputs: a copy of a small array, and a large one deferred.

    Args:
        inputs: arrays or sources `[m, ...]`, or a dict of them.
        rows: integers from 0 to m - 1.
    """

    def one(name: str, array: Any) -> Any:
        del name
        # The rows of another order in memory are slow to gather more than once.
        large = isinstance(array, np.ndarray) and array.nbytes >= LARGE
        if not (large and array[:1].flags.c_contiguous):
            return array[rows]
        source, checksum = Source(array, rows), 0
        for _, values in chunks(source):
            checksum = zlib.crc32(_bytes(values), checksum)
        return Deferred(source, checksum)

    return map_named(one, inputs)


def _bytes(values: NDArray[Any]) -> memoryview:
    """Returns the bytes of rows; zlib does not know each type."""
    return np.ascontiguousarray(values).reshape(-1).view(np.uint8).data


def gathered(inputs: Any) -> Any:
    """Returns inputs with arrays for all that is deferred; others are the same."""
    if isinstance(inputs, Deferred):
        return inputs.gathered()
    if is_tree(inputs):
        return {name: gathered(x) for name, x in inputs.items()}
    return inputs


class Inputs:
    """The field `inputs` of a dataset: gathers what is deferred when it is read."""

    def __get__(self, dataset: Any, owner: type | None = None) -> Any:
        if dataset is None:
            raise AttributeError("inputs")  # as any field without a default
        vars(dataset)["inputs"] = gathered(vars(dataset)["inputs"])
        return vars(dataset)["inputs"]

    def __set__(self, dataset: Any, inputs: Any) -> None:
        vars(dataset)["inputs"] = inputs


def ungathered(dataset: Any, field: str = "inputs") -> Any:
    """Returns a field of a dataset as it is: some of the inputs may be deferred."""
    return vars(dataset)[field]


def as_values(array: Any) -> NDArray[Any] | Source:
    """Returns an array of NumPy, or a source to read its rows from."""
    if isinstance(array, Deferred):
        return array.source
    return array if isinstance(array, Source) else np.asarray(array)
