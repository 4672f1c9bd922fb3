"""What a model learns from: examples with labels, in three sets, checked.

`m` examples of shape `[...]`, `C` classes. Everything here is NumPy on the host.
"""

import contextlib
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, NamedTuple, NoReturn

import jax
import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxdl.counts import as_count


class DataError(ValueError):
    """Data that cannot be trained on. The message names the entry and what to do."""


class About(NamedTuple):
    """What is known of the examples beside their numbers; each subset keeps it."""

    classes: tuple[str, ...] | None = None  # names; (): labels are targets; None: open
    features: tuple[str, ...] | None = None  # names of the features of inputs [m, F]
    ids: tuple[int, ...] | bool = ()  # features that are no quantities; True: all
    in_order: bool = False  # the rows follow time


class Moments(NamedTuple):
    """What normalization subtracts and divides by, one entry for each feature."""

    mean: NDArray[np.float64]  # [...], the shape of an example
    scale: NDArray[np.float64]  # [...], standard deviation; 1 for constant features

    def normalize(self, inputs: ArrayLike) -> NDArray[np.float32]:
        """Returns `(x - mean) / scale` for raw inputs `[m, ...]`."""
        return ((np.asarray(inputs) - self.mean) / self.scale).astype(np.float32)


class Scaling(NamedTuple):
    """What a program subtracts and divides by, because the arrays are stored raw."""

    inputs: Moments | None = None  # None: the inputs are used as they are
    labels: Moments | None = None  # None: the labels are used as they are


@dataclass(frozen=True, eq=False)
class Dataset:
    """Examples with their labels, and what is known of them.

    A dataset is a pytree of its arrays. `len(dataset)` is m, and `dataset[rows]` is the
    dataset of some examples. Two datasets are equal if they are one object.

        >>> examples = dl.data.from_arrays([[0.5], [1.0], [2.0]], [0, 1, 1])
        >>> len(examples), examples[1:].labels.tolist()
        (3, [1, 1])
    """

    inputs: Any  # [m, ...] floats
    labels: Any  # [m] integers 0..C-1, or [m, ...] float targets
    weights: Any = None  # [m] floats of at least 0; None: 1 each
    groups: Any = None  # [m] integers on the host; equal for what stays together
    _: KW_ONLY
    scaling: Scaling | None = None  # None: the arrays are used as they are
    about: About = About()

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, rows: Any) -> "Dataset":
        """Returns the dataset of some examples, in the order of the rows.

        Args:
            rows: a slice, integers, or one truth value an example.

        Raises:
            TypeError: the rows are none of these, such as a single int.
            IndexError: a row is outside the dataset.
        """
        if not isinstance(rows, slice):
            rows = _as_rows(rows, len(self.inputs))
        return map_examples(lambda x: x[rows], self)

    def __iter__(self) -> NoReturn:
        raise TypeError(
            "got a Dataset where something to iterate over is expected: write "
            "dataset.inputs, dataset.labels and dataset.weights for its arrays, or "
            "dataset[rows] for some examples"
        )

    def __bool__(self) -> NoReturn:
        raise TypeError(
            "got a Dataset as a truth value: write `dataset is not None`, or "
            "`len(dataset) > 0`"
        )


jax.tree_util.register_dataclass(
    Dataset,
    data_fields=("inputs", "labels", "weights", "groups", "scaling"),
    meta_fields=("about",),
)


def _as_rows(rows: Any, m: int) -> Any:
    """Returns rows as integers, checked if they are numbers that are known now."""
    if isinstance(rows, jax.core.Tracer):
        return rows
    array = np.asarray(rows) if not isinstance(rows, tuple) else np.empty(0)
    if array.ndim != 1 or array.dtype.kind not in "biu":
        raise TypeError(
            f"got dataset[{str(rows)[:100]}]; expected a slice, a list or array of "
            "integers, or one truth value an example: dataset[i : i + 1] is example i"
        )
    return np.arange(m)[array]  # JAX itself would not refuse a row outside


