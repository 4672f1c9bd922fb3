"""Datasets from arrays, and weights that make classes count equally."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxdl.counts import is_count
from jaxdl.data.about import About, DataError, listed
from jaxdl.data.array_checks import is_float
from jaxdl.data.checks import check_dataset
from jaxdl.data.dataset import Dataset, are_classes, check_not_under_folds
from jaxdl.data.stored import as_arrays, check_no_masks, stored
from jaxdl.data.trees import as_dicts, is_tree, map_named, num_examples

Classes = Sequence[str] | int | None


def from_arrays(
    inputs: ArrayLike | dict[str, Any],
    labels: ArrayLike | dict[str, Any],
    weights: ArrayLike | None = None,
    *,
    groups: ArrayLike | None = None,
    classes: Classes = None,
    features: Sequence[str] | None = None,
    ids: Sequence[int | str] | bool = (),
) -> Dataset:
    """Returns the arrays as a checked dataset.

    The cost of a batch is `(1/m) sum_i w_i L_i`, so weights with a mean of 1 do not
    change the scale of the learning rate. A metric of a set is `sum_i w_i v_i / sum_i
    w_i`.

        >>> examples = dl.data.from_arrays([[0.5, 2.0], [1.0, 3.0]], ["oak", "ash"])
        >>> examples.inputs.shape, examples.labels.tolist(), examples.about.classes
        ((2, 2), [1, 0], ('ash', 'oak'))

    Inputs, and labels, may also be a dict of arrays with the same m, such as a table
    and tokens, or two targets:

        >>> pages = {"table": [[0.5], [2.0]], "tokens": [[3, 1], [2, 2]]}
        >>> both = dl.data.from_arrays(pages, [0, 1], ids=["tokens"])
        >>> {name: str(x.dtype) for name, x in both.inputs.items()}
        {'table': 'float64', 'tokens': 'int64'}

    Args:
        inputs: `[m, ...]` finite numbers, or a dict of such arrays, also `[m]`; or a
            source to read them from, see `Source`. An array is not copied. Floats
            keep their type, and so do integers that float32 does not round; other
            integers become float64, and truth values float32.
        labels: `[m]` texts or integers, or `[m, ...]` finite float targets. Texts
            become their place among the classes, which are their sorted texts if none
            are given. Integers `[m, 1]` become `[m]`. Integers -1 and 1 alone become
            the classes `"-1"` and `"1"`, unless classes are given. Or a dict of arrays
            of numbers, which have no classes by name.
        weights: `[m]` finite numbers of at least 0, not all 0; None for 1 each.
        groups: `[m]` integers or texts, such as the person of each example. `split` and
            folds keep a group together.
        classes: the names of the classes, or how many there are; `()` if the labels are
            targets, which become floats; None if neither is known.
        features: the names of the columns of inputs `[m, features]`.
        ids: the columns that are no quantities, such as tokens or codes of a category,
            which `normalize` skips; of a dict of inputs the names of such arrays; True
            if all of them are.

    Raises:
        DataError: there are no examples, the lengths differ, inputs are not finite
            numbers, labels are neither numbers nor texts, a label is not among the
            classes, a weight is negative, or names, ids or groups are not as above.
    """
    names, ids = class_names(classes), _ids(ids, inputs)
    inputs, labels = (
        as_arrays("inputs", as_dicts(inputs)),
        as_arrays("labels", as_dicts(labels)),
    )
    check_no_masks("weights", weights)
    if not is_tree(labels):
        labels, names = _labels(labels, names)
    m = num_examples(inputs)
    dataset = Dataset(
        inputs,
        map_named(lambda _, x: x.astype(np.int32) if x.dtype == bool else x, labels),
        None if weights is None else np.asarray(weights),
        None if groups is None else group_codes(groups, m),
        about=About(names, _features(features), ids),
    )
    check_dataset(dataset, "the data")

    def kept(name, x):
        return stored(x, kept=ids if isinstance(ids, bool) else name in ids)

    def typed(_, x):
        return x.astype(np.float32 if is_float(x) or names == () else np.int32)

    return Dataset(
        map_named(kept, inputs),
        map_named(typed, dataset.labels),
        None if weights is None else np.asarray(weights, np.float32),
        dataset.groups,
        about=dataset.about,
    )


def _labels(
    labels: NDArray[Any], names: tuple[str, ...] | None
) -> tuple[NDArray[Any], tuple[str, ...] | None]:
    """Returns labels as numbers, and the names of the classes."""
    if labels.ndim == 2 and labels.shape[1] == 1 and labels.dtype.kind in "biuSUO":
        labels = labels[:, 0]
    if labels.dtype.kind in "SUO" and _are_texts(labels):
        return _numbered(labels, names)
    if names is None and _are_signs(labels):
        return (labels > 0).astype(np.int32), ("-1", "1")
    return labels, names


def class_names(classes: Classes) -> tuple[str, ...] | None:
    """Returns the names of classes: those given, or `"0"` to `"C - 1"`.

    Raises:
        DataError: they are neither a number nor texts that differ.
    """
    if classes is None:
        return None
    if isinstance(classes, int | np.integer) and is_count(classes):
        return tuple(map(str, range(int(classes))))
    names = () if isinstance(classes, str | int) else tuple(classes)
    texts = all(isinstance(name, str) for name in names)
    if isinstance(classes, str | int) or not texts or len(set(names)) < len(names):
        raise DataError(
            f"got classes={classes!r:.200}; expected names that differ, how many "
            "classes there are, or () if the labels are targets"
        )
    return tuple(map(str, names))  # a text of NumPy becomes a plain one


def _are_texts(labels: NDArray[Any]) -> bool:
    return labels.dtype.kind in "SU" or (
        labels.size > 0 and all(isinstance(x, str) for x in labels.flat)
    )


def _are_signs(labels: NDArray[Any]) -> bool:
    """Returns whether labels are integers `[m]` -1 and 1, as two classes may be."""
    return are_classes(labels) and np.array_equal(np.unique(labels), [-1, 1])


def _numbered(
    labels: NDArray[Any], names: tuple[str, ...] | None
) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """Returns texts as their places among the names, and the names."""
    if names == ():
        raise DataError(
            f"got labels that are texts, such as {str(labels.flat[0])!r:.100}, and "
            "classes=(); expected numbers as targets: leave classes out for classes by "
            "name"
        )
    texts = np.char.decode(labels, "utf-8") if labels.dtype.kind == "S" else labels
    found, places = np.unique(texts.astype(str), return_inverse=True)
    if names is None:
        names = tuple(map(str, found))
    place_of = {name: place for place, name in enumerate(names)}
    unknown = [str(text) for text in found if text not in place_of]
    if unknown:
        raise DataError(unknown_classes(unknown, names))
    ranks = np.array([place_of[text] for text in found], np.int32)
    return ranks[places.reshape(labels.shape)], names


def unknown_classes(unknown: Sequence[str], names: Sequence[str]) -> str:
    """Returns the error of labels that are none of the classes."""
    return (
        f"got labels {listed([repr(text) for text in unknown])}; expected one of the "
        f"{len(names)} classes ({listed(names)}): add them to classes, or drop these "
        "rows"
    )


def _features(features: Sequence[str] | None) -> tuple[str, ...] | None:
    if features is None:
        return None
    names = tuple(map(str, features))
    if isinstance(features, str) or len(set(names)) < len(names):
        raise DataError(
            f"got features={features!r:.200}; expected names that differ, one for each "
            "column of the inputs"
        )
    return names


def _ids(ids: Any, inputs: Any) -> tuple[Any, ...] | bool:
    if isinstance(ids, bool):
        return ids or ()
    if is_tree(inputs) and not isinstance(ids, str):
        return tuple(sorted({*map(str, ids)}))
    if isinstance(ids, str) or not all(is_count(i, least=0) for i in ids):
        raise DataError(
            f"got ids={ids!r:.200}; expected columns counted from 0, a list of names "
            "of a dict of inputs, or True for all"
        )
    return tuple(sorted({int(i) for i in ids}))


def group_codes(groups: ArrayLike, m: int) -> NDArray[np.int64]:
    """Returns groups as integers `[m]`: a text always becomes the same integer.

    Raises:
        DataError: they are not `[m]` integers or texts.
    """
    groups = np.asarray(groups)
    if groups.shape != (m,) or groups.dtype.kind not in "iuSU":
        raise DataError(
            f"got groups {groups.dtype}{list(groups.shape)}; expected integers or "
            f"texts [{m}], one an example: numpy.asarray(groups, str) makes texts"
        )
    if groups.dtype.kind in "iu":
        return groups.astype(np.int64)
    texts, places = np.unique(groups.astype(str), return_inverse=True)
    digests = (hashlib.blake2b(t.encode(), digest_size=8).digest() for t in texts)
    return np.frombuffer(b"".join(digests), "<i8").astype(np.int64)[places]


def class_weights(labels: ArrayLike | Dataset) -> NDArray[np.float32]:
    """Returns `m / (C m_c)` for each class, `[C]`: all classes count equally in total.

    `nn.class_weighted` takes these weights. `class_weights(labels)[labels]` are weights
    of examples for `from_arrays`, with a mean of 1.

        >>> dl.data.class_weights([0, 0, 1, 1, 1, 1]).tolist()  # 6 / (2 · 2), ...
        [1.5, 0.75]

    Args:
        labels: `[m]` integers 0..C-1, or a dataset with such labels; each class occurs
            at least once.

    Raises:
        DataError: the labels are not such integers.

    Source: King and Zeng, Logistic Regression in Rare Events Data, 2001.
    """
    check_not_under_folds("class_weights", "class_counts")
    names = labels.about.classes if isinstance(labels, Dataset) else None
    labels = np.asarray(labels.labels if isinstance(labels, Dataset) else labels)
    if not are_classes(labels) or labels.min(initial=0) < 0:
        raise DataError(
            f"got labels {labels.dtype}{list(labels.shape)}; expected integers from 0"
        )
    classes, counts = np.unique(labels, return_counts=True)
    if names and len(classes) < len(names):
        lacking = [name for i, name in enumerate(names) if i not in classes]
        raise DataError(
            f"got no example of the classes {listed(lacking)}; expected one of "
            "each class: get more data, or drop the class"
        )
    if not len(classes) or classes[-1] >= len(classes):
        raise DataError(
            f"got {len(classes)} classes up to {labels.max(initial=-1)}; expected an "
            "example of each class from 0: renumber the labels, for example with "
            "numpy.unique"
        )
    return (len(labels) / (len(counts) * counts)).astype(np.float32)
