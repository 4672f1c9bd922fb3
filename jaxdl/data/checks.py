"""Checks of a dataset, and of three sets against each other."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxdl.data.about import DataError
from jaxdl.data.dataset import Dataset, Splits


def check(splits: Splits) -> None:
    """Checks the three sets, each by itself and against the others.

    Raises:
        DataError: the argument is not `Splits` of arrays, `from_arrays` would refuse a
            set, or the sets differ in the shapes or types of examples or labels, or in
            the names of classes or features.
    """
    if not isinstance(splits, Splits):
        raise DataError(f"got data of type {type(splits).__name__}; expected Splits")
    for name, dataset in splits.sets.items():
        check_dataset(dataset, f"the {name} set")
    for name, dataset in (("dev", splits.dev), ("test", splits.test)):
        for field in ("inputs", "labels"):
            ours, theirs = getattr(dataset, field), getattr(splits.train, field)
            if (ours.shape[1:], ours.dtype) != (theirs.shape[1:], theirs.dtype):
                raise DataError(
                    f"got {field} {ours.dtype}{list(ours.shape)} in the {name} set and "
                    f"{theirs.dtype}{list(theirs.shape)} in the train set; expected "
                    "the same type and shape after the first axis"
                )
        for field in ("classes", "features"):
            ours, theirs = (getattr(d.about, field) for d in (dataset, splits.train))
            if ours != theirs:
                raise DataError(
                    f"got the {field} {ours} in the {name} set and {theirs} in the "
                    f"train set; expected the same {field} in the same order"
                )


def check_dataset(dataset: Dataset, name: str) -> None:
    """Checks one set. Errors call it `name`.

    Raises:
        DataError: `from_arrays` would refuse the arrays.
    """
    inputs, labels, weights = dataset.inputs, dataset.labels, dataset.weights
    if not (hasattr(inputs, "dtype") and hasattr(labels, "dtype")):
        raise DataError(
            f"got {type(inputs).__name__} and {type(labels).__name__} in {name}; "
            "expected arrays: use data.from_arrays"
        )
    inputs, labels = np.asarray(inputs), np.asarray(labels)
    if inputs.dtype.kind not in "biuf" or labels.dtype.kind not in "biuf":
        raise DataError(
            f"got inputs of type {inputs.dtype} and labels of type {labels.dtype} in "
            f"{name}; expected real numbers"
        )
    if not (inputs.dtype.isnative and labels.dtype.isnative):
        raise DataError(
            f"got inputs {inputs.dtype} and labels {labels.dtype} in {name}; expected "
            "this machine's byte order: use data.from_arrays"
        )
    if inputs.ndim < 2 or labels.ndim < 1:
        raise DataError(
            f"got inputs {list(inputs.shape)} and labels {list(labels.shape)} in "
            f"{name}; expected [m, features...] and [m] or [m, outputs]"
        )
    if len(inputs) != len(labels):
        raise DataError(
            f"got {len(inputs)} inputs and {len(labels)} labels in {name}; expected "
            "one label an input"
        )
    if len(inputs) == 0:
        raise DataError(f"got no examples in {name}; expected at least one")
    _check_finite(inputs, f"the inputs of {name}")
    _check_finite(labels, f"the labels of {name}")
    _check_weights(weights, len(inputs), name)
    if labels.dtype.kind in "iu" and (labels.min() < 0 or labels.max() >= 2**31):
        bad = ((labels < 0) | (labels >= 2**31)).reshape(len(labels), -1).any(axis=1)
        row = int(np.flatnonzero(bad)[0])
        raise DataError(
            f"got label {labels[row]} in row {row} of {name}; expected classes "
            "counted from 0: renumber them, for example with numpy.unique"
        )


def _check_weights(weights: Any, examples: int, name: str) -> None:
    if weights is None:
        return
    weights = np.asarray(weights)
    if weights.dtype.kind not in "biuf" or weights.shape != (examples,):
        raise DataError(
            f"got weights {weights.dtype}{list(weights.shape)} for {examples} examples "
            f"in {name}; expected one number an example"
        )
    _check_finite(weights, f"the weights of {name}")
    if weights.min() < 0 or weights.max() == 0:
        raise DataError(
            f"got weights from {weights.min()} to {weights.max()} in {name}; expected "
            "none below 0 and some above"
        )


def _check_finite(array: NDArray[Any], name: str) -> None:
    with np.errstate(over="ignore"):  # beyond float32 a number becomes infinite
        finite = np.isfinite(array.astype(np.float32))
    if not finite.all():
        row, *column = (int(i) for i in np.argwhere(~finite)[0])
        where = f"row {row}" + (f", column {column}" if column else "")
        raise DataError(
            f"got {array[(row, *column)]} in {name}, {where} "
            f"({finite.size - int(finite.sum())} such entries); expected numbers "
            "that are finite in float32: drop these rows or fill them in"
        )
