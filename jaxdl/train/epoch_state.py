"""What a training carries from epoch to epoch: its status and its best epoch.

The device computes it, once an epoch, for each training by itself.
"""

import enum
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from jaxdl.train.state import TrainState


class Status(enum.IntEnum):
    """How a training stands. Programs hold its number; `str` gives its name."""

    RUNNING = 0  # can train on
    FINISHED = 1  # trained all its epochs
    STOPPED = 2  # early: its score on the dev set no longer fell
    CUT_SHORT = 3  # by a search, which asked for no further epoch
    DIVERGED = 4  # turned non-finite

    def __str__(self) -> str:
        return self.name.lower().replace("_", " ")


def ended(status: NDArray[np.int32]) -> dict[str, int]:
    """Returns how many members ended how, by the name of the status."""
    counts = {str(s): int((status == s).sum()) for s in Status}
    return {name: n for name, n in counts.items() if n}


def ended_words(status: NDArray[np.int32]) -> str:
    """Returns such as `finished`, or `1 diverged, 4 finished`."""
    some = sorted(ended(status).items())
    return some[0][0] if len(some) == 1 else ", ".join(f"{n} {s}" for s, n in some)


class Best(NamedTuple):
    """The epoch with the lowest score so far, see `score`; dev loss breaks ties."""

    epoch: Any  # [] int32; -1 before the first
    score: Any  # []
    loss: Any  # []
    params: Any
    state: Any  # of the layers


class EpochState(NamedTuple):
    """What one training carries from epoch to epoch."""

    status: Any  # [] int32: Status.RUNNING, STOPPED or DIVERGED
    stopped_at: Any  # [] int32: the step at which it stopped or diverged; -1 before
    epochs: Any  # [] int32: how many it finished
    best: Best | None  # None: no early stopping, the last epoch's weights are kept
    # of that epoch; None: `best` has them, or they are the train state's parameters
    eval_params: Any = None


Carry = tuple[TrainState, EpochState]


def init_epoch_state(
    train_state: TrainState, *, early_stopping: bool, eval_params: Any = None
) -> EpochState:
    """Returns the epoch state before the first epoch.

    Args:
        train_state: before the first step.
        early_stopping: whether the training keeps its best epoch.
        eval_params: what is evaluated; None: the parameters of the train state.
    """
    never, worst = jnp.asarray(-1, jnp.int32), jnp.asarray(jnp.inf)
    params = train_state.params if eval_params is None else eval_params
    best = Best(never, worst, worst, params, train_state.state)
    zero = jnp.zeros((), jnp.int32)  # running, and no epoch
    if early_stopping:
        return EpochState(zero, never, zero, best)
    return EpochState(zero, never, zero, None, eval_params)


def advance(
    epoch_state: EpochState,
    train_state: TrainState,
    bad_step: jax.Array,
    score: jax.Array,
    loss: jax.Array,
    patience: jax.Array | None,
    eval_params: Any = None,
) -> EpochState:
    """Returns the epoch state after one more epoch of a training.

    Args:
        epoch_state: before the epoch.
        train_state: after it; where the training diverged or had stopped, as before it.
        bad_step: the step at which it diverged in this epoch, or -1.
        score: on the dev set after the epoch, lower is better, such as the error.
        loss: on the dev set after the epoch.
        patience: after how many epochs in a row without a better one the training
            stops; None if `epoch_state.best` is None.
        eval_params: of `train_state`; None: its parameters.
    """
    running = epoch_state.status == Status.RUNNING
    alive = running & (bad_step < 0)
    best = epoch_state.best
    tired = jnp.zeros((), bool)
    if best is not None:
        params = train_state.params if eval_params is None else eval_params
        now = Best(
            epoch_state.epochs, _worst_if_nan(score), _worst_if_nan(loss),
            params, train_state.state,
        )  # fmt: skip
        best = select(alive & _better(now, best), now, best)
        tired = alive & (epoch_state.epochs - best.epoch >= patience)
    ended = jnp.where(alive, Status.RUNNING, Status.DIVERGED)
    status = jnp.where(tired, Status.STOPPED, ended)
    step = jnp.where(tired, train_state.step, bad_step)
    return EpochState(
        jnp.where(running, status, epoch_state.status),
        jnp.where(running, step, epoch_state.stopped_at),
        epoch_state.epochs + alive,
        best,
        eval_params if best is None else None,
    )


def kept(train_state: TrainState, epoch_state: EpochState) -> tuple[Any, Any, Any]:
    """Returns the parameters, layer state and epoch that a training keeps.

    The parameters are those that are evaluated. With early stopping they are those of
    the best epoch, else of the last finished one. Epoch -1 means the initial weights.
    Works on any number of trainings at once.
    """
    if epoch_state.best is None:
        own = epoch_state.eval_params
        params = train_state.params if own is None else own
        return params, train_state.state, epoch_state.epochs - 1
    return epoch_state.best.params, epoch_state.best.state, epoch_state.best.epoch


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
    """Returns whether this epoch is the best so far; the first always is.

    A score that is NaN never is: it counts as infinite, and ties only if it is finite.
    """
    known = jnp.isfinite(now.score)
    tie = known & (now.score == best.score) & (now.loss < best.loss)
    return (best.epoch < 0) | (now.score < best.score) | tie
