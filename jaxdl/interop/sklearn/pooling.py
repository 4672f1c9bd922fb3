"""Sets of examples as one dataset, with the train and validation rows of each."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from jaxdl.data import Dataset, from_arrays
from jaxdl.interop.sklearn.requests import Examples, Training

LEAST_VALIDATION = 10  # examples; with fewer, the best epoch would be one of luck
SPARE = 0.01  # the share of a train set that may stay out, so that sizes are equal

Rows = NDArray[np.int64]


def pooled(
    training: Training, seed: int, sets: Sequence[Examples]
) -> tuple[Dataset, list[tuple[Rows, Rows]], int | None]:
    """Returns all examples, the train and dev rows of each set, and the patience.

    Without early stopping, or where a set is too small for it, the patience is None. A
    set then trains on all of its rows; its dev set, which nothing reads, is a copy of
    its first row.

    Args:
        training: what the sets train with.
        seed: of the validation sets.
        sets: of equal shapes but for m.
    """
    arrays = list(sets)
    starts = np.cumsum([0, *(len(examples.inputs) for examples in sets)])
    parts = [_held_out(examples, training, seed) for examples in sets]
    patience = training.patience
    if patience is None or min(len(dev) for _, dev in parts) < LEAST_VALIDATION:
        patience = None
        ends = starts[-1] + np.arange(len(sets))
        folds = [
            (np.arange(start, stop), np.array([end]))
            for start, stop, end in zip(starts[:-1], starts[1:], ends, strict=True)
        ]
        arrays += [_first_row(examples) for examples in sets]
    else:
        patience = min(patience, max(1, training.epochs - 1))
        folds = [
            (train + start, dev + start)
            for (train, dev), start in zip(parts, starts[:-1], strict=True)
        ]
    weighted = any(examples.weights is not None for examples in sets)
    pool = from_arrays(
        np.concatenate([x.inputs for x in arrays]),
        np.concatenate([x.labels for x in arrays]),
        np.concatenate([_weights(x) for x in arrays]) if weighted else None,
        classes=1 + int(max(x.labels.max() for x in sets)) if training.classes else (),
    )
    return pool, _of_equal_sizes(folds, seed), patience


def _held_out(examples: Examples, training: Training, seed: int) -> tuple[Rows, Rows]:
    """Returns train and validation rows; classes have their shares of both.

    The examples are shuffled, classes put one after another, and every so many taken,
    so that a class is never held out as a whole.
    """
    labels = examples.labels
    order = np.random.default_rng(seed).permutation(len(labels))
    dealt = order
    if training.classes:
        dealt = dealt[np.argsort(labels[dealt], kind="stable")]
        dealt = dealt[np.bincount(labels)[labels[dealt]] > 1]
    count = round(training.validation_fraction * len(dealt))
    every = len(dealt) / max(1, count)
    dev = dealt[np.floor((np.arange(count) + 0.5) * every).astype(int)]
    return np.setdiff1d(order, dev), np.sort(dev)


def _of_equal_sizes(
    folds: list[tuple[Rows, Rows]], seed: int
) -> list[tuple[Rows, Rows]]:
    """Returns folds that share a program, if a few rows left out make it so."""
    for part in (0, 1):
        sizes = [len(fold[part]) for fold in folds]
        if max(sizes) - min(sizes) > max(1, SPARE * min(sizes)):
            return folds
    draws = np.random.default_rng(seed)
    least = [min(len(fold[part]) for fold in folds) for part in (0, 1)]

    def cut(rows: Rows, size: int) -> Rows:
        return np.sort(draws.permutation(rows)[:size])

    return [(cut(train, least[0]), cut(dev, least[1])) for train, dev in folds]


def _first_row(examples: Examples) -> Examples:
    x, y, w, _ = examples
    return Examples(x[:1], y[:1], None if w is None else w[:1], "")


def _weights(examples: Examples) -> NDArray[np.float32]:
    if examples.weights is None:
        return np.ones(len(examples.inputs), np.float32)
    return examples.weights
