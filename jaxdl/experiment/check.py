"""Checks of an experiment that are worth a minute before hours of training."""

from collections.abc import Iterator, Sequence
from typing import Any

import jax
import numpy as np

from jaxdl import nn
from jaxdl.data import DataError, Splits
from jaxdl.data.checks import check_sets
from jaxdl.data.dataset import are_classes
from jaxdl.engine.aot import check_installed
from jaxdl.engine.target import target
from jaxdl.experiment.check_data import check_data
from jaxdl.experiment.check_program import (
    Prepared,
    idle_notes,
    loss_notes,
    outputs_findings,
    penalty_notes,
    prepared,
    signal_findings,
    signal_of,
)
from jaxdl.experiment.check_targets import target_findings
from jaxdl.experiment.check_training import check_training
from jaxdl.experiment.finding import Finding
from jaxdl.experiment.programs import Configured, configured
from jaxdl.keys import as_key
from jaxdl.nn.losses import labels_are_classes
from jaxdl.train import RecipeError, facts_of
from jaxdl.train.bound import BoundRecipe
from jaxdl.train.number_checks import check_numbers
from jaxdl.train.outline import outline
from jaxdl.train.recipe import RecipeFunction
from jaxdl.train.settings import check_jax

LOOKED = 12  # programs whose signal and outputs are checked
SHOWN = 3  # labels of programs that have one fault in common
TRAINED = 3  # programs whose gradient is checked, and that train for an epoch


def check(
    recipe: RecipeFunction,
    space: Any,
    data: Splits,
    *,
    key: jax.Array | int,
    targets: Sequence[str] = (),
) -> Iterator[Finding]:
    """Yields what is found in the data and in every program of a space.

    A program with choices (`Among`) counts once for each option.

    The data are checked as `fit` checks them, and the three sets are compared. Each
    program is traced, which finds what no training could use, such as a penalty that
    acts on no parameter. In up to 12 programs the signal is followed through the layers
    at random initialization, and the outputs of random parameters are checked. For a
    model with state, such as the moments of a batch norm, the batch is as large as in
    training.

    In up to 3 programs, if possible with a healthy signal, the gradient is checked
    before and after one epoch of training. It is the gradient of the cost that training
    descends, with the penalty and one fixed dropout mask. It is checked at every
    coordinate; in a costly model at some random coordinates of each leaf, as many as
    take seconds.

    For each target every program of a sweep is compiled, on this machine and whether or
    not it has such a chip. The compiler tells how much memory a block takes and what
    bounds its speed.

    A program whose signal explodes or vanishes is no fault if another program of the
    space is healthy, because a sweep compares them.

    Args:
        recipe: function from hyperparameters, and facts, to a `Recipe`.
        space: as for `sweep`; traced numbers take their median. Or the hyperparameters
            of one model.
        data: normalized train, dev and test sets.
        key: a threefry key, or a seed.
        targets: names of chips, such as `h200`.

    Raises:
        ImportError: the compiler for a target is not installed.
        SettingsError: a setting of JAX is in the way.
        SpaceError: a sweep would refuse the number of programs.
        ValueError: there is no such target.
    """
    check_jax()
    chips = [target(name) for name in targets]
    for chip in chips:
        check_installed(chip)
    key, facts = as_key(key), facts_of(data, 1)
    programs, unfit = configured(space), dict[str, list[str]]()
    try:
        check_sets(data)
    except DataError as error:
        yield Finding(False, f"data: {error}")
        return
    yield from check_data(data)
    ready = dict[Any, Configured]()  # by the digest of the computation, and its choices
    for one in programs:
        try:
            check_numbers(recipe, one.traced, one.structure, facts)
            found = outline(recipe, one.traced, one.structure, data, facts)
        except (DataError, RecipeError) as error:
            unfit.setdefault(str(error), []).append(one.label)
            continue
        ready.setdefault((found.program, one.choices), one)
    for text, labels in unfit.items():
        at = f" ({'; '.join(labels[:SHOWN])}{', ...' * (len(labels) > SHOWN)})"
        yield Finding(False, f"program{at if any(labels) else ''}: {text}")
    some = [
        (
            f" ({one.label})" if one.label else "",
            prepared(BoundRecipe(recipe, one.structure, facts), one.traced, data, key),
        )
        for one in _spread(list(ready.values()), LOOKED)
    ]
    yield from _check_programs(some, len(ready), data, key)
    if chips and not unfit:
        yield from target_findings(recipe, space, data, chips)


def _check_programs(
    programs: list[tuple[str, Prepared]], count: int, data: Splits, key: jax.Array
) -> Iterator[Finding]:
    """Yields what is found in some of `count` programs, each with its label."""
    yield from _meaning_of_labels([program for _, program in programs], data)
    signals = [signal_of(program) for _, program in programs]
    yield from signal_findings([at for at, _ in programs], signals)
    for at, program in programs:
        yield from outputs_findings(program, at)
        yield from penalty_notes(program, at)
        yield from idle_notes(program, at)
        yield from loss_notes(program, at)
    sound = [p for p, s in zip(programs, signals, strict=True) if not s.faults]
    some = _spread(sound or programs, TRAINED)
    if len(some) < count:
        yield Finding(
            True,
            f"programs: all {count} are traced, the signal is followed in "
            f"{len(programs)}, and an epoch is trained in {len(some)}; NAME=VALUE "
            "chooses others",
        )
    for at, program in some:
        yield from check_training(program, data, key, at)


def _spread(items: list[Any], most: int) -> list[Any]:
    """Returns at most so many items, from the first to the last."""
    places = np.linspace(0, len(items) - 1, min(most, len(items))).astype(int)
    return [items[place] for place in places]


def _meaning_of_labels(programs: list[Prepared], data: Splits) -> Iterator[Finding]:
    """Yields a fault if neither the data nor a loss says what integer labels are."""
    if not are_classes(data.train.labels) or data.classes is not None:
        return
    own = [
        plain.__name__ if hasattr(plain, "__name__") else str(plain)
        for plain in (nn.plain_loss(program.built.loss) for program in programs)
        if labels_are_classes(plain) is None
    ]
    if own:
        yield Finding(
            False,
            "data: got integer labels that may be classes or targets, and the loss "
            f"{own[0]} does not tell; expected data that say which: "
            "data.from_arrays(..., classes=) with the names or the number of the "
            "classes, or classes=() for targets",
        )
