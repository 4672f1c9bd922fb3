"""Rows of a large array that are gathered when they are first needed.

So `split` copies no such array, and `normalize` reads the rows of a set a few at a time
and writes only what becomes of them. The array is the user's, who may have changed it
by then: a seal tells, so that nothing trains on such rows.
"""

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxdl.data.passes import mapped, sealed
from jaxdl.data.rows import Source
from jaxdl.data.trees import map_named, named, words

LARGE = 2**26  # bytes of an array; what is smaller is copied at once
WIDE = 512  # bytes of a row; what is narrower is slow to gather more than once


class Deferred:
    """Rows `[m, ...]` of an array in memory, which all sets that have it share.

    Args:
        source: of the rows, with a seal.
    """

    def __init__(self, source: Source) -> None:
        self.held: Source | NDArray[Any] = source  # once gathered, the array
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.held)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape `[m, ...]`."""
        return self.held.shape

    @property
    def ndim(self) -> int:
        """How many axes there are."""
        return self.held.ndim

    @property
    def dtype(self) -> np.dtype:
        """The type of the numbers."""
        return self.held.dtype

    def __reduce__(self) -> Any:
        return np.asarray, (self.gathered(),)  # a copy does not take the array along

    def gathered(self) -> NDArray[Any]:
        """Returns the array of the rows, the same one at each call.

        Raises:
            DataError: the array has changed since the rows were chosen.
        """
        with self._lock:
            if isinstance(self.held, Source):
                self.held = mapped(self.held)
            return self.held


def taken(inputs: Any, rows: NDArray[np.integer]) -> Any:
    """Returns rows of inputs: a copy of a small array, and a large one deferred.

    Args:
        inputs: arrays, sources or deferred rows `[m, ...]`, or a dict of them.
        rows: integers from 0 to m - 1.
    """

    def one(name: str, array: Any) -> Any:
        held = array.held if isinstance(array, Deferred) else array
        if held is not array and isinstance(held, Source):
            chosen = held[rows]
        elif isinstance(held, np.ndarray) and _is_read_late(held):
            chosen = Source(held, rows)
        else:
            return held[rows]
        return Deferred(sealed(chosen, words("inputs", name)))

    return map_named(one, inputs)


def _is_read_late(array: NDArray[Any]) -> bool:
    """Returns whether an array is large, and its rows are fast to gather."""
    row = array[:1]
    return array.nbytes >= LARGE and row.nbytes >= WIDE and row.flags.c_contiguous


def gathered(inputs: Any) -> Any:
    """Returns inputs with arrays for all that is deferred; else the same object."""
    if not any(isinstance(x, Deferred) for x in named(inputs).values()):
        return inputs
    return map_named(
        lambda _, x: x.gathered() if isinstance(x, Deferred) else x, inputs
    )


class Inputs:
    """The field `inputs` of a dataset: gathers what is deferred when it is read."""

    def __get__(self, dataset: Any, owner: type | None = None) -> Any:
        if dataset is None or "inputs" not in vars(dataset):
            raise AttributeError("inputs")  # as any field without a default
        held = vars(dataset)["inputs"]
        found = gathered(held)
        if found is not held:
            vars(dataset)["inputs"] = found
        return found

    def __set__(self, dataset: Any, inputs: Any) -> None:
        vars(dataset)["inputs"] = inputs


def ungathered(dataset: Any, field: str = "inputs") -> Any:
    """Returns a field of a dataset as it is: some of the inputs may be deferred."""
    return vars(dataset)[field]


def as_values(array: Any) -> NDArray[Any] | Source:
    """Returns an array of NumPy, or a source to read its rows from."""
    if isinstance(array, Deferred):
        return array.held
    return array if isinstance(array, Source) else np.asarray(array)
