"""Folds: examples divided so often that each is chosen by once and else trained on.

`m` examples, `k` folds.
"""

import itertools

import jax
import numpy as np
from numpy.typing import NDArray

from jaxdl.counts import is_count
from jaxdl.data.dataset import DataError, Dataset, Splits
from jaxdl.data.split import are_classes

Rows = NDArray[np.int32]


def pool(splits: Splits) -> Dataset:
    """Returns the examples of the train and the dev set, in this order.

    Where only one of the two has weights, those of the other are 1. A dev set with the
    inputs of the test set stands for it, and stays out as that does.
    """
    train, dev, test = splits.sets.values()
    if np.array_equal(dev.inputs, test.inputs):
        return train
    if train.weights is not None or dev.weights is not None:
        train, dev = _weighted(train), _weighted(dev)
    return jax.tree.map(lambda *both: np.concatenate(both), train, dev)


def fold_rows(dataset: Dataset, k: int, *, key: jax.Array) -> list[tuple[Rows, Rows]]:
    """Returns the rows of the train and the dev set of each of k folds.

    The examples are shuffled and dealt out to k dev sets of `floor(m / k)`, one after
    another; where the labels are classes, class by class, so that two dev sets differ
    by one example of a class at most. A fold trains on whatever is not in its dev set.
    What cannot be dealt out evenly, fewer than k examples, is in the train set of every
    fold and in no dev set: all folds have sets of the same sizes.

    Args:
        dataset: `[m, ...]` examples.
        k: from 2 to m.
        key: of the shuffle.

    Raises:
        DataError: k is outside its range, or a set has no example with a weight.

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
    return dataset._replace(weights=np.ones(len(dataset.inputs), np.float32))
