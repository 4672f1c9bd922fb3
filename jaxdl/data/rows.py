"""Inputs that are read a few rows at a time, so that memory does not grow with them.

A `Source` is like an array `[m, ...]` whose numbers are elsewhere: in a file, or in
whatever an object of the user's reads. `read` takes arrays too, and so do the passes
over all rows in `jaxdl/data/passes.py`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxdl.data.about import DataError, Moments

CHUNK = 2**19  # numbers that are read at once, at least one example: 4 MiB of float64


class Seal(NamedTuple):
    """What rows of an array were when `split` chose them."""

    checksum: int  # of the bytes of all rows, in order
    what: str  # the array, such as `inputs.table`


@dataclass(frozen=True, eq=False)
class Source:
    """Inputs `[m, ...]` that stay where they are until some of their rows are read.

    It has the shape and type of an array. `source[rows]` is the source of these rows,
    and `source.read(rows)` their array. `from_arrays` makes a source of a memory map,
    of a dataset of h5py or zarr, and of any other object with `len(x)` and `x[rows]`.

        >>> source = dl.data.Source(np.arange(12.0).reshape(4, 3))
        >>> source[[3, 0]].shape, source[[3, 0]].read().tolist()
        ((2, 3), [[9.0, 10.0, 11.0], [0.0, 1.0, 2.0]])

    Args:
        origin: an object whose `len` is m, and whose `origin[rows]` is an array for
            ascending rows `[n]`. Rows are integers or a slice.

    Raises:
        DataError: the object is not like that.
    """

    origin: Any
    rows: NDArray[np.integer] | None = None  # of the origin; None: all
    dtype: Any = None  # of the numbers as they are read
    moments: tuple[Moments, ...] = ()  # that they are normalized by, one after another
    seal: Seal | None = None  # by which a pass over all rows tells that they changed
    _one: tuple[int, ...] | None = None  # the shape of an example

    def __post_init__(self) -> None:
        if self._one is None:
            first = _first(self.origin)
            object.__setattr__(self, "dtype", first.dtype)
            object.__setattr__(self, "_one", first.shape[1:])

    def __len__(self) -> int:
        return len(self.origin if self.rows is None else self.rows)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape `[m, ...]`."""
        assert self._one is not None
        return len(self), *self._one

    @property
    def ndim(self) -> int:
        """How many axes there are."""
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """How many bytes all rows have together."""
        return math.prod(self.shape) * self.dtype.itemsize

    def __getitem__(self, rows: Any) -> "Source":
        """Returns the source of these rows: integers or a slice."""
        all_rows = np.arange(len(self)) if self.rows is None else self.rows
        return replace(self, rows=all_rows[rows], seal=None)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Reads all rows."""
        del copy
        return self.read(slice(None)).astype(dtype or self.dtype, copy=False)

    def astype(self, dtype: Any, *, copy: bool = True) -> "Source":
        """Returns the source of the same numbers in another type."""
        del copy
        return replace(self, dtype=np.dtype(dtype), seal=None)

    def normalized(self, moments: Moments) -> "Source":
        """Returns the source of `(x - mean) / scale`, as float32."""
        return replace(
            self,
            moments=(*self.moments, moments),
            dtype=np.dtype(np.float32),
            seal=None,
        )

    def read(self, rows: Any = slice(None)) -> NDArray[Any]:
        """Returns the array of these rows: integers, in any order, or a slice.

        Raises:
            DataError: the origin gives another shape than before.
        """
        if self.rows is not None:
            rows = self.rows[rows]
        found = self._raw(rows)
        for moments in self.moments:
            found = moments.normalize(found)
        return found.astype(self.dtype, copy=False)

    def _raw(self, rows: Any) -> NDArray[Any]:
        """Returns what the origin has in these rows."""
        if isinstance(self.origin, np.ndarray):
            return np.asarray(self.origin[rows])
        if isinstance(rows, slice):
            return self._asked(rows, len(range(*rows.indices(len(self.origin)))))
        ascending, back = np.unique(rows, return_inverse=True)
        return self._asked(ascending, len(ascending))[back]

    def _asked(self, rows: Any, number: int) -> NDArray[Any]:
        """Returns what an origin of the user's gives for rows, of which it knows."""
        found = np.asarray(self.origin[rows])
        if found.shape != (number, *self.shape[1:]):
            raise DataError(
                f"got {list(found.shape)} for {number} rows of inputs of type "
                f"{type(self.origin).__name__}; expected "
                f"{[number, *self.shape[1:]]}, an example for each row"
            )
        return found


