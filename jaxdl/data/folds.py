"""Folds: pairs of rows, to train on and to choose by, of one dataset.

`m` examples, `k` folds.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from jaxdl.counts import is_count
from jaxdl.data.about import DataError
from jaxdl.data.dataset import Dataset, Splits, are_classes, map_examples
from jaxdl.data.permutation import permutation
from jaxdl.data.rows import Source, joined
from jaxdl.data.trees import are_equal, named, num_examples
from jaxdl.keys import as_key

Rows = NDArray[np.int32]
Folds = Any  # an int, pairs of rows, or a splitter of scikit-learn


def pool(splits: Splits) -> Dataset:
    """Returns the examples of the train and the dev set, in this order.

    If only one of the two has weights, those of the other are 1. A dev set with the
    inputs of the test set is the test set, so it stays out. If one of the two follows
    time, so does the pool.

    Raises:
        DataError: only one of the two has groups.
    """
    train, dev, test = splits.sets.values()
    if are_equal(dev.inputs, test.inputs):
        return train
    if (train.groups is None) != (dev.groups is None):
        one = "dev" if train.groups is None else "train"
        raise DataError(
            f"got groups in the {one} set alone; expected them in the train and the "
            "dev set, so that folds keep a group together: give groups to both"
        )
    if train.weights is not None or dev.weights is not None:
        train, dev = _weighted(train), _weighted(dev)
    in_order = train.about.in_order or dev.about.in_order
    pooled = map_examples(joined, train, dev)
    return replace(pooled, about=train.about._replace(in_order=in_order))


def fold_rows(
    dataset: Dataset,
    folds: Folds,
    *,
    key: jax.Array | int,
    stratify: bool | None = None,
) -> list[tuple[Rows, Rows]]:
    """Returns the rows of the train and the dev set of each fold, ascending.

    Folds are pairs of rows, what a splitter of scikit-learn gives, or a number k. For a
    number, the examples are shuffled and dealt to k dev sets of `floor(m / k)`, one
    after another. Classes are dealt class by class, so that two dev sets differ by at
    most one example of a class. The train set of a fold is everything outside its dev
    set. The `m mod k` examples that are left over are in every train set and in no dev
    set, so all folds have the same sizes.

    If the dataset has groups, whole groups are dealt instead, the largest first, each
    to the smallest dev set. The sizes of two dev sets differ by at most one group.

        >>> examples = dl.data.from_arrays(np.zeros((10, 1)), np.arange(10) % 2,
        ...                                classes=2)
        >>> folds = dl.data.fold_rows(examples, 3, key=jax.random.key(0))
        >>> [(len(train), len(dev)) for train, dev in folds]
        [(7, 3), (7, 3), (7, 3)]

    Args:
        dataset: `[m, ...]` examples.
        folds: k, an int from 2 to m; or pairs `(train_rows, dev_rows)`, whose sizes may
            differ; or anything with `split(inputs, labels, groups)`, such as
            `StratifiedKFold(5)`.
        key: of the shuffle, or a seed.
        stratify: whether to deal integer labels `[m]` class by class; None: if the
            dataset knows that they are classes.

    Raises:
        DataError: folds are none of these; k is given for data that follow time, or for
            integer labels that may be classes or targets; a splitter gives other folds
            the second time; train and dev set of a fold have an example or a group in
            common, or are empty, or have rows twice or outside the data; a dev set of
            data that follow time does not come after its train set; or the weights of a
            set are all 0.
        TypeError, ValueError: the key is neither a threefry key nor a seed.

    Source: Kohavi, A Study of Cross-Validation and Bootstrap for Accuracy Estimation
    and Model Selection, 1995.
    """
    if hasattr(folds, "split") and not isinstance(folds, str):
        parts = _split_by(folds, dataset)
    elif isinstance(folds, Iterable) and not isinstance(folds, str):
        parts = _pairs(folds)
    else:
        parts = _dealt(dataset, folds, as_key(key), stratify)
    m = num_examples(dataset.inputs)
    checked = [
        (_as_rows(train, m, f"the train rows of fold {i}"),
         _as_rows(dev, m, f"the dev rows of fold {i}"))
        for i, (train, dev) in enumerate(parts)
    ]  # fmt: skip
    for i, rows in enumerate(checked):
        _check_fold(dataset, *rows, f"fold {i}")
    return checked


def _dealt(
    dataset: Dataset, k: Any, key: jax.Array, stratify: bool | None
) -> list[tuple[Rows, Rows]]:
    m = num_examples(dataset.inputs)
    if not is_count(k, least=2) or k > m:
        raise DataError(
            f"got folds={k!r} for {m} examples of the train and dev sets; expected an "
            "int from 2 to as many as there are, pairs of rows, or a splitter"
        )
    if dataset.about.in_order:
        raise DataError(
            f"got folds={k} for data that follow time, which would train on what comes "
            f"after a dev set; expected folds=TimeSeriesSplit({k}) of scikit-learn, or "
            "pairs of rows"
        )
    if dataset.groups is not None:
        owner = _deal_groups(np.asarray(dataset.groups), k, key)
    else:
        owner = _deal(_first(dataset.labels), k, key, _by_class(dataset, stratify))
    return [(_rows(owner != fold), _rows(owner == fold)) for fold in range(k)]


def _by_class(dataset: Dataset, stratify: bool | None) -> bool:
    """Returns whether to deal the labels class by class."""
    if not are_classes(dataset.labels):
        return False
    if stratify is None and dataset.about.classes is None:
        raise DataError(
            "got integer labels that may be classes or targets; expected data that say "
            "which: data.from_arrays(..., classes=) with the names or the number of "
            "the classes, or classes=() for targets"
        )
    return bool(dataset.about.classes) if stratify is None else stratify


def _deal(labels: NDArray, k: int, key: jax.Array, by_class: bool) -> NDArray:
    """Returns the fold that has each example in its dev set, `[m]`; -1: none has."""
    m = len(labels)
    dealt = permutation(key, m)[m % k :]
    if by_class:
        dealt = dealt[np.argsort(labels[dealt], kind="stable")]
    owner = np.full(m, -1)
    owner[dealt] = np.arange(len(dealt)) % k
    return owner


def _deal_groups(groups: NDArray, k: int, key: jax.Array) -> NDArray:
    """Returns the fold that has each example in its dev set, `[m]`."""
    _, group, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    if len(sizes) < k:
        raise DataError(
            f"got folds={k} for {len(sizes)} groups; expected at least one group for "
            "each dev set: use fewer folds"
        )
    shuffled = permutation(key, len(sizes))
    filled, owner = np.zeros(k, int), np.empty(len(sizes), int)
    for g in shuffled[np.argsort(-sizes[shuffled], kind="stable")]:
        owner[g] = np.argmin(filled)
        filled[owner[g]] += sizes[g]
    return owner[group]


def _split_by(splitter: Any, dataset: Dataset) -> list[tuple[Any, Any]]:
    """Returns the pairs of rows of a splitter, which gives the same ones twice."""
    arrays = _first(dataset.inputs), _first(dataset.labels), dataset.groups
    try:
        first, second = (_pairs(splitter.split(*arrays)) for _ in range(2))
    except DataError:
        raise
    except (TypeError, ValueError) as error:
        raise DataError(
            f"got folds={splitter}, which refuses the train and dev set ({error})"
        ) from error
    same = len(first) == len(second) and all(
        np.array_equal(ours, theirs)
        for one, other in zip(first, second, strict=True)
        for ours, theirs in zip(one, other, strict=True)
    )
    if not same:
        raise DataError(
            f"got folds={splitter}, which gives other folds each time; expected the "
            "same: give it a random_state"
        )
    return first


def _pairs(folds: Iterable[Any]) -> list[tuple[Any, Any]]:
    parts = list(folds)
    if not parts or not all(isinstance(p, tuple | list) and len(p) == 2 for p in parts):
        raise DataError(
            f"got folds={str(parts)[:200]}; expected pairs (train_rows, dev_rows), one "
            "at least"
        )
    return [(train, dev) for train, dev in parts]


def _as_rows(rows: Any, m: int, name: str) -> Rows:
    """Returns rows in ascending order."""
    rows = np.asarray(rows)
    if rows.ndim != 1 or rows.dtype.kind not in "iu" or rows.size == 0:
        raise DataError(
            f"got {name} as {rows.dtype}{list(rows.shape)}; expected integers [rows], "
            "one at least: numpy.flatnonzero makes them from truth values"
        )
    if rows.min() < 0 or rows.max() >= m:
        raise DataError(
            f"got {name} from {rows.min()} to {rows.max()}; expected rows from 0 to "
            f"{m - 1} of the train set followed by the dev set"
        )
    ascending, counts = np.unique(rows, return_counts=True)
    if counts.max() > 1:
        row = ascending[np.argmax(counts)]
        raise DataError(f"got row {row} twice in {name}; expected each row once")
    return ascending.astype(np.int32)


def _check_fold(dataset: Dataset, train: Rows, dev: Rows, name: str) -> None:
    """Checks that a fold chooses by examples that it does not train on."""
    both = np.intersect1d(train, dev)
    if both.size:
        raise DataError(
            f"got {both.size} rows, such as {both[0]}, in both the train and the dev "
            f"set of {name}; expected each in one of them"
        )
    if dataset.groups is not None:
        shared = np.intersect1d(dataset.groups[train], dataset.groups[dev])
        if shared.size:
            raise DataError(
                f"got {shared.size} groups with examples in both the train and the dev "
                f"set of {name}; expected each group in one of them: give a number of "
                "folds, or a splitter such as GroupKFold"
            )
    if dataset.about.in_order and dev[0] < train[-1]:
        raise DataError(
            f"got dev row {dev[0]} before train row {train[-1]} in {name} of data that "
            "follow time; expected all dev rows after the train rows, as "
            "TimeSeriesSplit of scikit-learn has them"
        )
    for rows in (train, dev):
        if dataset.weights is not None and not dataset.weights[rows].any():
            raise DataError(
                f"got weights that are all 0 in a set of {name}; expected some above "
                "0: use fewer folds, or leave out what counts nothing"
            )


def _rows(chosen: NDArray[np.bool_]) -> Rows:
    return np.flatnonzero(chosen).astype(np.int32)


def _first(arrays: Any) -> NDArray[Any]:
    """Returns the only array, or the first one of a dict, which has the same m.

    A source is not read: it becomes an array of its shape without numbers.
    """
    first = next(iter(named(arrays).values()))
    if isinstance(first, Source):
        return np.broadcast_to(np.zeros((), first.dtype), first.shape)
    return np.asarray(first)


def _weighted(dataset: Dataset) -> Dataset:
    if dataset.weights is not None:
        return dataset
    return replace(dataset, weights=np.ones(num_examples(dataset.inputs), np.float32))
