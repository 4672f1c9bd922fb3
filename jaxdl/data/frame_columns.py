"""Columns of a data frame as arrays, without missing values.

A column is a `Series` of narwhals.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxdl.data.about import DataError
from jaxdl.data.cells import Categories
from jaxdl.extras import library


def narwhals() -> Any:
    """Returns the library that knows the frames of others."""
    return library("narwhals", "frames", "data frames")


def is_category(column: Any) -> bool:
    """Returns whether a column is of a categorical type."""
    return type(column.dtype).__name__ in ("Categorical", "Enum")


def options(column: Any) -> tuple[str, ...] | None:
    """Returns what a column can be, if its type knows; None: it does not.

    The categories of polars are those of all frames, and those of Arrow belong to a
    part of a column, so both say nothing of this column.
    """
    if type(column.dtype).__name__ == "Enum":
        return tuple(map(str, column.dtype.categories))
    if is_category(column) and column.implementation.is_pandas_like():
        return tuple(map(str, column.to_native().dtype.categories))
    return None


def coded(column: Any, of: Categories) -> NDArray[np.int64]:
    """Returns the place of each row among the options, `[m]`."""
    found, first, rows = np.unique(
        texts_of(column), return_index=True, return_inverse=True
    )
    places = [
        of.place(str(text), f"row {row}")
        for text, row in zip(found, first, strict=True)
    ]
    return np.array(places)[rows]


def numbers(column: Any) -> NDArray[np.float64]:
    """Returns a feature that is a quantity, `[m]`."""
    kind, name = column.dtype, column.name
    if not (kind.is_numeric() or type(kind).__name__ == "Boolean"):
        way = f"categories=[{name!r}] if it is a category, or "
        if kind.is_temporal():
            way = "numbers made of it, such as the year or the days since a date, or "
        raise DataError(
            f"column {name!r}: got values of type {kind}; expected numbers or truth "
            f"values: give {way}drop=[{name!r}]"
        )
    values = _complete(column).cast(narwhals().Float64).to_numpy()
    if (bad := np.flatnonzero(~np.isfinite(values))).size:
        raise _missing(name, bad)
    return values


def labels(column: Any, *, targets: bool) -> NDArray[Any]:
    """Returns numbers, or texts of classes, `[m]`."""
    kind = column.dtype
    if targets or kind.is_numeric() or kind.is_temporal():
        whole = kind.is_integer() and not targets
        return integers(column) if whole else numbers(column)
    return texts_of(column)


def integers(column: Any) -> NDArray[np.int64]:
    """Returns whole numbers, `[m]`."""
    values = numbers(column)
    if (values != np.round(values)).any():
        raise DataError(
            f"column {column.name!r}: got numbers that are not whole; expected ids, "
            "or a column that is not among ids"
        )
    return _complete(column).cast(narwhals().Int64).to_numpy()


def texts_of(column: Any) -> NDArray[np.str_]:
    """Returns texts, `[m]`."""
    kind = column.dtype
    mixed = type(kind).__name__ in ("Object", "Binary", "Unknown")
    if mixed or kind.is_nested() or kind.is_temporal():
        raise DataError(
            f"column {column.name!r}: got values of type {kind}; expected texts: make "
            f"texts of it, or give drop=[{column.name!r}]"
        )
    whole = _complete(column)
    if type(kind).__name__ == "Boolean":  # each library writes them in its own way
        return np.array([str(bool(value)) for value in whole.to_list()])
    return np.array(whole.cast(narwhals().String).to_list(), str)


def _complete(column: Any) -> Any:
    """Returns a column without missing values.

    Raises:
        DataError: it has some.
    """
    empty = column.is_null()
    if column.dtype.is_float():
        empty = empty | column.is_nan()
    missing = np.flatnonzero(empty.to_numpy())
    if missing.size:
        raise _missing(column.name, missing)
    return column


def _missing(name: str, rows: NDArray[np.int64]) -> DataError:
    return DataError(
        f"column {name!r}: got {rows.size} missing or infinite values, the first in "
        f"row {rows[0]}; expected a value in every row: fill them in, drop these rows, "
        f"or give drop=[{name!r}]"
    )
