"""How far a training has come: running, stopped early or diverged, and its best epoch.

All of it is decided on the device, once an epoch, for each training by itself.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.train.state import TrainState

RUNNING, STOPPED, DIVERGED = range(3)
FATES = ("finished", "stopped", "diverged")  # what these are called afterwards


class Best(NamedTuple):
    """The epoch with the lowest dev error so far, ties by dev loss."""

    epoch: Any  # [] int32; -1 before the first
    error: Any  # []
    loss: Any  # []
    params: Any
    state: Any  # of the layers


class Progress(NamedTuple):
    """What one training carries from epoch to epoch."""

    fate: Any  # [] int32: RUNNING, STOPPED or DIVERGED
    stopped_at: Any  # [] int32: the step at which it stopped or diverged; -1 before
    epochs: Any  # [] int32: how many it finished
    best: Best | None  # None: no early stopping, the last epoch is what is kept


def begin(train_state: TrainState, *, early_stopping: bool) -> Progress:
    """Returns the progress of a training that is about to begin."""
    none, worst = jnp.asarray(-1, jnp.int32), jnp.asarray(jnp.inf)
    best = Best(none, worst, worst, train_state.params, train_state.state)
    fate = epochs = jnp.zeros((), jnp.int32)
    return Progress(fate, none, epochs, best if early_stopping else None)


def advance(
    progress: Progress,
    train_state: TrainState,
    bad_step: jax.Array,
    on_dev: dict[str, jax.Array],
    patience: jax.Array | None,
) -> Progress:
    """Returns the progress after one more epoch of a training.

    Args:
        progress: before the epoch.
        train_state: after it; where the training diverged or had stopped, as before it.
        bad_step: the step at which it diverged in this epoch, or -1.
        on_dev: `loss` and `error` on the dev set after the epoch.
        patience: how many epochs in a row may bring nothing better before the training
            stops; None with `progress.best` None.
    """
    running = progress.fate == RUNNING
    alive = running & (bad_step < 0)
    best = progress.best
    tired = jnp.zeros((), bool)
    if best is not None:
        error, loss = (_worst_if_nan(on_dev[name]) for name in ("error", "loss"))
        now = Best(progress.epochs, error, loss, train_state.params, train_state.state)
        best = select(alive & _better(now, best), now, best)
        tired = alive & (progress.epochs - best.epoch >= patience)
    fate = jnp.where(tired, STOPPED, jnp.where(alive, RUNNING, DIVERGED))
    step = jnp.where(tired, train_state.step, bad_step)
    return Progress(
        jnp.where(running, fate, progress.fate),
        jnp.where(running, step, progress.stopped_at),
        progress.epochs + alive,
        best,
    )


def kept(train_state: TrainState, progress: Progress) -> tuple[Any, Any, Any]:
    """Returns parameters, layer state and epoch of what is kept of a training.

    With early stopping that is the best epoch, else the last one that was finished; -1
    stands for the initial weights. Works on any number of trainings at once.
    """
    if progress.best is None:
        return train_state.params, train_state.state, progress.epochs - 1
    return progress.best.params, progress.best.state, progress.best.epoch


def select(condition: jax.Array, yes: Any, no: Any) -> Any:
    """Returns the tree `yes` where the scalar condition holds, else `no`."""
    return jax.tree.map(
        lambda a, b: jax.lax.select(jnp.broadcast_to(condition, jnp.shape(b)), a, b),
        yes,
        no,
    )


def _worst_if_nan(value: jax.Array) -> jax.Array:
    return jnp.where(jnp.isnan(value), jnp.inf, value).astype(jnp.result_type(float))


def _better(now: Best, best: Best) -> jax.Array:
    """Returns whether this epoch is the best so far; the first always is."""
    tie = (now.error == best.error) & (now.loss < best.loss)
    return (best.epoch < 0) | (now.error < best.error) | tie
