"""Datasets from arrays, and weights that make classes count equally."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxdl.data.about import DataError
from jaxdl.data.checks import check_dataset
from jaxdl.data.dataset import Dataset


def from_arrays(
    inputs: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None
) -> Dataset:
    """Returns the arrays as a checked dataset.

    The cost of a batch is `(1/m) sum_i w_i L_i`, so weights with a mean of 1 do not
    change the scale of the learning rate. A metric of a set is `sum_i w_i v_i / sum_i
    w_i`.

        >>> examples = dl.data.from_arrays([[0.5, 2.0], [1.0, 3.0]], [0, 1])
        >>> examples.inputs.shape, examples.labels.tolist()
        ((2, 2), [0, 1])

    Args:
        inputs: `[m, ...]` finite numbers. They become float32, or float64 if they are
            float64 or are integers that float32 would round.
        labels: `[m]` integers from 0, or `[m, ...]` finite float targets.
        weights: `[m]` finite numbers of at least 0, not all 0; None for 1 each.

    Raises:
        DataError: there are no examples, the lengths differ, inputs are not finite
            numbers, labels are not numbers, or a label or weight is negative.
    """
    inputs, labels = np.asarray(inputs), np.asarray(labels)
    weights = None if weights is None else np.asarray(weights)
    inputs, labels = (x.astype(x.dtype.newbyteorder("=")) for x in (inputs, labels))
    check_dataset(Dataset(inputs, labels, weights), "the data")
    single = inputs.astype(np.float32)
    wide = inputs.dtype.kind == "f" and inputs.dtype.itemsize > 4
    rounded = inputs.dtype.kind in "iu" and (single != inputs).any()
    inputs = inputs.astype(np.float64) if wide or rounded else single
    labels = labels.astype(np.float32 if labels.dtype.kind == "f" else np.int32)
    weights = None if weights is None else weights.astype(np.float32)
    return Dataset(inputs, labels, weights)


def class_weights(labels: ArrayLike) -> NDArray[np.float32]:
    """Returns `m / (C m_c)` for each class, `[C]`: all classes count equally in total.

    `nn.class_weighted` takes these weights. `class_weights(labels)[labels]` are weights
    of examples for `from_arrays`, with a mean of 1.

        >>> dl.data.class_weights([0, 0, 1, 1, 1, 1]).tolist()  # 6 / (2 · 2), ...
        [1.5, 0.75]

    Args:
        labels: `[m]` integers 0..C-1; each class occurs at least once.

    Raises:
        DataError: the labels are not such integers.

    Source: King and Zeng, Logistic Regression in Rare Events Data, 2001.
    """
    labels = np.asarray(labels)
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or labels.min(initial=0) < 0:
        raise DataError(
            f"got labels {labels.dtype}{list(labels.shape)}; expected integers from 0"
        )
    classes, counts = np.unique(labels, return_counts=True)
    if not len(classes) or classes[-1] >= len(classes):
        raise DataError(
            f"got {len(classes)} classes up to {labels.max(initial=-1)}; expected an "
            "example of each class from 0: renumber the labels, for example with "
            "numpy.unique"
        )
    return (len(labels) / (len(counts) * counts)).astype(np.float32)
