"""Folds: each example is in the dev set of one fold and in the other train sets.

`m` examples, `k` folds.
"""

import itertools
from dataclasses import replace
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from jaxdl.counts import is_count
from jaxdl.data.about import DataError
from jaxdl.data.dataset import Dataset, Splits, map_examples
from jaxdl.data.split import are_classes

Rows = NDArray[np.int32]
Folds = Any  # an int, pairs of rows, or a splitter


def pool(splits: Splits) -> Dataset:
    """Returns the examples of the train and the dev set, in this order.

    If only one of the two has weights, those of the other are 1. A dev set with the
    inputs of the test set is the test set, so it stays out.
    """
    train, dev, test = splits.sets.values()
    if np.array_equal(dev.inputs, test.inputs):
        return train
    if train.weights is not None or dev.weights is not None:
        train, dev = _weighted(train), _weighted(dev)
    return map_examples(lambda *both: np.concatenate(both), train, dev)


def fold_rows(
    dataset: Dataset, k: int, *, key: jax.Array, classes: bool | None = None
) -> list[tuple[Rows, Rows]]:
    """Returns the rows of the train and the dev set of each of k folds.

    The examples are shuffled and dealt to k dev sets of `floor(m / k)`, one after
    another. If the labels are classes, they are dealt class by class, so that two dev
    sets differ by at most one example of a class. The train set of a fold is everything
    outside its dev set. The `m mod k` examples that are left over are in every train
    set and in no dev set, so all folds have the same sizes.

        >>> examples = dl.data.from_arrays(np.zeros((10, 1)), np.arange(10) % 2)
        >>> folds = dl.data.fold_rows(examples, 3, key=jax.random.key(0))
        >>> [(len(train), len(dev)) for train, dev in folds]
        [(7, 3), (7, 3), (7, 3)]

    Args:
        dataset: `[m, ...]` examples.
        k: the number of folds, an int from 2 to m.
        key: of the shuffle.

    Raises:
        DataError: k is not such an int, or the weights of a set are all 0.

    Source: Kohavi, A Study of Cross-Validation and Bootstrap for Accuracy Estimation
    and Model Selection, 1995.
    """
    labels, m = np.asarray(dataset.labels), len(dataset.labels)
    if not is_count(k, least=2) or k > m:
        raise DataError(
            f"got folds={k!r} for {m} examples of the train and dev sets; expected an "
            "int from 2 to as many as there are"
        )
    dealt = np.asarray(jax.random.permutation(key, m))[m % k :]
    if are_classes(labels):
        dealt = dealt[np.argsort(labels[dealt], kind="stable")]
    owner = np.full(m, -1)
    owner[dealt] = np.arange(len(dealt)) % k
    parts = [(_rows(owner != fold), _rows(owner == fold)) for fold in range(k)]
    for rows in itertools.chain.from_iterable(parts):
        if dataset.weights is not None and not dataset.weights[rows].any():
            raise DataError(
                f"got weights that are all 0 in a set of {k} folds; expected some "
                "above 0: use fewer folds, or leave out what counts nothing"
            )
    return parts


def _rows(chosen: NDArray[np.bool_]) -> Rows:
    return np.flatnonzero(chosen).astype(np.int32)


def _weighted(dataset: Dataset) -> Dataset:
    if dataset.weights is not None:
        return dataset
    return replace(dataset, weights=np.ones(len(dataset.inputs), np.float32))
