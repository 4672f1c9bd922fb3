"""Training one model while somebody watches."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from jaxdl import terminal
from jaxdl.data import Splits, check
from jaxdl.train.check import check_epochs, inspect, tracing_errors_explained
from jaxdl.train.hyperparameters import Structure, combine, partition
from jaxdl.train.member import Member, on_device
from jaxdl.train.recipe import RecipeFunction
from jaxdl.train.state import TrainState, check_key, init, member_key
from jaxdl.train.step import RUNNING, make_epoch


def fit(
    recipe: RecipeFunction,
    hp: Any,
    data: Splits,
    *,
    key: jax.Array,
    epochs: int,
    progress: bool = True,
) -> Member:
    """Returns one model, trained for `epochs` epochs.

    It is member 0 of a sweep with the same key: the same initial weights, batches and
    masks. Its floating-point sums may differ from the sweep's in the last bits.

    Args:
        recipe: function from hyperparameters to a `Recipe`.
        hp: hyperparameters; floats are traced, other plain values shape the program.
        data: normalized train, dev and test sets; test is not looked at.
        key: a threefry key, `jax.random.key(seed)`.
        epochs: at least 1.
        progress: whether to print a line an epoch.

    Raises:
        DataError: the data cannot be trained on, see `data.check` and
            `train.inspect`.
        RecipeError: the recipe or a hyperparameter cannot be traced.
        TypeError: another kind of key.
        ValueError: `epochs` is below 1.
    """
    check_key(key)
    check_epochs(epochs)
    check(data)
    traced, structure = partition(hp)
    inspect(recipe, traced, structure, data)
    start, epoch = _programs(recipe, structure)
    train, dev = on_device(data.train), on_device(data.dev)

    def advance(train_state, stopped_at, number):
        return epoch(traced, train_state, stopped_at, number, train, dev, key)

    with tracing_errors_explained():
        begun = start(traced, member_key(key, 0), train.inputs.shape[1:])
        with terminal.epoch_lines(enabled=progress) as show:
            train_state, stopped_at, metrics = train_epochs(
                advance,
                begun,
                jnp.asarray(RUNNING, jnp.int32),
                epochs,
                lambda number, _, metrics: show(number + 1, epochs, metrics),
            )
    stopped = int(stopped_at)
    return Member(
        recipe,
        structure,
        hp,
        metrics,
        "finished" if stopped == RUNNING else "diverged",
        None if stopped == RUNNING else stopped,
        jax.device_get(train_state.params),
        jax.device_get(train_state.state),
    )


def train_epochs(
    advance: Callable[..., tuple[TrainState, jax.Array, dict[str, jax.Array]]],
    train_state: TrainState,
    stopped_at: jax.Array,
    epochs: int,
    report: Callable[[int, NDArray[Any], dict[str, NDArray[Any]]], None],
) -> tuple[TrainState, NDArray[Any], dict[str, NDArray[Any]]]:
    """Returns state, `stopped_at` and metrics `[epochs, ...]` after the last epoch.

    Works for one model and for a block of them. The host reads the metrics of an epoch
    while the device computes the next. Once nothing is running the rest is left out;
    its metrics are NaN.

    Args:
        advance: `(train_state, stopped_at, number) -> (train_state, stopped_at,
            metrics)`, the program of one epoch; may overwrite the state it is given.
        train_state: before the first epoch.
        stopped_at: `RUNNING`, or the step at which a training stopped, `[...]`.
        epochs: at least 1.
        report: called with an epoch's number, `stopped_at` and metrics.
    """
    pending: list[tuple[int, jax.Array, dict[str, jax.Array]]] = []
    history: list[dict[str, NDArray[Any]]] = []

    def read() -> bool:
        number, stopped, metrics = jax.device_get(pending.pop(0))
        history.append(metrics)
        report(number, stopped, metrics)
        return bool(np.any(stopped == RUNNING))

    running = True
    for number in range(epochs):
        train_state, stopped_at, metrics = advance(train_state, stopped_at, number)
        pending.append((number, stopped_at, metrics))
        running = read() if number > 0 else running
        if not running:
            break
    while pending:
        read()
    missing = jax.tree.map(lambda x: np.full_like(x, np.nan), history[0])
    history += [missing] * (epochs - len(history))
    stacked = jax.tree.map(lambda *rows: np.stack(rows), *history)
    return train_state, np.asarray(stopped_at), stacked


@functools.lru_cache(maxsize=32)
def _programs(
    recipe: RecipeFunction, structure: Structure
) -> tuple[Callable[..., TrainState], Callable[..., Any]]:
    """Returns the compiled start and epoch of one model, traced once a structure."""

    def start(traced, key, in_shape):
        return init(recipe, combine(traced, structure), key, in_shape)

    def epoch(traced, *carried):
        return make_epoch(recipe)(combine(traced, structure), *carried)

    return jax.jit(start, static_argnums=2), jax.jit(epoch, donate_argnums=1)
