"""Mismatch: do the three sets come from one distribution, and where do they differ?"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxdl.data.about import DataError, Moments
from jaxdl.data.checks import check_sets
from jaxdl.data.dataset import Dataset, Splits, are_classes, constant_features
from jaxdl.data.trees import is_tree

PAIRS = (("train", "dev"), ("train", "test"), ("dev", "test"))
FEWEST = 5  # expected examples of a class that the chi-square distribution asks for


class Difference(NamedTuple):
    """How far two sets differ in one feature, or in their labels."""

    statistic: float  # Kolmogorov and Smirnov's D in [0, 1]; chi-square for classes
    p_value: float  # after Holm's correction


class Comparison(NamedTuple):
    """Where two sets differ, largest statistic first; empty if they do not differ."""

    features: dict[tuple[int, ...], Difference]  # by the index in an example
    labels: dict[tuple[int, ...], Difference]  # the same; () for labels [m]


class Mismatch(NamedTuple):
    """The three comparisons, and what to do."""

    train_dev: Comparison
    train_test: Comparison
    dev_test: Comparison
    advice: tuple[str, ...]  # most important first; empty if nothing differs


def mismatch(splits: Splits, *, level: float = 0.01) -> Mismatch:
    """Returns the features and labels whose distribution differs between the sets.

    Dev and test must come from one distribution, since a model is chosen by one and
    judged by the other. Train may differ; part of the dev error then comes from that.

    - Each feature of an example, and each output of float labels, is compared by the
      statistic `D = max_x |F(x) - G(x)|`. F and G are the shares of values up to x in
      two sets. Its p-value is that of the limit of large sets; for small sets and for
      ties it is too large rather than too small.
    - Integer labels `[m]` are compared by the chi-square test of the classes' counts.
      Classes that are expected fewer than 5 times in a set are counted together; if
      their sum is still below 5, they are left out.

    Holm's correction covers all these tests of all three pairs: if the three sets come
    from one distribution, the chance of any difference in the result is at most
    `level`. In large sets even a small difference is found, so look at the statistic
    too. Dependent examples, such as several of one person, differ by more than chance
    if `split` kept them together. Weights are ignored.

    Args:
        splits: raw or normalized data; except for rounding, both give the same result.
        level: the chance of a false alarm, in (0, 1).

    Raises:
        DataError: `check` refuses the splits, or the level is not in (0, 1), or
            inputs or labels are a dict of arrays.

    Sources: Smirnov, Table for estimating the goodness of fit of empirical
    distributions, 1948; Holm, A simple sequentially rejective multiple test procedure,
    1979; Cochran, Some methods for strengthening the common chi-square tests, 1954.
    """
    check_sets(splits)
    if not isinstance(level, float) or not 0 < level < 1:
        raise DataError(
            f"got level={level}; expected a chance between 0 and 1, such as 0.01"
        )
    if is_tree(splits.train.inputs) or is_tree(splits.train.labels):
        raise DataError(
            "got inputs or labels that are a dict; expected one array of each: compare "
            "those arrays that matter one by one"
        )
    sets = splits.sets
    tests = np.array(  # [3, tests, 2]
        [_tests(sets[a], sets[b], splits.moments) for a, b in PAIRS]
    )
    statistics, p = tests[..., 0], _holm(tests[..., 1])
    pairs = zip(statistics, p, strict=True)
    compared = [_comparison(splits.train, *pair, level) for pair in pairs]
    return Mismatch(*compared, advice=_advice(splits.features, *compared))


def _tests(
    a: Dataset, b: Dataset, moments: Moments | None
) -> list[tuple[float, float]]:
    """Returns statistic and p-value of each feature, then of the labels."""
    if are_classes(a.labels):
        labels = [_chi_square(a.labels, b.labels)]
    else:
        labels = _smirnov(a.labels, b.labels)
    return _smirnov(a.inputs, b.inputs, moments) + labels


def _smirnov(
    a: NDArray, b: NDArray, moments: Moments | None = None
) -> list[tuple[float, float]]:
    """Returns D and its p-value of each feature of two arrays `[m, ...]`.

    Features that differ by rounding alone do not differ.
    """
    from scipy.special import kolmogorov  # imported here, since it takes 0.4 s

    a, b = np.asarray(a), np.asarray(b)
    m, n = len(a), len(b)
    same = constant_features(a, b, moments=moments).ravel()
    results = []
    for x, y, equal in zip(a.reshape(m, -1).T, b.reshape(n, -1).T, same, strict=True):
        if equal:
            results.append((0.0, 1.0))
            continue
        x, y = np.sort(x), np.sort(y)
        values = np.concatenate([x, y])
        below = [np.searchsorted(z, values, side="right") / len(z) for z in (x, y)]
        d = np.abs(below[0] - below[1]).max()
        results.append((d, kolmogorov(d * np.sqrt(m * n / (m + n)))))
    return results


def _chi_square(a: NDArray, b: NDArray) -> tuple[float, float]:
    """Returns chi-square and its p-value of the classes in two arrays `[m]`."""
    from scipy.stats import chi2_contingency  # imported here, since it takes 0.7 s

    _, classes = np.unique(np.concatenate([a, b]), return_inverse=True)
    parts = np.split(classes, [len(a)])
    table = np.stack([np.bincount(x, minlength=classes.max() + 1) for x in parts])
    fewer = min(len(a), len(b)) / len(classes)  # share of the examples in that set
    rare = fewer * table.sum(axis=0) < FEWEST
    others = table[:, rare].sum(axis=1, keepdims=True)
    table = table[:, ~rare]  # [2, classes]
    if fewer * others.sum() >= FEWEST:
        table = np.hstack([table, others])
    if table.shape[1] < 2:
        return 0.0, 1.0
    return chi2_contingency(table, correction=False)[:2]


def _holm(p: NDArray) -> NDArray[np.float64]:
    """Returns p-values `(N - k) p`, the kth smallest from 0 of N, made to ascend."""
    flat = p.ravel()
    order = np.argsort(flat)
    adjusted = np.empty(flat.size)
    adjusted[order] = np.maximum.accumulate(
        np.minimum(1, flat[order] * np.arange(flat.size, 0, -1))
    )
    return adjusted.reshape(p.shape)


def _comparison(
    dataset: Dataset, statistics: NDArray, p: NDArray, level: float
) -> Comparison:
    """Returns the tests `[tests]` of a pair in which the two sets differ."""
    d = math.prod(dataset.inputs.shape[1:])
    return Comparison(
        _named(statistics[:d], p[:d], dataset.inputs.shape[1:], level),
        _named(statistics[d:], p[d:], dataset.labels.shape[1:], level),
    )


def _named(
    statistics: NDArray, p: NDArray, shape: tuple[int, ...], level: float
) -> dict[tuple[int, ...], Difference]:
    return {
        tuple(int(j) for j in np.unravel_index(i, shape)): Difference(
            float(statistics[i]), float(p[i])
        )
        for i in np.argsort(-statistics, kind="stable")
        if p[i] <= level
    }


def _advice(
    names: tuple[str, ...] | None,
    train_dev: Comparison,
    train_test: Comparison,
    dev_test: Comparison,
) -> tuple[str, ...]:
    texts = []
    if any(dev_test):
        texts.append(
            f"dev and test differ in {_where(dev_test, names)}: shuffle the two "
            "together and divide them again, so that the one chooses what the other "
            "judges"
        )
    for name, comparison in (("dev", train_dev), ("test", train_test)):
        if any(comparison):
            texts.append(
                f"train and {name} differ in {_where(comparison, names)}, as they may: "
                f"what the {name} error has above the train error is then not all "
                "variance"
            )
    return tuple(texts)


def _where(comparison: Comparison, names: tuple[str, ...] | None) -> str:
    count = len(comparison.features)
    some = ", ".join(_feature(i, names) for i in list(comparison.features)[:3])
    more = f" and {count - 3} more" * (count > 3)
    features, labels = f"the features {some}{more}", "the labels"
    return " and ".join([features] * (count > 0) + [labels] * bool(comparison.labels))


def _feature(index: tuple[int, ...], names: tuple[str, ...] | None) -> str:
    """Returns the name of a feature, or its number where it has none."""
    if len(index) > 1:
        return str(index)
    return names[index[0]] if names else str(index[0])
