"""Would more data help? Train and dev error by the number of train examples."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from numpy.typing import NDArray

from jaxdl import nn
from jaxdl.counts import as_count
from jaxdl.data import DataError, Splits, check
from jaxdl.data.permutation import permutation
from jaxdl.data.trees import num_examples
from jaxdl.diagnose.bias_variance import HIGH
from jaxdl.keys import as_key, folded
from jaxdl.sweeps.repeats import standard_error
from jaxdl.train.epoch_state import Status
from jaxdl.train.fit import train_one
from jaxdl.train.member import Member
from jaxdl.train.recipe import RecipeFunction
from jaxdl.train.state import FOLD, REPEAT

SURE = 2  # standard errors that a difference has to exceed


class MoreData(NamedTuple):
    """Errors of one recipe by how many examples it trained on."""

    examples: NDArray[np.int64]  # [sizes] of the train set, ascending
    train_error: NDArray[np.float64]  # [sizes, repeats] on the examples trained on
    dev_error: NDArray[np.float64]  # [sizes, repeats]
    rates: bool  # whether errors are shares of the examples

    def rows(self) -> list[tuple[int, float, float, float, float]]:
        """Returns examples, train and dev error, each with its standard error.

        The errors are means over the repeats, of which `s / sqrt(repeats)` is the
        standard error.
        """
        columns = [self.examples]
        for errors in (self.train_error, self.dev_error):
            columns += [errors.mean(axis=1), standard_error(errors)]
        return [*zip(*(column.tolist() for column in columns), strict=True)]

    @property
    def verdict(self) -> str:
        """Whether more data helps, in words.

        It helps if the dev error still falls from the second largest size to the
        largest, on average over the repeats by more than two standard errors of this
        fall. It hardly does if that is not so and the dev error is within 0.02 of the
        train error (if errors are no rates: within two standard errors).
        """
        return _verdict(self)


def more_data(
    recipe: RecipeFunction,
    hparams: Any,
    data: Splits,
    *,
    key: jax.Array | int,
    epochs: int,
    patience: int | None = None,
    fractions: Sequence[float] = (0.125, 0.25, 0.5, 1.0),
    repeats: int = 3,
) -> MoreData:
    """Returns the errors of one configuration on ever larger parts of the train set.

    Each repeat puts the train set in a random order and trains, by itself, on the first
    examples of each size, so that a larger part holds the smaller ones. Repeats differ
    in this order and in the key of the training. The dev set stays as it is.

    At equal epochs a smaller part takes fewer steps: give enough epochs for the
    smallest. The inputs stay normalized by the whole train set.

        >>> def recipe(hp):
        ...     return dl.Recipe(nn.dense(10), optim.adam(0.01),
        ...                      nn.softmax_cross_entropy)
        >>> found = dl.sweeps.more_data(recipe, None, dl.data.load("digits"), key=0,
        ...                             epochs=1, fractions=(0.5, 1), repeats=2)
        >>> found.examples.tolist(), found.dev_error.shape
        ([539, 1078], (2, 2))

    Args:
        recipe: function from hyperparameters, and facts, to a `Recipe`.
        hparams: as `fit` takes them.
        data: normalized train, dev and test sets; test is not used.
        key: a seed, or a threefry key.
        epochs: of each training, at least 1.
        patience: as for `fit`.
        fractions: of the train set, at least two, ascending, in (0, 1].
        repeats: at least 2, since one shows no noise.

    Raises:
        DataError: the fractions are not as above, or as `fit`.
        RecipeError, RuntimeError, TypeError: as `fit`.
        ValueError: `repeats` is not an int of at least 2, or as `fit`.
    """
    check(data)
    key, repeats = as_key(key), as_count("repeats", repeats, least=2)
    examples = _sizes(fractions, num_examples(data.train.inputs))
    errors = np.empty((2, len(examples), repeats))
    rates = True
    for r in range(repeats):
        own = folded(key, REPEAT, r)
        shuffle_key = folded(own, FOLD)
        order = permutation(shuffle_key, num_examples(data.train.inputs))
        for s, m in enumerate(examples):
            part = data._replace(train=data.train[order[:m]])
            member = train_one(
                recipe, hparams, part, key=own, epochs=epochs, patience=patience,
                progress=False,
            )  # fmt: skip
            errors[:, s, r] = _errors(member, part)
            rates &= nn.has_classes(member.loss)
    finite = errors[np.isfinite(errors)]
    rates &= bool(((finite >= 0) & (finite <= 1)).all())
    on_train, on_dev = errors
    return MoreData(examples, on_train, on_dev, rates)


def _sizes(fractions: Sequence[float], m: int) -> NDArray[np.int64]:
    """Returns how many of m examples the fractions are.

    Raises:
        DataError: as `more_data`.
    """
    shares = np.asarray(fractions, float)
    sizes = np.round(shares * m).astype(int) if np.isfinite(shares).all() else shares
    ascending = shares.ndim == 1 and len(shares) > 1 and (np.diff(sizes) > 0).all()
    if not (ascending and sizes[0] > 0 and sizes[-1] <= m):
        raise DataError(
            f"got fractions={fractions!r} of {m} examples; expected at least two, "
            "ascending, up to 1, each of other examples, such as (0.25, 0.5, 1)"
        )
    return sizes


def _errors(member: Member, data: Splits) -> tuple[float, float]:
    """Returns train and dev error; NaN where the training diverged."""
    if member.status == Status.DIVERGED:
        return float("nan"), float("nan")
    train, dev = (member.evaluate(d)["error"] for d in (data.train, data.dev))
    return train, dev


def _verdict(found: MoreData) -> str:
    train, dev = found.train_error, found.dev_error
    lost = int(np.isnan(dev).sum())
    if lost:
        return f"unknown: {lost} of {dev.size} trainings diverged"
    before, after = found.examples[-2:]
    fall, gap = dev[-2] - dev[-1], dev[-1] - train[-1]
    noise, gap_noise = (float(standard_error(d[None])[0]) for d in (fall, gap))
    old, new, fit_ = (_shown(e.mean(), found.rates) for e in (*dev[-2:], train[-1]))
    sure = _shown(noise, found.rates)
    fell = (
        f"from {before:,} to {after:,} examples the dev error goes from {old} to {new} "
        f"(standard error of the difference: {sure})"
    )
    if fall.mean() > SURE * noise:
        return f"more data helps: {fell}"
    if gap.mean() <= max(HIGH * found.rates, SURE * gap_noise):
        return f"more data will hardly help: {fell}, and the train error is {fit_}"
    return (
        f"not clear: {fell}, which is not a fall beyond the noise, but the train error "
        f"is {fit_}: regularize, or take more repeats"
    )


def _shown(error: float, rates: bool) -> str:
    return f"{error:.2%}" if rates else f"{error:.4g}"
