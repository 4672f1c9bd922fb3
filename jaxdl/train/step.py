"""The pure functions of a training: one step, one evaluation, one epoch."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxdl.data import Dataset
from jaxdl.train.hyperparameters import RecipeError
from jaxdl.train.recipe import PerExample, Recipe, RecipeFunction, build, error_of
from jaxdl.train.state import TrainState, epoch_order

Metrics = dict[str, jax.Array]
EVAL_BATCH = 256  # examples evaluated at once; part of a run's numerics
RUNNING = -1  # `stopped_at` of a training that has not stopped


def make_step(
    recipe: RecipeFunction,
) -> Callable[[Any, TrainState, Dataset], tuple[TrainState, Metrics]]:
    """Returns `step(hp, train_state, batch) -> (train_state, metrics)`, pure.

    One update along the gradient of `mean(loss) + penalty`. The metrics are `loss` and
    `error`, means over the batch before the update, penalty excluded.
    """

    def step(hp, train_state, batch):
        built = build(recipe, hp)
        key = jax.random.fold_in(train_state.key, train_state.step)

        def cost(params):
            outputs, state = built.model.apply(
                params, train_state.state, batch.inputs, key=key, train=True
            )
            losses = _per_example(built.loss, outputs, batch.labels)
            penalty = built.penalty(params, len(batch.inputs))
            return jnp.mean(losses) + penalty, (state, outputs, losses)

        grads, (state, outputs, losses) = jax.grad(cost, has_aux=True)(
            train_state.params
        )
        updates, opt_state = built.optimizer.update(
            grads, train_state.opt_state, train_state.params
        )
        params = optax.apply_updates(train_state.params, updates)
        errors = _per_example(error_of(built), outputs, batch.labels)
        metrics = {"loss": jnp.mean(losses), "error": jnp.mean(errors)}
        step_count = train_state.step + 1
        return TrainState(
            step_count, params, state, opt_state, train_state.key
        ), metrics

    return step


def make_eval(
    recipe: RecipeFunction,
) -> Callable[[Any, TrainState, Dataset], Metrics]:
    """Returns `evaluate(hp, train_state, dataset) -> metrics`, pure.

    The metrics are `loss` and `error`, means over all examples in evaluation mode:
    running moments, no dropout, no penalty.
    """

    def evaluate(hp, train_state, dataset):
        built = build(recipe, hp)

        def per_example(batch):
            outputs = _outputs(built, train_state.params, train_state.state, batch)
            return {
                "loss": _per_example(built.loss, outputs, batch.labels),
                "error": _per_example(error_of(built), outputs, batch.labels),
            }

        return jax.tree.map(jnp.mean, map_batches(per_example, dataset))

    return evaluate


def make_predict(recipe: RecipeFunction) -> Callable[[Any, Any, Any, Any], jax.Array]:
    """Returns `predict(hp, params, state, inputs) -> outputs`, pure.

    The outputs are the model's own, `[m, ...]`, such as logits, in evaluation mode.
    """

    def predict(hp, params, state, inputs):
        built = build(recipe, hp)
        unlabelled = Dataset(inputs, jnp.zeros(len(inputs)))
        return map_batches(lambda b: _outputs(built, params, state, b), unlabelled)

    return predict


def make_epoch(
    recipe: RecipeFunction,
) -> Callable[..., tuple[TrainState, jax.Array, Metrics]]:
    """Returns the pure function of one epoch, the unit that is dispatched::

        epoch(hp, train_state, stopped_at, number, train, dev, key)
            -> (train_state, stopped_at, metrics)

    It trains on every batch of epoch `number` of the run's `key`, then evaluates on
    `dev`. The metrics are `train_loss` and `train_error`, means over the steps, and
    `dev_loss` and `dev_error`.

    A training whose loss, parameters or state turn non-finite is put back to its state
    at the start of the epoch. `stopped_at`, `RUNNING` until then, becomes the first
    step whose loss is not finite; when no step of the epoch shows it, the step after
    its last. A stopped training stays as it is, and its metrics are NaN.
    """
    step, evaluate = make_step(recipe), make_eval(recipe)

    def epoch(hp, train_state, stopped_at, number, train, dev, key):
        batch_size = build(recipe, hp).batch_size
        order = epoch_order(key, number, len(train.inputs), batch_size)

        def body(carry, index):
            return step(hp, carry, take(train, index))

        trained, steps = jax.lax.scan(body, train_state, order)
        on_dev = evaluate(hp, trained, dev)
        finite = jnp.isfinite(steps["loss"])
        first_bad = jnp.where(finite.all(), len(order), jnp.argmin(finite))
        healthy = finite.all() & _all_finite(trained)
        stopped_at = jnp.where(
            (stopped_at == RUNNING) & ~healthy,
            (train_state.step + first_bad).astype(stopped_at.dtype),
            stopped_at,
        )
        alive = stopped_at == RUNNING
        train_state = jax.tree.map(
            lambda new, old: jax.lax.select(
                jnp.broadcast_to(alive, new.shape), new, old
            ),
            trained,
            train_state,
        )
        metrics = {
            "train_loss": jnp.mean(steps["loss"]),
            "train_error": jnp.mean(steps["error"]),
            "dev_loss": on_dev["loss"],
            "dev_error": on_dev["error"],
        }
        metrics = jax.tree.map(lambda x: jnp.where(alive, x, jnp.nan), metrics)
        return train_state, stopped_at, metrics

    return epoch


def take(dataset: Dataset, index: jax.Array) -> Dataset:
    """Returns the examples at `index`, `[B]` integers within the dataset."""
    return jax.tree.map(lambda x: jnp.take(x, index, axis=0, mode="clip"), dataset)


def map_batches(function: Callable[[Dataset], Any], dataset: Dataset) -> Any:
    """Returns `function(dataset)`, `[m, ...]` leaves, computed in batches one by one.

    Args:
        function: from a batch to a pytree of `[B, ...]`, each example on its own.
        dataset: `[m, ...]` examples; any number of them.
    """
    m = len(dataset.inputs)
    size = min(m, EVAL_BATCH)
    batches = -(-m // size)
    index = jnp.minimum(jnp.arange(batches * size), m - 1).reshape(batches, size)
    mapped = jax.lax.map(lambda i: function(take(dataset, i)), index)
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[:m], mapped)


def _per_example(
    function: PerExample, outputs: jax.Array, labels: jax.Array
) -> jax.Array:
    values = function(outputs, labels)
    if jnp.shape(values) != labels.shape[:1]:
        name = getattr(function, "__name__", function)
        raise RecipeError(
            f"the loss or error {name} gave shape {list(jnp.shape(values))} for "
            f"{len(labels)} examples; expected one value each: leave the mean to jaxdl"
        )
    return values


def _outputs(recipe: Recipe, params: Any, state: Any, batch: Dataset) -> jax.Array:
    return recipe.model.apply(params, state, batch.inputs)[0]


def _all_finite(train_state: TrainState) -> jax.Array:
    leaves = (train_state.params, train_state.state, train_state.opt_state)
    floats = [
        x for x in jax.tree.leaves(leaves) if jnp.issubdtype(x.dtype, jnp.inexact)
    ]
    return jnp.array([jnp.isfinite(x).all() for x in floats], bool).all()
