"""Training of one model, with a line for each epoch."""

import concurrent.futures
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from jaxdl import terminal
from jaxdl.counts import as_count
from jaxdl.data import Splits, check
from jaxdl.keys import as_key
from jaxdl.train import compiled
from jaxdl.train.bound import BoundRecipe, make_advance, make_start, with_order
from jaxdl.train.check import as_patience
from jaxdl.train.epoch import STEP_LOSS
from jaxdl.train.epoch_state import Carry, EpochState, Status, kept
from jaxdl.train.facts import counts_for, facts_of
from jaxdl.train.fit_streamed import lower_one, ready_to_read
from jaxdl.train.member import Member
from jaxdl.train.number_checks import check_numbers
from jaxdl.train.outline import Outline, outline
from jaxdl.train.part import in_shape, on_device_shapes
from jaxdl.train.recipe import RecipeFunction
from jaxdl.train.settings import check_jax
from jaxdl.train.stages import Streamed
from jaxdl.train.state import TrainState, first_key
from jaxdl.train.steps import joined_steps
from jaxdl.train.structure import partition
from jaxdl.train.trace import check_pure
from jaxdl.train.tracing import tracing_errors_explained


def train_one(
    recipe: RecipeFunction,
    hparams: Any,
    data: Splits,
    *,
    key: jax.Array | int,
    epochs: int,
    patience: int | None = None,
    every: int | None = None,
    progress: bool = True,
) -> Member:
    """Returns one model, trained in memory alone; see `jaxdl.fit`.

    It is member 0 of a sweep with the same key: the same initial weights, batches and
    masks. Its floating-point sums may differ from the sweep's in the last bits.

    Args:
        recipe: function from hyperparameters to a `Recipe`; or from these and the
            `Facts` of the training.
        hparams: hyperparameters.
        data: normalized train, dev and test sets; training does not read test.
        key: a seed, or a threefry key.
        epochs: at least 1.
        patience: see `jaxdl.fit`; None: no early stopping.
        every: see `jaxdl.fit`; None: losses of steps are not recorded.
        progress: whether to print a line for each epoch.

    Raises:
        DataError, RecipeError, SettingsError, TypeError, ValueError: as `jaxdl.fit`.
    """
    check_jax()
    key, epochs = as_key(key), as_count("epochs", epochs)
    patience = as_patience(patience, epochs)
    every = None if every is None else as_count("every", every)
    check(data)
    traced, structure = partition(hparams)
    facts = facts_of(data, epochs)
    check_numbers(recipe, traced, structure, facts)
    found = outline(recipe, traced, structure, data, facts)
    check_pure(recipe, traced, structure, data, facts, found.program)
    bound = BoundRecipe(recipe, structure, facts, every)
    counts = counts_for(recipe, facts)
    patient = None if patience is None else np.int32(min(patience, 2**31 - 1))
    rest = key, patient, counts
    show = terminal.epoch_lines(enabled=progress)
    with ready_to_read(data, rest) as inputs:
        with tracing_errors_explained():
            start, epoch = _lower(bound, traced, found, data, inputs, rest)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            compiling = pool.submit(epoch.compile_for, jax.devices()[:1])
            first: Carry = start.compile()(traced, first_key(key), counts)
        (program,) = compiling.result().values()
        train_state, end, metrics = train_epochs(
            lambda train_state, epoch_state, number: program(
                traced, train_state, epoch_state, np.int32(number), *inputs
            ),
            *first,
            range(epochs),
            lambda number, _, values: show(number + 1, epochs, _without_steps(values)),
        )
    return _member(bound, hparams, data, found, train_state, end, metrics)


