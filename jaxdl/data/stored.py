"""Arrays as a dataset stores them: their types, and inputs that stay in their files."""

from typing import Any

import numpy as np

from jaxdl.data.about import DataError
from jaxdl.data.passes import chunks
from jaxdl.data.rows import Source, as_source
from jaxdl.data.trees import map_named, words


def as_arrays(field: str, arrays: Any) -> Any:
    """Returns one array, or a dict of them, in this machine's byte order.

    Inputs may be sources. An array in memory is not copied.

    Args:
        field: `inputs` or `labels`.
        arrays: what the user gave.

    Raises:
        DataError: something is no array, or has masked values.
    """

    def one(name, array):
        what = words(field, name)
        check_no_masks(what, array)
        source = as_source(array) if field == "inputs" else None
        array = _as_array(what, array) if source is None else source
        return array.astype(array.dtype.newbyteorder("="), copy=False)

    return map_named(one, arrays)


def _as_array(what: str, array: Any) -> np.ndarray:
    try:
        return np.asarray(array)
    except ValueError as error:  # such as rows of different lengths
        raise DataError(
            f"got {what} that are no array ({error}); expected examples of one shape: "
            "fill the shorter ones up, or cut the longer ones"
        ) from error


def check_no_masks(name: str, array: Any) -> None:
    """Checks that an array has no masked values.

    Raises:
        DataError: it has.
    """
    if np.ma.is_masked(array):
        raise DataError(
            f"got {name} with masked values, which an array would show as if they "
            "were there; expected values: fill them (array.filled(...)) or drop "
            "their examples"
        )


def stored(inputs: Any, *, kept: bool) -> Any:
    """Returns inputs in their own type, or in a float type that they fit better.

    Args:
        inputs: an array or a source.
        kept: whether integers keep their type, since they are ids.
    """
    if inputs.dtype.kind == "b":
        return inputs.astype(np.float32)
    if inputs.dtype.kind in "iu" and not kept:
        return inputs.astype(np.float64) if _are_rounded(inputs) else inputs
    wide = inputs.dtype.kind == "f" and inputs.dtype.itemsize > 8
    return inputs.astype(np.float64) if wide else inputs


def _are_rounded(integers: np.ndarray | Source) -> bool:
    """Returns whether float32 rounds some of the integers; never those of 16 bits."""
    if integers.dtype.itemsize <= 2:
        return False
    return any((x.astype(np.float32) != x).any() for _, x in chunks(integers))
