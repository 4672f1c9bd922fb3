"""Checks of a dataset, and of three sets against each other."""

import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from jaxdl.counts import is_count
from jaxdl.data.about import About, DataError, DataWarning, listed
from jaxdl.data.dataset import Dataset, Splits

FAR = 30.0  # mean or spread of targets that is far from what a new model puts out


def check(splits: Splits) -> None:
    """Checks the three sets, each by itself and against the others.

    Float targets that are far from unit scale are a `DataWarning`: most models do not
    learn them.

    Raises:
        DataError: the argument is not `Splits` of arrays, `from_arrays` would refuse a
            set, or the sets differ in the shapes or types of examples or labels, in the
            names of classes or features, or in their scaling.
    """
    check_sets(splits)
    train = splits.train
    if not is_float(train.labels) or splits.target_moments is not None:
        return
    mean, spread = (f(train.labels, axis=0).ravel() for f in (np.mean, np.std))
    size = np.maximum(np.abs(mean), spread)
    if size.max() > FAR:
        k = int(np.argmax(size))
        warnings.warn(
            f"got targets with mean {mean[k]:.4g} and spread {spread[k]:.4g}; expected "
            f"both below {FAR:g} in size, since a new model's outputs are about 1: "
            "scale them with data.normalize(splits, targets=True), which keeps "
            "predictions and errors in the units of the targets",
            DataWarning,
            stacklevel=2,
        )


def check_sets(splits: Splits) -> None:
    """Checks the three sets as `check` does, without its warning."""
    if not isinstance(splits, Splits):
        raise DataError(f"got data of type {type(splits).__name__}; expected Splits")
    for name, dataset in splits.sets.items():
        check_dataset(dataset, f"the {name} set")
    for name, dataset in (("dev", splits.dev), ("test", splits.test)):
        _check_fit(dataset, splits.train, name)


def _check_fit(dataset: Dataset, train: Dataset, name: str) -> None:
    for field in ("inputs", "labels"):
        ours, theirs = getattr(dataset, field), getattr(train, field)
        if (ours.shape[1:], ours.dtype) != (theirs.shape[1:], theirs.dtype):
            raise DataError(
                f"got {field} {ours.dtype}{list(ours.shape)} in the {name} set and "
                f"{theirs.dtype}{list(theirs.shape)} in the train set; expected "
                "the same type and shape after the first axis"
            )
    for field in ("classes", "features", "ids"):
        ours, theirs = getattr(dataset.about, field), getattr(train.about, field)
        if ours != theirs:
            raise DataError(_differ(field, ours, theirs, name))
    ours, theirs = (jax.tree.flatten(d.scaling) for d in (dataset, train))
    if ours[1] != theirs[1] or not all(map(np.array_equal, ours[0], theirs[0])):
        raise DataError(
            f"got another scaling in the {name} set than in the train set; expected "
            "one for all: use data.normalize"
        )


def _differ(field: str, ours: Any, theirs: Any, name: str) -> str:
    """Returns the error of names that differ between a set and the train set."""
    found = f"{ours} in the {name} set and {theirs} in the train set"
    if isinstance(ours, tuple) and isinstance(theirs, tuple) and ours and theirs:
        lone = {name: set(ours) - set(theirs), "train": set(theirs) - set(ours)}
        found = (
            "; ".join(
                f"{listed(sorted(map(str, some)))} in the {where} set alone"
                for where, some in lone.items()
                if some
            )
            or "another order of them"
        )
    return (
        f"got {field} that differ between the {name} set and the train set: {found}; "
        f"expected the same: make all sets with {field}=train.about.{field}"
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
    if not (_are_numbers(inputs) and _are_numbers(labels)):
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
    _check_labels(labels, dataset.about.classes, name)
    _check_about(dataset, name)


def check_given(dataset: Any, about: About) -> None:
    """Checks a set that a trained model is to be used on.

    Args:
        dataset: the set.
        about: what is known of the sets that the model was trained with.

    Raises:
        DataError: it is no dataset, `from_arrays` would refuse its arrays, or its
            classes or features have other names.
    """
    if not isinstance(dataset, Dataset):
        raise DataError(
            f"got {type(dataset).__name__}; expected a Dataset: use data.from_arrays"
        )
    check_dataset(dataset, "the dataset")
    for field in ("classes", "features"):
        ours, theirs = getattr(dataset.about, field), getattr(about, field)
        if ours and theirs and ours != theirs:
            raise DataError(_differ(field, ours, theirs, "given"))


def is_float(array: Any) -> bool:
    """Returns whether an array holds floats, bfloat16 included."""
    return jnp.issubdtype(array.dtype, jnp.floating)


def _are_numbers(array: NDArray[Any]) -> bool:
    return array.dtype.kind in "biu" or is_float(array)


def _check_labels(
    labels: NDArray[Any], classes: tuple[str, ...] | None, name: str
) -> None:
    """Checks integer labels: classes that have a name, or any int32."""
    if labels.dtype.kind not in "iu":
        if classes and (labels.ndim == 1 or labels.shape[-1] != len(classes)):
            raise DataError(
                f"got labels {labels.dtype}{list(labels.shape)} in {name} for "
                f"{len(classes)} classes; expected integers or texts [m], or one "
                "column a class"
            )
        return
    least, most = (0, len(classes) - 1) if classes else (-(2**31), 2**31 - 1)
    if labels.min() < least or labels.max() > most:
        bad = ((labels < least) | (labels > most)).reshape(len(labels), -1).any(axis=1)
        row = int(np.flatnonzero(bad)[0])
        known = (
            f"one of the {len(classes)} classes, 0..{most}: renumber them, for example "
            "with numpy.unique"
            if classes
            else "what int32 can hold: renumber classes, for example with "
            "numpy.unique, or give classes=() for targets"
        )
        raise DataError(
            f"got label {labels[row]} in row {row} of {name}; expected {known}"
        )


def _check_about(dataset: Dataset, name: str) -> None:
    about, shape = dataset.about, dataset.inputs.shape
    flat = len(shape) == 2
    if about.features is not None and (not flat or len(about.features) != shape[1]):
        raise DataError(
            f"got {len(about.features)} names of features for inputs {list(shape)} in "
            f"{name}; expected one for each column of inputs [m, features]"
        )
    ids = () if isinstance(about.ids, bool) else about.ids
    if not all(is_count(i, least=0) and flat and i < shape[1] for i in ids):
        raise DataError(
            f"got ids={ids} for inputs {list(shape)} in {name}; expected columns of "
            "inputs [m, features] counted from 0, or True for all inputs"
        )
    groups = dataset.groups
    if groups is not None and (
        np.shape(groups) != shape[:1] or np.asarray(groups).dtype.kind not in "iu"
    ):
        raise DataError(
            f"got groups {np.asarray(groups).dtype}{list(np.shape(groups))} in {name}; "
            f"expected integers [{shape[0]}]: use data.from_arrays"
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
