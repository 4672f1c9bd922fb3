"""Division of a dataset into three, and normalization with the train set's moments.

`m` examples are divided among `S` sets: three, or two if dev and test are one set.
"""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import jax
import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxdl.data.about import DataError, Moments
from jaxdl.data.checks import check, check_dataset
from jaxdl.data.dataset import Dataset, Splits


def split(
    dataset: Dataset,
    fractions: str | Sequence[float] = (0.6, 0.2, 0.2),
    *,
    key: jax.Array,
    stratify: bool = False,
    groups: ArrayLike | None = None,
) -> Splits:
    """Returns train, dev and test sets drawn from `dataset` without replacement.

    Each set is in random order, and the sizes add up to m exactly.

    - By default the examples are shuffled once, and set i ends at
      `round(m * sum(fractions[:i+1]))`. If a set lacks a class, a warning names it.
    - With `stratify`, each class is divided by the fractions. Of its n examples, set i
      gets `n * fractions[i]`, rounded down or up, and at least one. Examples left over
      by rounding down go first to sets without an example of the class, then to the
      sets furthest below their size. Except for small classes, each set's size is
      within one of `m * fractions[i]`.
    - With `groups`, examples of one group stay together. The groups are shuffled. Each
      goes to the set that is furthest below its size; the last groups go to sets that
      are still empty. No set exceeds `m * fractions[i]` by the size of the largest
      group or more.

    With two fractions there is no dev set of its own: the test set is also the dev set.
    Models are then chosen by it, so its error is not an error on unseen data.

        >>> examples = dl.data.from_arrays(np.zeros((10, 2)), np.arange(10) % 2)
        >>> splits = dl.data.split(examples, "60:20:20", key=jax.random.key(0),
        ...                        stratify=True)
        >>> {name: len(part.labels) for name, part in splits.sets.items()}
        {'train': 6, 'dev': 2, 'test': 2}

    Args:
        dataset: `[m, ...]` examples.
        fractions: of train, dev and test, or of train and test; each above 0, with the
            sum 1. Or percentages in a text, with the sum 100: "60:20:20" for about
            10,000 examples, "98:1:1" for a million, "99.5:0.4:0.1" for more, "70:30".
        key: of the shuffle.
        stratify: whether to divide each class by itself; labels must be integers `[m]`.
        groups: `[m]` integers or texts, such as the person of each example.

    Raises:
        DataError: `from_arrays` would refuse the data; fractions, labels or groups are
            not as above; both `stratify` and `groups` are given; or a set would lack
            examples, examples of a class, or groups.

    Source of the fractions: Ng, Deep Learning Specialization, course 2.
    """
    check_dataset(dataset, "the data")
    shares, labels = _shares(fractions), np.asarray(dataset.labels)
    if stratify and groups is not None:
        raise DataError(
            "got both stratify and groups; expected one of them: whole groups cannot "
            "keep the proportions of the classes"
        )
    if stratify:
        parts = _by_class(labels, shares, key)
    elif groups is not None:
        parts = _by_group(np.asarray(groups), len(labels), shares, key)
    else:
        parts = _by_example(len(labels), shares, key)
    sets = [dataset[rows] for rows in parts]
    splits = Splits(sets[0], sets[1], sets[-1])
    _warn_of_missing_classes(labels, splits)
    return splits


def _shares(fractions: str | Sequence[float]) -> NDArray[np.float64]:
    """Returns the fractions `[S]`, which may be percentages in a text."""
    try:
        if isinstance(fractions, str):
            shares = np.array(fractions.split(":"), float) / 100
        else:
            shares = np.asarray(fractions, float)
    except (TypeError, ValueError):
        shares = np.empty(0)
    positive = np.isfinite(shares).all() and (shares > 0).all()
    whole = positive and abs(shares.sum() - 1) <= 1e-9
    if shares.shape not in ((2,), (3,)) or not whole:
        raise DataError(
            f"got fractions {fractions!r}; expected three numbers above 0 (or two, for "
            'no dev set) that add up to 1, such as (0.6, 0.2, 0.2), or "60:20:20"'
        )
    return shares


def _shuffled(m: int, key: jax.Array) -> NDArray[np.int32]:
    return np.asarray(jax.random.permutation(key, m))


def _by_example(m: int, shares: NDArray, key: jax.Array) -> list[NDArray[np.int32]]:
    """Returns the S sets' rows: a shuffle, cut."""
    ends = np.round(m * np.cumsum(shares)[:-1]).astype(int)
    parts = np.split(_shuffled(m, key), ends)
    names = ("train", "dev", "test") if len(parts) == 3 else ("train", "test")
    for name, part in zip(names, parts, strict=True):
        if len(part) == 0:
            raise DataError(
                f"splitting {m} examples by {shares.tolist()} leaves the {name} set "
                "empty; expected at least one example in each: use more data or a "
                "larger fraction"
            )
    return parts


