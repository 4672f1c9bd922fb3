"""From one dataset to three, and their normalization with the train set's moments."""

from collections.abc import Sequence

import jax
import numpy as np

from jaxdl.data.dataset import DataError, Dataset, Moments, Splits, check


def split(
    dataset: Dataset, fractions: Sequence[float] = (0.6, 0.2, 0.2), *, key: jax.Array
) -> Splits:
    """Returns train, dev and test sets drawn from `dataset` without replacement.

    The examples are shuffled once; set i ends at `round(m * sum(fractions[:i+1]))`, so
    the sizes add up to m exactly.

    Args:
        dataset: `[m, ...]` examples.
        fractions: of train, dev and test; each above 0, adding up to 1.
        key: of the shuffle.

    Raises:
        DataError: fractions that are not three positive numbers adding up to 1, or so
            few examples that a set would be empty.
    """
    shares = np.asarray(fractions, float)
    if shares.shape != (3,) or (shares <= 0).any() or abs(shares.sum() - 1) > 1e-9:
        raise DataError(
            f"got fractions {shares.tolist()}; expected three numbers above 0 that "
            "add up to 1, such as (0.6, 0.2, 0.2)"
        )
    m = len(dataset.inputs)
    ends = np.round(m * np.cumsum(shares)[:2]).astype(int)
    parts = np.split(np.asarray(jax.random.permutation(key, m)), ends)
    for name, part in zip(("train", "dev", "test"), parts, strict=True):
        if len(part) == 0:
            raise DataError(
                f"splitting {m} examples by {shares.tolist()} leaves the {name} set "
                "empty; expected at least one example in each: use more data or a "
                "larger fraction"
            )
    train, dev, test = (Dataset(dataset.inputs[i], dataset.labels[i]) for i in parts)
    return Splits(train, dev, test)


def normalize(splits: Splits) -> Splits:
    """Returns the splits with inputs `(x - μ) / σ`, μ and σ those of the train set.

    Each feature has its own μ and σ over the train examples, computed in float64, and
    the same ones serve all three sets and later raw inputs (`splits.moments`). A
    feature that is constant in the train set is only shifted.

    Args:
        splits: raw inputs `[m, ...]`.

    Raises:
        DataError: what `check` refuses.
    """
    check(splits)
    raw = splits.train.inputs
    mean = np.asarray(np.mean(raw, axis=0, dtype=np.float64))
    scale = np.asarray(np.std(raw, axis=0, dtype=np.float64))
    constant = np.ptp(raw, axis=0) == 0
    # A deviation below what float32 can hold would divide by zero all the same.
    constant |= scale.astype(np.float32) == 0
    moments = Moments(mean, np.where(constant, 1, scale))
    train, dev, test = (
        Dataset(moments.normalize(d.inputs), d.labels) for d in splits.sets.values()
    )
    return Splits(train, dev, test, moments)
