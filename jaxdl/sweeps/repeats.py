"""Repeats and folds: each configuration trained several times, and the noise.

A search speaks of configurations. Each has V = repeats times folds variants, and each
variant is a member: variant v of configuration c is member `c V + v`. The folds of
repeat 0 come first, then those of repeat 1. Variants differ in the key, the data or
both; configurations are compared on the same variants.

Members of all variants share blocks, each with its own order of the data. So repeat 0
has the key of a sweep without repeats, but not its last bits.
"""

from dataclasses import replace
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from jaxdl.data import DataError, Dataset, Scaling, Splits, fold_rows, pool
from jaxdl.data.folds import Folds, Rows
from jaxdl.data.normalize import input_moments, moments_of
from jaxdl.engine.inputs import Variant
from jaxdl.engine.plan import OWN, Plan
from jaxdl.engine.task import Task
from jaxdl.keys import as_key, fold_in, folded, key_words
from jaxdl.searches.rungs import Rung
from jaxdl.train.facts import facts_of
from jaxdl.train.state import FOLD, MEMBER, REPEAT, STEP


def with_variants(task: Task) -> tuple[Task, Splits]:
    """Returns a task that knows its variants, and the data that their rows are of.

    Repeat 0 has the run's own key. Each further repeat has another key, and so other
    initial weights, masks and order of the data. A number of folds stays a number, and
    each repeat deals its own; folds that are given as rows are the same in each. With
    folds, train and dev set of the returned data are one and the same: both pooled.
    What is normalized is normalized by the train set of each fold.

    Raises:
        DataError: as `fold_rows`.
    """
    assert task.data is not None
    keys = [_repeat_key(task.key, number) for number in range(task.repeats)]
    folds, whole, variants = _vary(
        task.data, task.folds, keys, task.epochs, task.stratify
    )
    about = whole.train.about
    return task._replace(folds=folds, variants=tuple(variants), about=about), whole


def variant(
    data: Splits,
    key: jax.Array | int,
    *,
    repeat: int = 0,
    fold: int = 0,
    folds: Folds = None,
) -> tuple[Splits, jax.Array, Plan]:
    """Returns data, key and plan of one variant of a sweep, to train it by itself.

    A sweep with these over the same hyperparameters has as member c what configuration
    c is in this repeat and fold, to the bit. Its plan leaves the width of the blocks
    and the bounds of sizes open: give `result.task.plan` of the sweep instead if folds
    have other sizes, or if the sweep had a plan of its own.

    Args:
        data: of the sweep.
        key: of the sweep.
        repeat: counted from 0.
        fold: counted from 0.
        folds: of the sweep; None: it had none.

    Raises:
        DataError: as `sweep`; or the data do not say what integer labels are, see
            `data.fold_rows`.
        IndexError: there is no such repeat or fold.
    """
    key = as_key(key)
    if repeat < 0:
        raise IndexError(f"got repeat={repeat}; expected at least 0")
    _, data, variants = _vary(data, folds, [_repeat_key(key, repeat)], 1, None)
    if not 0 <= fold < len(variants):
        known = f"0..{len(variants) - 1}" if folds else "0, since there are no folds"
        raise IndexError(f"got fold={fold}; expected {known}")
    cut = data_of(variants[fold], data)
    if facts_of(cut, 1) != replace(variants[fold].facts, folded=False):
        raise DataError(
            "got rows of a fold that leave out the highest classes, which its sets "
            "cannot tell; expected data that name them: data.from_arrays(..., classes=)"
        )
    return cut, variants[fold].key, Plan(order=OWN)


def data_of(variant: Variant, data: Splits) -> Splits:
    """Returns the sets of a variant, with its train and dev set cut out of `data`."""
    if variant.train is None:
        return data

    def cut(dataset: Dataset, rows: Rows | None) -> Dataset:
        part = dataset if rows is None else dataset[rows]
        return replace(part, scaling=variant.scaling)

    return data._replace(
        train=cut(data.train, variant.train),
        dev=cut(data.dev, variant.dev),
        test=cut(data.test, None),
    )


