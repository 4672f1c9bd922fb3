"""Training one model while somebody watches."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from jaxdl import terminal
from jaxdl.data import Splits, check
from jaxdl.train.check import (
    check_epochs,
    check_patience,
    inspect,
    tracing_errors_explained,
)
from jaxdl.train.epoch import make_epoch
from jaxdl.train.epoch_state import FATES, RUNNING, Progress, begin, kept
from jaxdl.train.member import Member, on_device
from jaxdl.train.recipe import RecipeFunction
from jaxdl.train.state import TrainState, check_key, init, member_key
from jaxdl.train.structure import Structure, combine, partition


def fit(
    recipe: RecipeFunction,
    hp: Any,
    data: Splits,
    *,
    key: jax.Array,
    epochs: int,
    patience: int | None = None,
    progress: bool = True,
) -> Member:
    """Returns one model, trained for `epochs` epochs or until it gets no better.

    It is member 0 of a sweep with the same key: the same initial weights, batches and
    masks. Its floating-point sums may differ from the sweep's in the last bits.

    Args:
        recipe: function from hyperparameters to a `Recipe`.
        hp: hyperparameters; floats are traced, other plain values shape the program.
        data: normalized train, dev and test sets; test is not looked at.
        key: a threefry key, `jax.random.key(seed)`.
        epochs: at least 1.
        patience: how many epochs in a row may pass without a lower dev error (ties by
            dev loss) before the training stops; the weights of the best epoch are
            kept. None: no early stopping, the last epoch's weights are kept.
        progress: whether to print a line an epoch.

    Raises:
        DataError: the data cannot be trained on, see `data.check` and
            `train.inspect`.
        RecipeError: the recipe or a hyperparameter cannot be traced.
        TypeError: another kind of key.
        ValueError: `epochs` or `patience` is below 1.
    """
    check_key(key)
    check_epochs(epochs)
    check_patience(patience)
    check(data)
    traced, structure = partition(hp)
    inspect(recipe, traced, structure, data)
    start, epoch = _programs(recipe, structure)
    train, dev = on_device(data.train), on_device(data.dev)

    def advance(train_state, progress, number):
        return epoch(traced, train_state, progress, number, train, dev, key, patience)

    with tracing_errors_explained():
        begun = start(
            traced, member_key(key, 0), train.inputs.shape[1:], patience is not None
        )
        with terminal.epoch_lines(enabled=progress) as show:
            train_state, end, metrics = train_epochs(
                advance,
                *begun,
                range(epochs),
                lambda number, _, metrics: show(number + 1, epochs, metrics),
            )
    params, state, kept_epoch = jax.device_get(kept(train_state, end))
    fate, stopped_at = int(end.fate), int(end.stopped_at)
    return Member(
        recipe,
        structure,
        hp,
        metrics,
        FATES[fate],
        None if fate == RUNNING else stopped_at,
        int(kept_epoch),
        params,
        state,
    )


def train_epochs(
    advance: Callable[..., tuple[TrainState, Progress, dict[str, jax.Array]]],
    train_state: TrainState,
    progress: Progress,
    epochs: range,
    report: Callable[[int, NDArray[Any], dict[str, NDArray[Any]]], None],
) -> tuple[TrainState, Progress, dict[str, NDArray[Any]]]:
    """Returns state, progress and metrics `[epochs, ...]` after the last epoch.

    Works for one model and for a block of them. The host reads the metrics of an epoch
    while the device computes the next. Once nothing is running the rest is left out;
    its metrics are NaN.

    Args:
        advance: `(train_state, progress, number) -> (train_state, progress,
            metrics)`, the program of one epoch; may overwrite the state it is given.
        train_state: before the first epoch.
        progress: likewise.
        epochs: numbers of the epochs, at least one.
        report: called with an epoch's number, the fates `[...]` after it and metrics,
            for each epoch in which something ran.
    """
    pending: list[tuple[int, jax.Array, dict[str, jax.Array]]] = []
    history: list[dict[str, NDArray[Any]]] = []
    running = True

    def read() -> bool:
        number, fate, metrics = jax.device_get(pending.pop(0))
        history.append(metrics)
        if running:
            report(number, fate, metrics)
        return running and bool(np.any(fate == RUNNING))

    for number in epochs:
        train_state, progress, metrics = advance(train_state, progress, number)
        pending.append((number, progress.fate, metrics))
        running = read() if number > epochs[0] else running
        if not running:
            break
    while pending:
        running = read()
    missing = jax.tree.map(lambda x: np.full_like(x, np.nan), history[0])
    history += [missing] * (len(epochs) - len(history))
    stacked = jax.tree.map(lambda *rows: np.stack(rows), *history)
    return train_state, progress, stacked


@functools.lru_cache(maxsize=32)
def _programs(
    recipe: RecipeFunction, structure: Structure
) -> tuple[Callable[..., tuple[TrainState, Progress]], Callable[..., Any]]:
    """Returns the compiled start and epoch of one model, traced once a structure."""

    def start(traced, key, in_shape, early_stopping):
        train_state = init(recipe, combine(traced, structure), key, in_shape)
        return train_state, begin(train_state, early_stopping=early_stopping)

    def epoch(traced, *carried):
        return make_epoch(recipe)(combine(traced, structure), *carried)

    return jax.jit(start, static_argnums=(2, 3)), jax.jit(epoch, donate_argnums=1)