def _by_class(
    labels: NDArray, shares: NDArray, key: jax.Array
) -> list[NDArray[np.int32]]:
    """Returns the S sets' rows: the classes, each shuffled and cut."""
    if not are_classes(labels):
        raise DataError(
            f"got labels {labels.dtype}{list(labels.shape)}; expected integers [m] to "
            "stratify by: give the classes as integers, or leave stratify out"
        )
    classes, counts = np.unique(labels, return_counts=True)
    sizes = _class_sizes(counts, shares)
    lacking = (sizes == 0).any(axis=1)
    if lacking.any():
        i = int(np.argmax(lacking))
        raise DataError(
            f"got {counts[i]} examples of class {classes[i]}, too few to divide by "
            f"{shares.tolist()}; expected enough for one in each set: get more of "
            "them, drop the class, or use larger fractions"
        )
    choice_key, order_key = jax.random.split(key)
    rows = _shuffled(len(labels), choice_key)
    rows = rows[np.argsort(labels[rows], kind="stable")]  # class by class
    owner = np.empty(len(labels), int)
    owner[rows] = np.repeat(np.tile(np.arange(len(shares)), len(sizes)), sizes.ravel())
    return _owned(owner, len(shares), order_key)


def _class_sizes(counts: NDArray, shares: NDArray) -> NDArray[np.int64]:
    """Returns the number of examples of each class `[C]` in each set, `[C, S]`."""
    ideal = np.outer(counts, shares)
    sizes = np.floor(ideal).astype(int)
    behind = np.zeros(len(shares))  # how far each set is below its share so far
    for ours, mine, count in zip(ideal, sizes, counts, strict=True):
        behind += ours - mine
        # Empty sets first, then those furthest behind; fewer than S are left over.
        first = np.lexsort((-behind, mine > 0))[: count - mine.sum()]
        mine[first] += 1
        behind[first] -= 1
    return sizes


def _by_group(
    groups: NDArray, m: int, shares: NDArray, key: jax.Array
) -> list[NDArray[np.int32]]:
    """Returns the S sets' rows: each group goes to the set furthest below its size."""
    if groups.shape != (m,) or groups.dtype.kind not in "iuSU":
        raise DataError(
            f"got groups {groups.dtype}{list(groups.shape)}; expected integers or "
            f"texts [{m}], one an example: numpy.asarray(groups, str) makes texts"
        )
    _, group, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    if len(sizes) < len(shares):
        raise DataError(
            f"got {len(sizes)} groups; expected at least {len(shares)}, one for each "
            "set: use more groups, or two fractions"
        )
    choice_key, order_key = jax.random.split(key)
    behind, owner = m * shares, np.empty(len(sizes), int)
    empty = np.ones(len(shares), bool)
    for dealt, g in enumerate(_shuffled(len(sizes), choice_key)):
        needed = empty.sum() >= len(sizes) - dealt
        owner[g] = np.argmax(np.where(empty | ~needed, behind, -np.inf))
        behind[owner[g]] -= sizes[g]
        empty[owner[g]] = False
    return _owned(owner[group], len(shares), order_key)


def _owned(owner: NDArray, num_sets: int, key: jax.Array) -> list[NDArray[np.int32]]:
    """Returns each set's rows in random order, given the set that owns each row."""
    rows = _shuffled(len(owner), key)
    return [rows[owner[rows] == i] for i in range(num_sets)]


def are_classes(labels: NDArray) -> bool:
    """Returns whether labels are classes: integers `[m]`."""
    return labels.ndim == 1 and labels.dtype.kind in "iu"


def _warn_of_missing_classes(labels: NDArray, splits: Splits) -> None:
    classes = np.unique(labels)
    if not are_classes(labels) or len(classes) == len(labels):
        return  # numbers to predict, or one number for each example
    for name, dataset in splits.sets.items():
        if name == "dev" and dataset is splits.test:
            continue
        missing = np.setdiff1d(classes, dataset.labels)
        if len(missing):
            some = ", ".join(map(str, missing[:5])) + ", ..." * (len(missing) > 5)
            warnings.warn(
                f"got no examples of {len(missing)} of {len(classes)} classes in the "
                f"{name} set ({some}); expected every class in every set: use "
                "stratify=True, another key or more data",
                stacklevel=3,
            )


def normalize(splits: Splits) -> Splits:
    """Returns the splits with inputs `(x - μ) / σ`, μ and σ those of the train set.

    Each feature has its own μ and σ over the train examples, computed in float64. All
    three sets use them, and so do later raw inputs (`splits.moments`). A feature that
    is constant in the train set is only shifted. Weights are ignored.

        >>> one = dl.data.from_arrays([[1.0], [3.0]], [0, 1])
        >>> splits = dl.data.normalize(dl.data.Splits(one, one, one))
        >>> splits.train.inputs.tolist()  # mean 2, standard deviation 1
        [[-1.0], [1.0]]

    Args:
        splits: raw inputs `[m, ...]`.

    Raises:
        DataError: `check` refuses the splits.
    """
    check(splits)
    raw = splits.train.inputs
    mean = np.asarray(np.mean(raw, axis=0, dtype=np.float64))
    scale = np.asarray(np.std(raw, axis=0, dtype=np.float64))
    constant = np.max(raw, axis=0) == np.min(raw, axis=0)
    moments = Moments(mean, np.where(constant, 1, scale))
    train, dev, test = (
        replace(d, inputs=moments.normalize(d.inputs)) for d in splits.sets.values()
    )
    return Splits(train, dev, test, moments)


def moments_of(values: NDArray[Any], ids: tuple[int, ...] | bool = ()) -> Moments:
    """Returns mean and standard deviation of each feature, in float64."""
    mean = np.asarray(np.mean(values, axis=0, dtype=np.float64))
    scale = np.asarray(np.std(values, axis=0, dtype=np.float64))
    constant = np.max(values, axis=0) == np.min(values, axis=0)
    return Moments(mean, np.where(constant, 1, scale))