def as_source(inputs: Any) -> Source | None:
    """Returns inputs as a source; None: they are an array, or make one in memory.

    Raises:
        DataError: they give examples one after another alone; or they look like a
            source and are none.
    """
    if isinstance(inputs, Source):
        return inputs
    indexed = hasattr(inputs, "__len__") and hasattr(inputs, "__getitem__")
    if hasattr(inputs, "__iter__") and not indexed and not hasattr(inputs, "__array__"):
        raise DataError(
            f"got inputs of type {type(inputs).__name__}, which gives examples one "
            "after another; expected an array, or an object with len(x) and x[rows], "
            "since each epoch has an order of its own: write them to a memory map"
        )
    on_disk = isinstance(inputs, np.memmap) or all(  # of h5py and of zarr
        hasattr(inputs, name) for name in ("chunks", "shape", "dtype", "__getitem__")
    )
    own = indexed and not isinstance(inputs, Sequence | dict | memoryview | bytearray)
    bare = own and not any(
        hasattr(inputs, name)
        for name in ("__array__", "__array_interface__", "__dlpack__", "typecode")
    )
    return Source(inputs) if on_disk or bare else None


def _first(origin: Any) -> NDArray[Any]:
    """Returns the first example of an origin, `[1, ...]`.

    Raises:
        DataError: it has no `len`, no example, or gives no array for rows.
    """
    name = type(origin).__name__
    try:
        found = np.asarray(origin[np.arange(min(1, len(origin)))])
    except Exception as error:  # of the user's own class, whatever it is
        raise DataError(
            f"got inputs of type {name} that give no rows ({error!r:.200}); expected "
            "an object with len(x), and x[rows] as an array [n, ...] for integers [n] "
            "and for slices"
        ) from error
    if found.ndim < 1 or len(found) != 1:
        raise DataError(
            f"got {found.dtype}{list(found.shape)} for the first row of inputs of type "
            f"{name} with {len(origin)} examples; expected an array [1, ...]"
        )
    return found


def read(array: Any, rows: Any) -> NDArray[Any]:
    """Returns the rows of an array or of a source as an array."""
    return array.read(rows) if isinstance(array, Source) else np.asarray(array)[rows]


def rows_at_once(array: Any) -> int:
    """Returns how many rows of an array or of a source are read at once."""
    return max(1, CHUNK // max(1, math.prod(array.shape[1:])))


def read_into(whole: NDArray[Any], array: Any, rows: NDArray[np.integer]) -> None:
    """Reads rows of an array or of a source to the start of `whole`, some at a time."""
    some = rows_at_once(array)
    for first in range(0, len(rows), some):
        own = rows[first : first + some]
        whole[first : first + len(own)] = read(array, own)


def joined(one: Any, other: Any) -> Any:
    """Returns the rows of one array or source, followed by those of another.

    Raises:
        DataError: they are two sources, of two origins.
    """
    pair = one, other
    if not any(isinstance(x, Source) for x in pair):
        return np.concatenate(pair)
    if not are_alike(*pair):
        raise DataError(
            "got train and dev inputs that are read from two places; expected parts "
            "of one source, which data.split makes: folds are parts of both sets"
        )
    rows = [np.arange(len(x)) if x.rows is None else x.rows for x in pair]
    return replace(one, rows=np.concatenate(rows), seal=None)


def are_alike(one: Any, other: Any) -> bool:
    """Returns whether two are sources of one origin, treated alike."""
    if not (isinstance(one, Source) and isinstance(other, Source)):
        return False
    ours, theirs = (np.ravel([[*m] for m in x.moments]) for x in (one, other))
    same = one.origin is other.origin and one.dtype == other.dtype
    return same and np.array_equal(ours, theirs)