def step_keys(task: Task) -> NDArray[np.uint32]:
    """Returns the keys that members draw from in each step, `[members, 2]`."""
    of_variants = np.stack([key_words(v.key, MEMBER) for v in task.variants])
    configurations = task.offset + np.arange(task.members)[:, None]
    of_members = fold_in(of_variants, configurations)
    return fold_in(of_members, STEP).reshape(-1, 2)


def members_of(configurations: NDArray[Any], num_variants: int) -> NDArray[np.int64]:
    """Returns the ids of the members of configurations, one after another."""
    return np.add.outer(configurations * num_variants, np.arange(num_variants)).ravel()


def expand(rung: Rung, num_variants: int) -> Rung:
    """Returns the rung of members that a rung of configurations stands for.

    Variant v of a configuration copies variant v of its parent.
    """
    parents = rung.parents
    return Rung(
        members_of(rung.members, num_variants),
        jax.tree.map(lambda column: np.repeat(column, num_variants), rung.hparams),
        np.repeat(rung.until, num_variants),
        None if parents is None else members_of(parents, num_variants),
    )


def standard_error(values: NDArray[Any]) -> NDArray[np.float64]:
    """Returns `s / sqrt(V)` of each row of `[n, V]`, s² with V - 1; NaN if V is 1."""
    num_variants = values.shape[1]
    if num_variants == 1:
        return np.full(len(values), np.nan)
    return np.std(values, axis=1, ddof=1, dtype=np.float64) / np.sqrt(num_variants)


def not_worse(errors: NDArray[Any], best: int) -> NDArray[np.bool_]:
    """Returns which rows of `[n, V]` are within the noise of row `best`.

    With the differences `d_v` to that row, variant by variant, these are rows whose
    mean d is at most its standard error.
    """
    differences = errors.astype(np.float64) - errors[best]
    return differences.mean(axis=1) <= standard_error(differences)


def _vary(
    data: Splits,
    folds: Folds,
    keys: list[jax.Array],
    epochs: int,
    stratify: bool | None,
) -> tuple[Folds, Splits, list[Variant]]:
    """Returns folds, data and variants of repeats with these keys.

    See `with_variants`.
    """
    if folds is None:
        facts, scaling = facts_of(data, epochs), data.train.scaling
        return None, data, [Variant(key, facts, scaling=scaling) for key in keys]
    pooled = pool(data)
    whole = data._replace(train=pooled, dev=pooled)

    def deal(key):
        key = folded(key, FOLD)
        return fold_rows(pooled, folds, key=key, stratify=stratify)

    if not isinstance(folds, int):
        folds = tuple(deal(keys[0]))
    variants = [_fold(whole, key, epochs, *rows) for key in keys for rows in deal(key)]
    return folds, whole, variants


def _fold(
    whole: Splits, key: jax.Array, epochs: int, train: Rows, dev: Rows
) -> Variant:
    """Returns the variant of a fold.

    Args:
        whole: with the pooled examples as train set.
        key: of its repeat.
        epochs: of the task.
        train: its rows of the pooled examples.
        dev: the same.
    """
    own = whole.train[train]
    facts = facts_of(whole._replace(train=own), epochs, folded=True)
    return Variant(key, facts, train, dev, _scaling(whole, own))


def _scaling(whole: Splits, own: Dataset) -> Scaling | None:
    """Returns the scaling by a fold's train set; None: nothing was normalized."""
    stored = own.scaling or Scaling()
    inputs = labels = None
    if (moments := whole.moments) is not None:
        inputs = input_moments(own, moments=moments)
    if stored.labels is not None:
        labels = moments_of(own.labels)
    return None if inputs is labels is None else Scaling(inputs, labels)


def _repeat_key(key: jax.Array, repeat: int) -> jax.Array:
    if repeat == 0:
        return key
    return folded(key, REPEAT, repeat)
