"""Division of a dataset into train, dev and test set.

`m` examples are divided among `S` sets: three, or two if dev and test are one set.
"""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import jax
import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxdl.data.about import DataError, DataWarning, listed
from jaxdl.data.arrays import group_codes
from jaxdl.data.checks import check_dataset
from jaxdl.data.dataset import Dataset, Splits, are_classes
from jaxdl.data.deferred import taken, ungathered
from jaxdl.data.permutation import permutation
from jaxdl.data.trees import num_examples
from jaxdl.keys import as_key, folded


def split(
    dataset: Dataset,
    fractions: str | Sequence[float] = (0.6, 0.2, 0.2),
    *,
    key: jax.Array | int | None,
    stratify: bool = False,
    groups: ArrayLike | None = None,
) -> Splits:
    """Returns train, dev and test sets drawn from `dataset` without replacement.

    Each set is in random order, and the sizes add up to m exactly. What is known of the
    examples, their groups included, is known of each set.

    - By default the examples are shuffled once, and set i ends at
      `round(m * sum(fractions[:i+1]))`. If a set lacks a class that has a name, a
      warning names it.
    - Without a key the examples keep their order: the first are the train set, and the
      last the test set. The sets know that they follow time (`about.in_order`).
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

    Rows of a large array in memory are read when they are first needed. The array must
    stay as it is until then; reading raises `DataError` otherwise. Each set whose rows
    have not been read keeps the whole array in memory: `normalize` (of floats) or
    `dataset.inputs` reads them, and a set that is not needed can be deleted.

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
        key: of the shuffle, or a seed; None to keep the order.
        stratify: whether to divide each class by itself; labels must be integers `[m]`.
        groups: `[m]` integers or texts, such as the person of each example; None for
            those of the dataset, if it has groups.

    Raises:
        DataError: `from_arrays` would refuse the data; fractions, labels or groups are
            not as above; two of order, `stratify` and groups are asked for; the data
            have groups already, or follow time and a key is given; or a set would lack
            examples, examples of a class, or groups.
        TypeError, ValueError: the key is neither a threefry key nor a seed.

    Source of the fractions: Ng, Deep Learning Specialization, course 2.
    """
    key = None if key is None else as_key(key)
    check_dataset(dataset, "the data")
    shares, m = _shares(fractions), num_examples(ungathered(dataset))
    if groups is not None:
        dataset = _with_groups(dataset, groups)
    grouped = dataset.groups is not None
    _check_rule(dataset, key, stratify=stratify)
    todo = "use stratify=True, another key or more data"
    if key is None:
        about = dataset.about._replace(in_order=True)
        dataset = replace(dataset, inputs=ungathered(dataset), about=about)
        parts, todo = _cut(np.arange(m), shares), "use more data"
    elif stratify:
        parts = _by_class(dataset.labels, shares, key)
    elif grouped:
        parts = _by_group(dataset.groups, shares, key)
    else:
        parts = _cut(permutation(key, m), shares)
    sets = [_part(dataset, rows) for rows in parts]
    splits = Splits(sets[0], sets[1], sets[-1])
    _warn_of_missing_classes(dataset, splits, todo)
    return splits


def _part(dataset: Dataset, rows: NDArray[np.integer]) -> Dataset:
    """Returns the dataset of some rows, which copies no large inputs."""
    labels, weights, groups = jax.tree.map(
        lambda x: x[rows], (dataset.labels, dataset.weights, dataset.groups)
    )
    inputs = taken(ungathered(dataset), rows)
    return replace(
        dataset, inputs=inputs, labels=labels, weights=weights, groups=groups
    )


def _with_groups(dataset: Dataset, groups: ArrayLike) -> Dataset:
    if dataset.groups is not None:
        raise DataError(
            "got groups for data that have groups; expected one of them: leave groups "
            "out to keep those of the data"
        )
    inputs = ungathered(dataset)
    groups = group_codes(groups, num_examples(inputs))
    return replace(dataset, inputs=inputs, groups=groups)


def _check_rule(dataset: Dataset, key: jax.Array | None, *, stratify: bool) -> None:
    """Checks that a split can keep at once all that it is to keep."""
    grouped = dataset.groups is not None
    if stratify and grouped:
        raise DataError(
            "got both stratify and groups; expected one of them: whole groups cannot "
            "keep the proportions of the classes"
        )
    if key is None and (stratify or grouped):
        raise DataError(
            f"got key=None with {'stratify' if stratify else 'groups'}; expected a key "
            "for its shuffle: the order of the examples cannot be kept at the same time"
        )
    if key is not None and dataset.about.in_order:
        raise DataError(
            "got a key for data that follow time; expected key=None, which keeps the "
            "order: a shuffle would train on what comes after the dev set"
        )


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


def _cut(rows: NDArray[Any], shares: NDArray) -> list[NDArray[Any]]:
    """Returns the S sets' rows: all rows in their order, cut."""
    m = len(rows)
    parts = np.split(rows, np.round(m * np.cumsum(shares)[:-1]).astype(int))
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
    choice_key, order_key = folded(key, 0), folded(key, 1)
    rows = permutation(choice_key, len(labels))
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
    groups: NDArray, shares: NDArray, key: jax.Array
) -> list[NDArray[np.int32]]:
    """Returns the S sets' rows: each group goes to the set furthest below its size."""
    _, group, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    if len(sizes) < len(shares):
        raise DataError(
            f"got {len(sizes)} groups; expected at least {len(shares)}, one for each "
            "set: use more groups, or two fractions"
        )
    choice_key, order_key = folded(key, 0), folded(key, 1)
    behind, owner = len(groups) * shares, np.empty(len(sizes), int)
    empty = np.ones(len(shares), bool)
    for dealt, g in enumerate(permutation(choice_key, len(sizes))):
        needed = empty.sum() >= len(sizes) - dealt
        owner[g] = np.argmax(np.where(empty | ~needed, behind, -np.inf))
        behind[owner[g]] -= sizes[g]
        empty[owner[g]] = False
    return _owned(owner[group], len(shares), order_key)


def _owned(owner: NDArray, num_sets: int, key: jax.Array) -> list[NDArray[np.int32]]:
    """Returns each set's rows in random order, given the set that owns each row."""
    rows = permutation(key, len(owner))
    return [rows[owner[rows] == i] for i in range(num_sets)]


def _warn_of_missing_classes(whole: Dataset, splits: Splits, todo: str) -> None:
    if not splits.classes or not are_classes(whole.labels):
        return
    classes = np.unique(whole.labels)
    for name, dataset in splits.sets.items():
        if name == "dev" and dataset is splits.test:
            continue
        missing = [splits.classes[i] for i in np.setdiff1d(classes, dataset.labels)]
        if missing:
            warnings.warn(
                f"got no examples of {len(missing)} of {len(classes)} classes in the "
                f"{name} set ({listed(missing)}); expected every class in every set: "
                f"{todo}",
                DataWarning,
                stacklevel=3,
            )
