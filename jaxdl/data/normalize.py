"""Normalization of inputs and targets with the train set's moments."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxdl.data.about import DataError, Moments, Scaling, by_name, listed
from jaxdl.data.array_checks import is_float
from jaxdl.data.checks import check_sets
from jaxdl.data.dataset import Dataset, Splits, constant_features
from jaxdl.data.deferred import as_values, ungathered
from jaxdl.data.passes import mapped, sum_of
from jaxdl.data.rows import Source
from jaxdl.data.trees import is_tree, map_named, named


def normalize(splits: Splits, *, targets: bool = False) -> Splits:
    """Returns the splits with inputs `(x - μ) / σ`, μ and σ those of the train set.

    Each feature has its own μ and σ over the train examples, computed in float64. All
    three sets use them; `splits.moments.normalize` does the same to later raw inputs. A
    feature that is constant in the train set, except for rounding, is only shifted.
    Features that are no quantities (`ids`) stay as they are. Weights are ignored.

    Of a dict of inputs each array is normalized by itself, but for those that `ids`
    names; moments are then a dict by name.

    Float inputs are normalized here. Integer inputs are stored as they are, and the
    program of a training normalizes each batch (`scaling.inputs`). So are targets
    (`scaling.labels`): a model learns `(y - μ) / σ`, and predictions and errors are in
    the units of y. Data that are normalized already are normalized once more, and their
    moments stay those of the raw inputs.

    Rows of a large array that `split` left where they are are read here, those of
    integers when they are first needed. The array must stay as it is until then;
    reading raises `DataError` otherwise.

        >>> one = dl.data.from_arrays([[1.0], [3.0]], [0, 1])
        >>> splits = dl.data.normalize(dl.data.Splits(one, one, one))
        >>> splits.train.inputs.tolist()  # mean 2, standard deviation 1
        [[-1.0], [1.0]]

    Args:
        splits: raw inputs `[m, ...]`.
        targets: whether to scale the labels too. Integer labels become float targets.

    Raises:
        DataError: `check` refuses the splits, an array has changed since `split`, or
            targets are to be scaled and the labels are classes.
    """
    check_sets(splits)
    if targets:
        splits = _with_scaled_targets(splits)
    if splits.train.about.ids is True:
        return splits._replace(moments=None)
    floats = {n for n, x in named(ungathered(splits.train)).items() if is_float(x)}
    moments = input_moments(splits.train)
    own = by_name(moments)

    def normalized(dataset: Dataset) -> Dataset:
        inputs = map_named(
            lambda name, x: (
                _normalized(x, own[name]) if name in floats and name in own else x
            ),
            ungathered(dataset),
        )
        raw = {name: x for name, x in own.items() if name not in floats}
        if not raw:
            return replace(dataset, inputs=inputs)
        scaling = (dataset.scaling or Scaling())._replace(inputs=_joined(moments, raw))
        return replace(dataset, inputs=inputs, scaling=scaling)

    before = by_name(splits.moments)
    whole = {
        name: before[name].then(x) if name in floats and name in before else x
        for name, x in own.items()
    }
    return _each_set(normalized, splits)._replace(moments=_joined(moments, whole))


def input_moments(
    dataset: Dataset, *, moments: Moments | dict[str, Moments] | None = None
) -> Moments | dict[str, Moments]:
    """Returns the moments of the inputs; of a dict by name, without its ids.

    Args:
        dataset: whose inputs are not ids alone.
        moments: as `moments_of` has them, by name as well.
    """
    ids, inputs = dataset.about.ids, ungathered(dataset)
    before = by_name(moments)
    if not is_tree(inputs):
        return moments_of(as_values(inputs), ids, moments=before.get(""))
    skipped = () if isinstance(ids, bool) else ids
    return {
        name: moments_of(as_values(x), moments=before.get(name))
        for name, x in named(inputs).items()
        if name not in skipped
    }


def _joined(
    like: Moments | dict[str, Moments], found: dict[str, Moments]
) -> Moments | dict[str, Moments]:
    """Returns moments by name, those of one array by themselves."""
    return found[""] if isinstance(like, Moments) else found


def moments_of(
    values: NDArray[Any] | Source,
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
    mean, scale = _mean_and_spread(values)
    scale[constant_features(values, moments=moments)] = 1
    if ids:
        kept = ... if ids is True else list(ids)
        mean[kept], scale[kept] = 0, 1
    return Moments(mean, scale)


def _mean_and_spread(
    values: NDArray[Any] | Source,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns `np.mean` and `np.std` of each feature to the bit, some rows at a time.

    NumPy adds an array of another order in memory than C in another order too.
    """
    if isinstance(values, np.ndarray) and not values.flags.c_contiguous:
        mean, spread = (f(values, axis=0, dtype=np.float64) for f in (np.mean, np.std))
        return np.array(mean), np.array(spread)
    mean = sum_of(values) / len(values)
    variance = sum_of(values, lambda x: np.square(x - mean)) / len(values)
    return np.array(mean), np.array(np.sqrt(variance))


def _normalized(inputs: Any, moments: Moments) -> NDArray[np.float32] | Source:
    """Returns `(x - mean) / scale`; of a source when its rows are read."""
    if isinstance(inputs, Source):
        return inputs.normalized(moments)
    return mapped(as_values(inputs), moments.normalize, np.float32)


def _with_scaled_targets(splits: Splits) -> Splits:
    if splits.classes:
        raise DataError(
            f"got targets=True for labels that are classes ({listed(splits.classes)}); "
            "expected targets to predict: leave targets=True out"
        )
    if is_tree(splits.train.labels):
        raise DataError(
            f"got targets=True for the labels {[*named(splits.train.labels)]}; "
            "expected one array of targets: scale them before they become a dataset"
        )
    moments = moments_of(splits.train.labels.astype(np.float32))

    def scaled(dataset: Dataset) -> Dataset:
        return replace(
            dataset,
            inputs=ungathered(dataset),
            labels=dataset.labels.astype(np.float32),
            scaling=(dataset.scaling or Scaling())._replace(labels=moments),
            about=dataset.about._replace(classes=()),
        )

    return _each_set(scaled, splits)


def _each_set(function: Callable[[Dataset], Dataset], splits: Splits) -> Splits:
    """Returns a function of each set; dev and test may be one, and stay one."""
    dev = function(splits.dev)
    test = dev if splits.test is splits.dev else function(splits.test)
    return splits._replace(train=function(splits.train), dev=dev, test=test)
