"""Checks of a dataset, and of three sets against each other."""

import warnings
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from jaxdl.counts import is_count
from jaxdl.data.about import About, DataError, DataWarning, listed
from jaxdl.data.array_checks import (
    check_array,
    check_finite,
    check_lengths,
    check_weights,
    is_float,
)
from jaxdl.data.dataset import Dataset, Splits
from jaxdl.data.deferred import as_values, ungathered
from jaxdl.data.passes import span
from jaxdl.data.rows import Source
from jaxdl.data.trees import check_names, is_tree, named, num_examples, words

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
    if splits.target_moments is not None:
        return
    for name, labels in named(splits.train.labels).items():
        if not is_float(labels) or not (found := _far(labels)):
            continue
        what, way = f"labels.{name}", "before they become a dataset"
        if not name:
            what = "targets"
            way = (
                "with data.normalize(splits, targets=True), which keeps predictions "
                "and errors in the units of the targets"
            )
        warnings.warn(
            f"got {what} with {found}; expected both below {FAR:g} in size, since a "
            f"new model's outputs are about 1: scale them {way}",
            DataWarning,
            stacklevel=2,
        )


def _far(labels: Any) -> str:
    """Returns mean and spread of targets in words; "": they are near unit scale."""
    mean, spread = (
        f(labels, axis=0, dtype=np.float64).ravel() for f in (np.mean, np.std)
    )
    size = np.maximum(np.abs(mean), spread)
    k = int(np.argmax(size))
    return f"mean {mean[k]:.4g} and spread {spread[k]:.4g}" * bool(size[k] > FAR)


def check_sets(splits: Splits) -> None:
    """Checks the three sets as `check` does, without its warning."""
    if not isinstance(splits, Splits):
        raise DataError(
            f"got data of type {type(splits).__name__}; expected Splits, such as "
            "data.split(data.from_arrays(X, y), key=jax.random.key(0))"
        )
    for name, dataset in splits.sets.items():
        check_dataset(dataset, f"the {name} set")
    for name, dataset in (("dev", splits.dev), ("test", splits.test)):
        _check_fit(dataset, splits.train, name)


def _check_fit(dataset: Dataset, train: Dataset, name: str) -> None:
    for field in ("inputs", "labels"):
        ours, theirs = (named(ungathered(d, field)) for d in (dataset, train))
        if ours.keys() != theirs.keys():
            raise DataError(
                f"got {field} {[*ours]} in the {name} set and {[*theirs]} in the train "
                "set; expected arrays of the same names"
            )
        for own, array in ours.items():
            _check_alike(words(field, own), array, theirs[own], name)
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


def _check_alike(what: str, ours: Any, theirs: Any, name: str) -> None:
    if (ours.shape[1:], ours.dtype) != (theirs.shape[1:], theirs.dtype):
        raise DataError(
            f"got {what} {ours.dtype}{list(ours.shape)} in the {name} set and "
            f"{theirs.dtype}{list(theirs.shape)} in the train set; expected the same "
            "type and shape after the first axis"
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
    least = {"inputs": 1 if is_tree(ungathered(dataset)) else 2, "labels": 1}
    for field, axes in least.items():
        arrays = ungathered(dataset, field)
        check_names(field, arrays, name)
        for own, array in named(arrays).items():
            check_array(words(field, own), as_values(array), name, axes=axes)
    check_lengths(dataset, name)
    for field in least:
        for own, array in named(ungathered(dataset, field)).items():
            check_finite(as_values(array), f"the {words(field, own)} of {name}")
    check_weights(dataset.weights, num_examples(ungathered(dataset)), name)
    for own, labels in named(dataset.labels).items():
        _check_labels(np.asarray(labels), dataset.about.classes, name, own)
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


def _check_labels(
    labels: NDArray[Any], classes: tuple[str, ...] | None, name: str, own: str
) -> None:
    """Checks integer labels: classes that have a name, or any int32.

    Args:
        labels: one array of them.
        classes: of the dataset.
        name: of the dataset.
        own: of the array; "": it is the only one.

    Raises:
        DataError: they are others.
    """
    if own and classes:
        raise DataError(
            f"got names of classes for several labels in {name}; expected names for "
            "one array of labels: leave classes out"
        )
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
    about, inputs = dataset.about, ungathered(dataset)
    arrays = named(inputs)
    shape = None if is_tree(inputs) else inputs.shape
    columns = shape[1] if shape is not None and len(shape) == 2 else 0
    if about.features is not None and len(about.features) != columns:
        given = f"inputs {[*(shape or arrays)]}"
        raise DataError(
            f"got {len(about.features)} names of features for {given} in {name}; "
            "expected one for each column of inputs [m, features]"
        )
    ids = () if isinstance(about.ids, bool) else about.ids
    if shape is None and not {*ids} <= arrays.keys():
        raise DataError(
            f"got ids={ids} for the inputs {[*arrays]} in {name}; expected names of "
            "these, or True for all"
        )
    if shape is not None and not all(is_count(i, least=0) and i < columns for i in ids):
        raise DataError(
            f"got ids={ids} for inputs {list(shape)} in {name}; expected columns of "
            "inputs [m, features] counted from 0, or True for all inputs"
        )
    for own, array in arrays.items():
        if about.ids is True or own in ids:
            _check_ids(as_values(array), words("inputs", own), name)
    groups, m = dataset.groups, num_examples(inputs)
    if groups is not None and (
        np.shape(groups) != (m,) or np.asarray(groups).dtype.kind not in "iu"
    ):
        raise DataError(
            f"got groups {np.asarray(groups).dtype}{list(np.shape(groups))} in {name}; "
            f"expected integers [{m}]: use data.from_arrays"
        )


def _check_ids(ids: NDArray[Any] | Source, what: str, name: str) -> None:
    """Checks that integer ids are what the programs can hold."""
    if ids.dtype.kind not in "iu" or ids.dtype.itemsize < 4:
        return
    low, high = (int(f(x)) for f, x in zip((np.min, np.max), span(ids), strict=True))
    if low < -(2**31) or high > 2**31 - 1:
        raise DataError(
            f"got ids from {low} to {high} in {what} of {name}; expected "
            "what int32 can hold: renumber them, for example with numpy.unique"
        )
