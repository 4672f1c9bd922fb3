"""What a model learns from: examples with labels, in three sets.

`m` examples of shape `[...]`, `C` classes. Everything here is NumPy on the host. Inputs
and labels are one array each, or a dict of arrays with the same m. Inputs may be read
from elsewhere, see `jaxdl/data/rows.py`.
"""

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, NamedTuple, NoReturn

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from jaxdl import shown
from jaxdl.counts import as_count
from jaxdl.data import display
from jaxdl.data.about import About, DataError, Moments, Scaling
from jaxdl.data.deferred import Inputs, ungathered
from jaxdl.data.passes import span
from jaxdl.data.rows import Source
from jaxdl.data.trees import is_tree, named, num_examples

_UNDER_FOLDS: ContextVar[bool] = ContextVar("under folds", default=False)


@contextlib.contextmanager
def recipe_under_folds() -> Iterator[None]:
    """Makes it an error to ask for sizes of the whole data, as a recipe might.

    Under folds a recipe trains on a part of the data, whose sizes are others.
    """
    token = _UNDER_FOLDS.set(True)
    try:
        yield
    finally:
        _UNDER_FOLDS.reset(token)


def check_not_under_folds(what: str, instead: str) -> None:
    """Checks that no recipe of a fold asks for `what`.

    Raises:
        DataError: it does. The error says what to use instead.
    """
    if _UNDER_FOLDS.get():
        raise DataError(
            f"got {what} of the whole data inside a recipe; under folds a recipe "
            f"trains on a part of it: write recipe(hp, facts) and facts.{instead}"
        )


@dataclass(frozen=True, eq=False)
class Dataset:
    """Examples with their labels, and what is known of them.

    A dataset is a pytree of its arrays. `len(dataset)` is m, and `dataset[rows]` is the
    dataset of some examples. Two datasets are equal if they are one object.

    After `split`, `inputs` reads rows of a large array when they are first needed. The
    array must stay as it is until then; reading raises `DataError` otherwise.

        >>> examples = dl.data.from_arrays([[0.5], [1.0], [2.0]], [0, 1, 1])
        >>> len(examples), examples[1:].labels.tolist()
        (3, [1, 1])
    """

    inputs: Any  # [m, ...] numbers, or a dict of such arrays
    labels: Any  # [m] integers, or [m, ...] float targets, or a dict of such arrays
    weights: Any = None  # [m] floats of at least 0; None: 1 each
    groups: Any = None  # [m] integers on the host; equal for what stays together
    _: KW_ONLY
    scaling: Scaling | None = None  # None: the arrays are used as they are
    about: About = About()

    def __repr__(self) -> str:
        return shown.as_text("Dataset", shown.pairs(display.facts(self)))

    def _repr_html_(self) -> str:
        return shown.as_html("Dataset", (), display.facts(self).items())

    def __len__(self) -> int:
        check_not_under_folds("the length", "num_examples")
        return num_examples(ungathered(self))

    def __getitem__(self, rows: Any) -> "Dataset":
        """Returns the dataset of some examples, in the order of the rows.

        Args:
            rows: a slice, integers, or one truth value an example.

        Raises:
            TypeError: the rows are none of these, such as a single int.
            IndexError: a row is outside the dataset.
        """
        if not isinstance(rows, slice):
            rows = _as_rows(rows, num_examples(self.inputs))
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


type.__setattr__(Dataset, "inputs", Inputs())  # still a field without default

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

    Scaling and what is known of the examples stay those of the first. Arrays that all
    datasets lack are None.
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
    # Moments of the raw train inputs, of a dict by name; None if not normalized
    moments: Any = None

    def __repr__(self) -> str:
        return shown.as_text("Splits", shown.pairs(display.facts_of_sets(self)))

    def _repr_html_(self) -> str:
        return shown.as_html("Splits", (), display.facts_of_sets(self).items())

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
        """C: how many classes have a name.

        Without names: the largest integer label plus 1, or the width of labels
        `[m, C]`.

        Raises:
            DataError: the labels are not classes.
        """
        if self.classes:
            return len(self.classes)
        labels = self.train.labels
        if is_tree(labels):
            raise DataError(
                f"got the labels {[*named(labels)]}, which have no number of classes "
                "together; expected one array of integers or one-hot targets"
            )
        if self.classes is None and is_one_hot(labels):
            return labels.shape[1]
        whole = self.classes is None and np.issubdtype(labels.dtype, np.integer)
        if whole and np.min(labels) >= 0:
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
        check_not_under_folds("steps_per_epoch", "steps_per_epoch(batch_size)")
        batch_size = as_count("batch_size", batch_size, error=DataError)
        return -(-len(self.train) // batch_size)


def is_one_hot(labels: Any) -> bool:
    """Returns whether labels are rows `[m, C]` in 0..1, one-hot or soft, C above 1."""
    if is_tree(labels):
        return False
    wide = labels.ndim == 2 and labels.shape[1] > 1
    return bool(wide and np.min(labels) >= 0 and np.max(labels) <= 1)


def are_classes(labels: Any) -> bool:
    """Returns whether labels may be classes: integers `[m]`."""
    return not is_tree(labels) and labels.ndim == 1 and labels.dtype.kind in "iu"


def constant_features(
    *inputs: NDArray[Any] | Source, moments: Moments | None = None
) -> NDArray[np.bool_]:
    """Returns which features are constant in all arrays, in an example's shape.

    A feature is constant if its values differ by rounding alone: by at most four times
    `eps` of their type and their size. Integers have no rounding.

        >>> dl.data.dataset.constant_features(np.array([[0.3, 1.0], [0.1 + 0.2, 2.0]]))
        array([ True, False])

    Args:
        inputs: arrays `[m, ...]` of one shape but for m.
        moments: of the normalization that float inputs went through. A feature that was
            constant in the train set had the size of its mean before. Moments of other
            features do not count.
    """
    lows, highs = zip(*map(span, inputs), strict=True)
    low, high = np.min(lows, axis=0), np.max(highs, axis=0)
    if low.dtype.kind in "biu":
        return low == high
    eps = max(float(jnp.finfo(x.dtype).eps) for x in inputs)
    low, high = low.astype(np.float64), high.astype(np.float64)
    size = np.maximum(np.abs(low), np.abs(high))
    if moments is not None and moments.mean.shape == size.shape:
        size = np.maximum(size, np.where(moments.scale == 1, abs(moments.mean), 0))
    return high - low <= 4 * eps * size