def map_examples(function: Callable[..., Any], *datasets: Dataset) -> Dataset:
    """Returns the first dataset with `function` of each array that has an axis m.

    Scaling and what is known of the examples stay as they are. Arrays that all of the
    datasets lack stay out.
    """

    def arrays(dataset):
        return dataset.inputs, dataset.labels, dataset.weights, dataset.groups

    mapped = jax.tree.map(function, *map(arrays, datasets))
    inputs, labels, weights, groups = mapped
    return replace(
        datasets[0], inputs=inputs, labels=labels, weights=weights, groups=groups
    )


class Splits(NamedTuple):
    """Three sets of one problem: to train on, to choose by, and to use only once."""

    train: Dataset
    dev: Dataset
    test: Dataset
    moments: Moments | None = None  # of the raw train inputs; None if not normalized

    @property
    def sets(self) -> dict[str, Dataset]:
        """The three sets by name."""
        return {"train": self.train, "dev": self.dev, "test": self.test}

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The names of the classes; (): labels are targets; None: not known."""
        return self.train.about.classes

    @property
    def features(self) -> tuple[str, ...] | None:
        """The names of the features of inputs `[m, F]`; None: not known."""
        return self.train.about.features

    @property
    def target_moments(self) -> Moments | None:
        """What a program scales the labels by; None: it uses them as they are."""
        scaling = self.train.scaling
        return None if scaling is None else scaling.labels

    @property
    def num_classes(self) -> int:
        """C: the largest integer label plus 1, or the width of labels `[m, C]`.

        Raises:
            DataError: the labels are not classes.
        """
        labels = self.train.labels
        if labels.ndim == 2:
            return labels.shape[1]
        if np.issubdtype(labels.dtype, np.integer):
            return 1 + max(
                int(np.max(dataset.labels)) for dataset in self.sets.values()
            )
        raise DataError(
            f"got labels {labels.dtype}{list(labels.shape)}, which have no number of "
            "classes; expected integers [m] or one-hot targets [m, C]"
        )

    def steps_per_epoch(self, batch_size: int) -> int:
        """Returns `ceil(m / batch_size)` for the train set's m.

        Raises:
            DataError: the batch size is not an integer of at least 1.
        """
        batch_size = as_count("batch_size", batch_size, error=DataError)
        return -(-len(self.train.inputs) // batch_size)


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


def check(splits: Splits) -> None:
    """Checks the three sets, each by itself and against the others.

    Raises:
        DataError: the argument is not `Splits` of arrays, `from_arrays` would refuse a
            set, or the shapes or types of examples or labels differ between the sets.
    """
    if not isinstance(splits, Splits):
        raise DataError(f"got data of type {type(splits).__name__}; expected Splits")
    for name, dataset in splits.sets.items():
        check_dataset(dataset, f"the {name} set")
    for name, dataset in (("dev", splits.dev), ("test", splits.test)):
        for field in ("inputs", "labels"):
            ours, theirs = getattr(dataset, field), getattr(splits.train, field)
            if (ours.shape[1:], ours.dtype) != (theirs.shape[1:], theirs.dtype):
                raise DataError(
                    f"got {field} {ours.dtype}{list(ours.shape)} in the {name} set and "
                    f"{theirs.dtype}{list(theirs.shape)} in the train set; expected "
                    "the same type and shape after the first axis"
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
    if inputs.dtype.kind not in "biuf" or labels.dtype.kind not in "biuf":
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
    if labels.dtype.kind in "iu" and (labels.min() < 0 or labels.max() >= 2**31):
        bad = ((labels < 0) | (labels >= 2**31)).reshape(len(labels), -1).any(axis=1)
        row = int(np.flatnonzero(bad)[0])
        raise DataError(
            f"got label {labels[row]} in row {row} of {name}; expected classes "
            "counted from 0: renumber them, for example with numpy.unique"
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


@contextlib.contextmanager
def recipe_under_folds():
    yield
