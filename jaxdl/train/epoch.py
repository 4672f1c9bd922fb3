"""The pure function of one epoch, which the host calls once an epoch."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxdl.data import Dataset
from jaxdl.train.epoch_state import EpochState, Status, advance, select
from jaxdl.train.part import take, weights
from jaxdl.train.recipe import Recipe, RecipeFunction, build
from jaxdl.train.score import score
from jaxdl.train.state import TrainState
from jaxdl.train.step import Metrics, make_eval, make_step
from jaxdl.train.update import eval_params

STEP_LOSS = "step_loss"  # among the metrics of an epoch, where it is asked for


def make_epoch(
    recipe: RecipeFunction, every: int | None = None
) -> Callable[..., tuple[TrainState, EpochState, Metrics]]:
    """Returns the pure function of one epoch::

        epoch(hp, train_state, epoch_state, order, train, dev, patience)
            -> (train_state, epoch_state, metrics)

    It trains on the batches of `order`, `[steps, B]` rows of `train` as `epoch_order`
    gives them, then evaluates on `dev`. The metrics are `train_loss` and `train_error`,
    means over the steps, and `dev_loss`, `dev_error` and the recipe's own, such as
    `dev_auc`. `train` is a dataset, `dev` a dataset or a part of one.

    A training whose loss, parameters or state turn non-finite has diverged. It returns
    to its state at the start of the epoch. `stopped_at` becomes the first step whose
    loss is not finite; if all losses are finite, the step after the epoch's last one. A
    training that has diverged or stopped does not change, and its metrics are NaN.

    With `every` the metrics have `step_loss` as well, `[ceil(steps / every)]`: the mean
    loss of each `every` steps; the last mean is of those that are left.
    """
    step, evaluate = make_step(recipe), make_eval(recipe)

    def epoch(hp, train_state, epoch_state, order, train, dev, patience):
        built = build(recipe, hp)

        def body(carry, index):
            return step(hp, carry, take(train, index))

        trained, steps = jax.lax.scan(body, train_state, order)
        on_dev = evaluate(hp, trained, dev)
        ends = trained, steps, on_dev
        return conclude(
            built, ends, train_state, epoch_state, order, train, patience, every
        )

    return epoch


def conclude(
    built: Recipe,
    ends: tuple[TrainState, Metrics, Metrics],
    train_state: TrainState,
    epoch_state: EpochState,
    order: jax.Array,
    train: Dataset,
    patience: jax.Array | None,
    every: int | None = None,
) -> tuple[TrainState, EpochState, Metrics]:
    """Returns what an epoch returns, from what its steps and its evaluation gave.

    Args:
        built: the recipe of the hyperparameters.
        ends: the train state after the steps, the metrics of each step, `[steps]`, and
            the metrics on the dev set.
        train_state: at the start of the epoch.
        epoch_state: the same.
        order: of the epoch's batches.
        train: the train set; its inputs are not read.
        patience: see `advance`.
        every: see `make_epoch`.
    """
    trained, steps, on_dev = ends
    on_dev = {f"dev_{n}": x for n, x in on_dev.items()}
    own = eval_params(built, trained)
    bad_step = _first_bad_step(train_state, trained, own, steps["loss"])
    alive = (epoch_state.status == Status.RUNNING) & (bad_step < 0)
    train_state = select(alive, trained, train_state)
    epoch_state = advance(
        epoch_state, train_state, bad_step, score(on_dev, built.rank_by),
        on_dev["dev_loss"], patience, eval_params(built, train_state),
    )  # fmt: skip
    weight = _mean_weight(train, order)
    metrics = {
        "train_loss": jnp.mean(steps["loss"]) / weight,
        "train_error": jnp.mean(steps["error"]) / weight,
        **on_dev,
    }
    if every is not None:
        metrics[STEP_LOSS] = _means_of(steps["loss"], every) / weight
    metrics = jax.tree.map(lambda x: jnp.where(alive, x, jnp.nan), metrics)
    return train_state, epoch_state, metrics


def _means_of(losses: jax.Array, every: int) -> jax.Array:
    """Returns the mean of each `every` losses; the last one is of those that are left.

    Args:
        losses: `[steps]`.
        every: how many, at least 1.
    """
    steps = len(losses)
    every = min(every, steps)
    groups = -(-steps // every)
    padded = jnp.pad(losses, (0, groups * every - steps)).reshape(groups, every)
    return padded.sum(axis=1) / jnp.minimum(every, steps - every * jnp.arange(groups))


def _first_bad_step(
    before: TrainState, after: TrainState, own: Any, losses: jax.Array
) -> jax.Array:
    """Returns the step at which a training turned non-finite, or -1.

    Args:
        before: at the start of the epoch.
        after: at its end.
        own: the parameters of its evaluation; None: those that train.
        losses: of the epoch's steps, `[steps]`.
    """
    finite = jnp.isfinite(losses)
    first_bad = jnp.where(finite.all(), len(losses), jnp.argmin(finite))
    healthy = finite.all() & _all_finite(after, own)
    return jnp.where(healthy, -1, before.step + first_bad).astype(jnp.int32)


def _all_finite(train_state: TrainState, own: Any) -> jax.Array:
    """Returns whether all floats of a training are finite.

    Arrays of one shape, such as weights and their averages, share a reduction, since
    each takes a compiler as long as a layer.
    """
    finite: dict[tuple[int, ...], jax.Array] = {}
    leaves = (train_state.params, train_state.state, train_state.opt_state, own)
    for x in jax.tree.leaves(leaves):
        if jnp.issubdtype(x.dtype, jnp.inexact):
            finite[x.shape] = finite.get(x.shape, True) & jnp.isfinite(x)
    return jnp.array([x.all() for x in finite.values()], bool).all()


def _mean_weight(train: Dataset, order: jax.Array) -> jax.Array | float:
    """Returns the mean weight of an example in an epoch; 1 without weights."""
    each = weights(train)
    return 1.0 if each is None else jnp.mean(each[order])