def _member(
    bound: BoundRecipe,
    hparams: Any,
    data: Splits,
    found: Outline,
    train_state: TrainState,
    end: EpochState,
    metrics: dict[str, NDArray[Any]],
) -> Member:
    """Returns the model that a training ended with."""
    params, state, kept_epoch = jax.device_get(kept(train_state, end))
    running, steps = int(end.status) == Status.RUNNING, None
    if bound.every is not None:
        steps = joined_steps(metrics[STEP_LOSS], found.steps_per_epoch, bound.every)
    return Member(
        recipe=bound.recipe,
        structure=bound.structure,
        hparams=hparams,
        facts=bound.facts,
        scaling=data.train.scaling,
        about=data.train.about,
        inference=found.inference,
        metrics=_without_steps(metrics),
        status=Status.FINISHED if running else Status(int(end.status)),
        stopped_at=None if running else int(end.stopped_at),
        kept_epoch=int(kept_epoch),
        params=params,
        state=state,
        history=((0, hparams),),
        steps=steps,
    )


def train_epochs(
    advance: Callable[..., tuple[TrainState, EpochState, dict[str, jax.Array]]],
    train_state: TrainState,
    epoch_state: EpochState,
    epochs: range,
    report: Callable[[int, NDArray[Any], dict[str, NDArray[Any]]], None],
) -> tuple[TrainState, EpochState, dict[str, NDArray[Any]]]:
    """Returns both states and the metrics `[epochs, ...]` after the last epoch.

    Works for one model and for a block of models. The host reads the metrics of an
    epoch while the device computes the next. When no training is running any more, the
    epochs that are left do not run, and their metrics are NaN.

    Args:
        advance: `(train_state, epoch_state, number) -> (train_state, epoch_state,
            metrics)`, the program of one epoch; may overwrite its arguments.
        train_state: before the first epoch.
        epoch_state: before the first epoch.
        epochs: numbers of the epochs, at least one.
        report: is called after each epoch in which a training ran, with the epoch's
            number, the statuses `[...]` after it and its metrics.
    """
    pending: list[tuple[int, jax.Array, dict[str, jax.Array]]] = []
    history: list[dict[str, NDArray[Any]]] = []
    running = True

    def read() -> bool:
        number, status, metrics = jax.device_get(pending.pop(0))
        history.append(metrics)
        if running:
            report(number, status, metrics)
        return running and bool(np.any(status == Status.RUNNING))

    for number in epochs:
        train_state, epoch_state, metrics = advance(train_state, epoch_state, number)
        pending.append((number, epoch_state.status, metrics))
        running = read() if number > epochs[0] else running
        if not running:
            break
    while pending:
        running = read()
    missing = jax.tree.map(lambda x: np.full_like(x, np.nan), history[0])
    history += [missing] * (len(epochs) - len(history))
    stacked = jax.tree.map(lambda *rows: np.stack(rows), *history)
    return train_state, epoch_state, stacked


def _without_steps(metrics: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Returns metrics of one number for each epoch."""
    return {name: values for name, values in metrics.items() if name != STEP_LOSS}


def _lower(
    bound: BoundRecipe,
    traced: dict[str, Any],
    found: Outline,
    data: Splits,
    inputs: tuple[Any, ...],
    rest: tuple[Any, ...],
) -> tuple[compiled.Lowered, Any]:
    """Returns the start and the epoch of one model, ready to be compiled.

    Args:
        bound: the recipe.
        traced: hyperparameters by name.
        found: its outline.
        data: train, dev and test sets.
        inputs: of the epoch, see `ready_to_read`.
        rest: key, patience and class counts.
    """
    key, patience, counts = rest
    shape = in_shape(on_device_shapes(data.train))
    start = make_start(bound, shape, early_stopping=patience is not None)
    first = compiled.lower(start, traced, key, counts)
    carry, number = first.out_shapes, np.int32(0)
    shared = inputs[-1]
    if isinstance(shared, Streamed):
        return first, lower_one(bound, found.batch_size, traced, carry, shared)
    advance = with_order(make_advance(bound), found.batch_size)
    return first, compiled.lower(advance, traced, *carry, number, *inputs, donate=1)
