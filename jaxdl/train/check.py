"""Checks of a training before anything is compiled."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxdl import nn
from jaxdl.counts import is_count
from jaxdl.data import DataError, Dataset, Splits
from jaxdl.data.deferred import as_values
from jaxdl.data.passes import span
from jaxdl.data.rows import Source, as_source
from jaxdl.data.trees import as_dicts, is_tree, map_named, named, num_examples, words
from jaxdl.nn.losses import PerExample
from jaxdl.nn.spec import is_shape


def as_patience(patience: int | None, epochs: int) -> int | None:
    """Returns the patience of early stopping as a plain int, or None.

    Args:
        patience: in epochs; None for no early stopping.
        epochs: of the whole training.

    Warns:
        UserWarning: the patience is not shorter than the training.

    Raises:
        ValueError: the patience is neither None nor an int of at least 1.
    """
    if patience is None:
        return None
    if not is_count(patience):
        raise ValueError(
            f"got patience={patience!r}; expected a number of epochs, an int of at "
            "least 1, or None for no early stopping"
        )
    if patience >= epochs:
        warnings.warn(
            f"got patience={patience} and epochs={epochs}: no training can stop early; "
            f"expected a patience below {epochs}",
            stacklevel=3,
        )
    return int(patience)


def check_against_data(
    batch_size: int, loss: PerExample, data: Splits, out_shape: Any
) -> None:
    """Checks a recipe against the data, before anything is compiled.

    Args:
        batch_size: the recipe's.
        loss: the recipe's.
        data: the three sets.
        out_shape: shape of the model's outputs for one example.

    Raises:
        DataError: a batch is larger than the train set, or labels do not suit the loss
            or the number of outputs, see `check_labels`.
    """
    m = num_examples(data.train.inputs)
    if batch_size > m:
        raise DataError(
            f"got batch_size={batch_size} for {m} training examples; expected "
            f"at most {m}: make the batches smaller"
        )
    for name, dataset in data.sets.items():
        check_labels(loss, dataset, out_shape, f"the {name} set")


def id_spans(data: Splits) -> dict[str, tuple[int, int]]:
    """Returns the least and the greatest id of each array of ids, over all sets."""
    ids = data.train.about.ids
    found: dict[str, tuple[int, int]] = {}
    for name in named(data.train.inputs):
        if ids is True or (ids and name in ids):
            arrays = [as_values(named(d.inputs)[name]) for d in data.sets.values()]
            if arrays[0].dtype.kind in "iu":
                lows, highs = zip(*map(span, arrays), strict=True)
                found[name] = int(np.min(lows)), int(np.max(highs))
    return found


def check_labels(loss: PerExample, dataset: Dataset, out_shape: Any, name: str) -> None:
    """Checks that the loss accepts the labels as classes or targets.

    Args:
        loss: the recipe's.
        dataset: the dataset with the labels.
        out_shape: shape of the model's outputs for one example.
        name: the dataset's name in errors, such as `the train set`.

    Raises:
        DataError: integers `[m, ...]` are outside 0..C-1 for outputs `[..., C]`. For
            the sigmoid cross-entropy: a label is outside 0..1. For the softmax
            cross-entropy: targets are not probabilities that add up to 1.
    """
    if is_tree(dataset.labels) or not is_shape(out_shape):
        return  # the loss is the recipe's own, and knows what it accepts
    labels, plain = np.asarray(dataset.labels), nn.plain_loss(loss)
    integers = np.issubdtype(labels.dtype, np.integer)
    rows, each = labels.reshape(len(labels), -1), "0..1 for this loss"
    if plain is nn.sigmoid_cross_entropy:
        bad = ((rows < 0) | (rows > 1)).any(axis=1)
    elif integers and labels.shape[1:] == out_shape[:-1] and out_shape[-1:] > (1,):
        bad = ((rows < 0) | (rows >= out_shape[-1])).any(axis=1)
        each = (
            f"0..{out_shape[-1] - 1} for this model and loss: renumber the labels, or "
            "give the last layer as many units as there are classes"
        )
    elif plain is nn.softmax_cross_entropy and labels.shape[1:] == out_shape:
        off = np.abs(labels.sum(axis=-1) - 1) > 1e-3
        bad = (rows < 0).any(axis=1) | off.reshape(len(labels), -1).any(axis=1)
        each = "probabilities that add up to 1 for this loss"
    else:
        return
    if bad.any():
        row = int(np.argmax(bad))
        raise DataError(
            f"got label {labels[row]} in row {row} of {name}; expected {each}"
        )


def as_inputs(inputs: Any, like: Any) -> Any:
    """Returns inputs of examples in the type of the train set's.

    Args:
        inputs: `[m, ...]`, at least one, or a dict of such arrays.
        like: shape and type of the train set's inputs.

    Raises:
        DataError: there are none, they have another shape, kind or names, or integers
            do not fit the type.
    """
    return _each(_as_input, "inputs", inputs, like)


def _each(function: Any, field: str, arrays: Any, like: Any) -> Any:
    """Returns `function(array, like)` of an array, or of each array of a dict."""
    if not is_tree(like):
        return function(arrays, like)
    names, arrays = [*named(like)], as_dicts(arrays)
    if not is_tree(arrays) or [*named(arrays)] != names:
        got = [*named(arrays)] if is_tree(arrays) else type(arrays).__name__
        raise DataError(
            f"got {field} {got}; expected a dict of the arrays {names}, as the model "
            "was trained on"
        )
    found = map_named(lambda name, x: function(x, named(like)[name]), arrays)
    lengths = {words(field, name): len(x) for name, x in named(found).items()}
    if len({*lengths.values()}) > 1:
        raise DataError(
            f"got {field} of the lengths {lengths}; expected as many examples in each"
        )
    return found


def _as_input(inputs: ArrayLike, like: Any) -> NDArray[Any] | Source:
    one, array = tuple(like.shape[1:]), as_source(inputs)
    try:
        array = np.asarray(inputs) if array is None else array
    except (TypeError, ValueError) as error:  # such as rows of different lengths
        raise DataError(
            f"got inputs of type {type(inputs).__name__} that are no array ({error}); "
            "expected numbers [m, ...], such as dataset.inputs"
        ) from error
    if array.dtype.kind not in "biuf":
        raise DataError(f"got inputs of type {array.dtype}; expected real numbers")
    if array.shape == one:
        raise DataError(
            f"got inputs {list(one)}, a single example; expected [m, ...]: for one "
            "example write inputs[None]"
        )
    if array.shape[1:] != one or not len(array):
        raise DataError(
            f"got inputs {list(array.shape)}; expected {_examples(one)} with m of at "
            "least 1, as the model was trained on"
        )
    if not np.issubdtype(like.dtype, np.integer):
        return array.astype(like.dtype)
    low, high = span(array)
    whole, limits = array.dtype.kind in "iu", np.iinfo(like.dtype)
    if not whole or np.min(low) < limits.min or np.max(high) > limits.max:
        raise DataError(
            f"got inputs of type {array.dtype} for a model that was trained on raw "
            f"{like.dtype}; expected such integers, not normalized"
        )
    return array.astype(like.dtype)


def as_labels(labels: Any, like: Any) -> Any:
    """Returns labels of examples in the type of the train set's.

    Args:
        labels: `[m, ...]`, or a dict of such arrays.
        like: shape and type of the train set's labels.

    Raises:
        DataError: they have another shape or other names, or are not integers where
            those are.
    """
    return _each(_as_label, "labels", labels, like)


def _as_label(labels: Any, like: Any) -> NDArray[Any]:
    array, one = np.asarray(labels), tuple(like.shape[1:])
    if one == () and array.shape[1:] == (1,) and array.dtype.kind in "iu":
        array = array[:, 0]  # as `from_arrays` has them
    whole = np.issubdtype(like.dtype, np.integer)
    if array.shape[1:] != one or (whole and array.dtype.kind not in "biu"):
        raise DataError(
            f"got labels {array.dtype}{list(array.shape)}; expected {like.dtype}"
            f"{_examples(one)}, as the model was trained on"
        )
    return array.astype(like.dtype)


def _examples(one: tuple[int, ...]) -> str:
    """Returns the shape of m examples of a shape, such as `[m, 8]`, for an error."""
    return f"[{', '.join(['m', *map(str, one)])}]"
