"""Checks of single arrays: types, shapes, lengths, and numbers that are finite."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from jaxdl.data.about import DataError
from jaxdl.data.dataset import Dataset
from jaxdl.data.deferred import ungathered
from jaxdl.data.passes import check_seal, chunks
from jaxdl.data.rows import Source
from jaxdl.data.trees import named, words


def is_float(array: Any) -> bool:
    """Returns whether an array holds floats, bfloat16 included."""
    return jnp.issubdtype(array.dtype, jnp.floating)


def check_array(
    what: str, array: NDArray[Any] | Source, name: str, *, axes: int
) -> None:
    """Checks type and shape of an array of a set.

    Args:
        what: `inputs`, `labels`, or one of them, such as `inputs.tokens`.
        array: of all examples.
        name: the set, such as `the train set`.
        axes: how many it has at least.

    Raises:
        DataError: it holds no real numbers of this machine, or has fewer axes.
    """
    if array.dtype.kind not in "biu" and not is_float(array):
        raise DataError(
            f"got {what} of type {array.dtype} in {name}; expected real numbers"
        )
    if not array.dtype.isnative:
        raise DataError(
            f"got {what} {array.dtype} in {name}; expected this machine's byte order: "
            "use data.from_arrays"
        )
    if array.ndim < axes:
        shape = "[m, features...]" if axes > 1 else "[m] or [m, ...]"
        raise DataError(f"got {what} {list(array.shape)} in {name}; expected {shape}")


def check_lengths(dataset: Dataset, name: str) -> None:
    """Checks that a set has examples, as many in each of its arrays.

    Raises:
        DataError: it has none, or the lengths differ.
    """
    lengths = {
        words(field, own): len(array)
        for field in ("inputs", "labels")
        for own, array in named(ungathered(dataset, field)).items()
    }
    if len({*lengths.values()}) > 1:
        found = " and ".join(f"{m} {what}" for what, m in lengths.items())
        raise DataError(
            f"got {found} in {name}; expected one of each for every example"
        )
    if 0 in lengths.values():
        raise DataError(f"got no examples in {name}; expected at least one")


def check_weights(weights: Any, examples: int, name: str) -> None:
    """Checks that weights are numbers `[m]` of at least 0, some above; or None.

    Raises:
        DataError: they are not.
    """
    if weights is None:
        return
    weights = np.asarray(weights)
    if weights.dtype.kind not in "biuf" or weights.shape != (examples,):
        raise DataError(
            f"got weights {weights.dtype}{list(weights.shape)} for {examples} examples "
            f"in {name}; expected one number an example"
        )
    check_finite(weights, f"the weights of {name}")
    if weights.min() < 0 or weights.max() == 0:
        raise DataError(
            f"got weights from {weights.min()} to {weights.max()} in {name}; expected "
            "none below 0 and some above"
        )


def check_finite(array: NDArray[Any] | Source, name: str) -> None:
    """Checks that the numbers of an array are finite in float32.

    Raises:
        DataError: one is not, or deferred rows have changed.
    """
    if array.dtype.kind in "biu":
        return check_seal(array)
    bad, first = 0, ""
    for rows, values in chunks(array):
        with np.errstate(over="ignore"):  # beyond float32 a number becomes infinite
            finite = np.isfinite(values.astype(np.float32, copy=False))
        if finite.all():
            continue
        if not bad:
            row, *column = (int(i) for i in np.argwhere(~finite)[0])
            where = f"row {rows.start + row}" + (f", column {column}" if column else "")
            first = f"got {values[(row, *column)]} in {name}, {where}"
        bad += finite.size - int(finite.sum())
    if bad:
        raise DataError(
            f"{first} ({bad} such entries); expected numbers that are finite in "
            "float32: drop these rows or fill them in"
        )
