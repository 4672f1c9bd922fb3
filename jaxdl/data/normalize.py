"""Normalization of inputs and targets with the train set's moments."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxdl.data.about import DataError, Moments, Scaling, listed
from jaxdl.data.checks import check_sets, is_float
from jaxdl.data.dataset import Dataset, Splits, constant_features


def normalize(splits: Splits, *, targets: bool = False) -> Splits:
    """Returns the splits with inputs `(x - μ) / σ`, μ and σ those of the train set.

    Each feature has its own μ and σ over the train examples, computed in float64. All
    three sets use them; `splits.moments.normalize` does the same to later raw inputs. A
    feature that is constant in the train set, except for rounding, is only shifted.
    Features that are no quantities (`ids`) stay as they are. Weights are ignored.

    Float inputs are normalized here. Integer inputs are stored as they are, and the
    program of a training normalizes each batch (`scaling.inputs`). So are targets
    (`scaling.labels`): a model learns `(y - μ) / σ`, and predictions and errors are in
    the units of y. Data that are normalized already are normalized once more, and their
    moments stay those of the raw inputs.

        >>> one = dl.data.from_arrays([[1.0], [3.0]], [0, 1])
        >>> splits = dl.data.normalize(dl.data.Splits(one, one, one))
        >>> splits.train.inputs.tolist()  # mean 2, standard deviation 1
        [[-1.0], [1.0]]

    Args:
        splits: raw inputs `[m, ...]`.
        targets: whether to scale the labels too. Integer labels become float targets.

    Raises:
        DataError: `check` refuses the splits, or targets are to be scaled and the
            labels are classes.
    """
    check_sets(splits)
    if targets:
        splits = _with_scaled_targets(splits)
    train, ids = splits.train, splits.train.about.ids
    if ids is True:
        return splits._replace(moments=None)
    moments = moments_of(train.inputs, ids)

    def normalized(dataset: Dataset) -> Dataset:
        if is_float(dataset.inputs):
            return replace(dataset, inputs=moments.normalize(dataset.inputs))
        scaling = dataset.scaling or Scaling()
        return replace(dataset, scaling=scaling._replace(inputs=moments))

    before = splits.moments if is_float(train.inputs) else None
    whole = moments if before is None else before.then(moments)
    return Splits(*map(normalized, splits.sets.values()), moments=whole)


def moments_of(
    values: NDArray[Any],
    ids: tuple[int, ...] | bool = (),
    *,
    moments: Moments | None = None,
) -> Moments:
    """Returns mean and standard deviation of each feature, in float64.

    Args:
        values: `[m, ...]`.
        ids: the features of values `[m, F]` that get mean 0 and scale 1; True: all.
        moments: of the normalization that the values went through, see
            `constant_features`.
    """
    mean = np.array(np.mean(values, axis=0, dtype=np.float64))
    scale = np.array(np.std(values, axis=0, dtype=np.float64))
    scale[constant_features(values, moments=moments)] = 1
    if ids:
        kept = ... if ids is True else list(ids)
        mean[kept], scale[kept] = 0, 1
    return Moments(mean, scale)


def _with_scaled_targets(splits: Splits) -> Splits:
    if splits.classes:
        raise DataError(
            f"got targets=True for labels that are classes ({listed(splits.classes)}); "
            "expected targets to predict: leave targets=True out"
        )
    moments = moments_of(splits.train.labels.astype(np.float32))

    def scaled(dataset: Dataset) -> Dataset:
        return replace(
            dataset,
            labels=dataset.labels.astype(np.float32),
            scaling=(dataset.scaling or Scaling())._replace(labels=moments),
            about=dataset.about._replace(classes=()),
        )

    return Splits(*map(scaled, splits.sets.values()), moments=splits.moments)
