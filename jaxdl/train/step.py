"""The pure functions of a training: its cost, one step, one evaluation."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxdl.data import Dataset
from jaxdl.data.trees import num_examples
from jaxdl.nn import plain_loss
from jaxdl.train.own import own_batch, own_copy
from jaxdl.train.part import (
    Part,
    labels,
    scaled_labels,
    size,
    take,
    unscaled,
    weights,
)
from jaxdl.train.per_example import per_example
from jaxdl.train.recipe import PerExample, Recipe, RecipeFunction, build, error_of
from jaxdl.train.state import TrainState
from jaxdl.train.structure import RecipeError
from jaxdl.train.update import descend, eval_params, own_step

Metrics = dict[str, jax.Array]
EVAL_BATCH = 256  # examples evaluated at once; part of a run's numerics


def make_cost(
    recipe: RecipeFunction,
) -> Callable[[Any, Any, TrainState, Dataset], tuple[jax.Array, Any]]:
    """Returns `cost(params, hp, train_state, batch) -> (J, (loss, outputs, state))`.

    `J = mean(weight loss) + penalty` in training mode; one step descends its gradient.
    `params` are used in place of those of the train state. Without weights each example
    counts 1. `loss` is the mean without the penalty, `state` the layers' new state. The
    caller sets the recipe's precision for the backward pass.
    """

    def cost(params, hp, train_state, batch):
        built = build(recipe, hp)
        key = jax.random.fold_in(train_state.key, train_state.step)
        with jax.default_matmul_precision(built.precision):
            outputs, state = built.model.apply(
                params, train_state.state, batch.inputs, key=key, train=True
            )
            loss = jnp.mean(_loss(built.loss, outputs, batch))
            counted = built.model.counted(params)
            penalty = built.penalty(counted, num_examples(batch.inputs))
        return loss + penalty, (loss, outputs, state)

    return cost


def make_step(
    recipe: RecipeFunction,
) -> Callable[[Any, TrainState, Dataset], tuple[TrainState, Metrics]]:
    """Returns `step(hp, train_state, batch) -> (train_state, metrics)`, pure.

    One update along the gradient of the cost, see `make_cost`, or the recipe's own
    step. The metrics are `loss` and `error`, means over the batch before the update,
    penalty excluded.
    """
    cost = make_cost(recipe)

    def step(hp, train_state, batch):
        built, batch = build(recipe, hp), own_batch(batch, train_state.step)
        with jax.default_matmul_precision(built.precision):
            if built.step is None:
                return descended(built, hp, train_state, batch)
            return own_step(built, cost_of(built, hp), train_state, batch)

    def descended(built, hp, train_state, batch):
        gradient = jax.value_and_grad(cost, has_aux=True)
        (value, (loss, outputs, state)), grads = gradient(
            train_state.params, hp, train_state, batch
        )
        params, opt_state = descend(
            built, train_state, value, grads,
            lambda params: cost(params, hp, train_state, batch)[0],
        )  # fmt: skip
        error = jnp.mean(_error(built, outputs, batch))
        metrics = {"loss": loss, "error": error}
        step_count = train_state.step + 1
        return TrainState(
            step_count, params, state, opt_state, train_state.key
        ), metrics

    def cost_of(built, hp):
        def own_cost(params, train_state, batch):
            value, (loss, outputs, state) = cost(params, hp, train_state, batch)
            error = jnp.mean(_error(built, outputs, batch))
            return value, ({"loss": loss, "error": error}, state)

        return own_cost

    return step


def make_eval(
    recipe: RecipeFunction,
) -> Callable[[Any, TrainState, Dataset | Part], Metrics]:
    """Returns `evaluate(hp, train_state, dataset) -> metrics`, pure.

    The metrics are `loss` and `error`, means over all examples, weighted if they have
    weights, and the recipe's own metrics of the whole set. The model has the parameters
    of an evaluation, see `eval_params`, and is in evaluation mode: running moments, no
    dropout. There is no penalty, and the loss has no wrapper such as label smoothing,
    so that models can be compared.
    """

    def evaluate(hp, train_state, dataset):
        built = build(recipe, hp)
        of_batch = make_values(recipe, built, hp, train_state)
        return means(built, map_batches(of_batch, dataset), dataset)

    return evaluate


def make_values(
    recipe: RecipeFunction, built: Recipe, hp: Any, train_state: TrainState
) -> Callable[[Dataset], Any]:
    """Returns `of_batch(batch) -> values [B, ...]`, what an evaluation is made of.

    They are a pair: the loss and the error of each example, see `make_inference`, and
    the outputs, or None if the recipe has no metrics of its own.

    Args:
        recipe: function from hyperparameters to a `Recipe`.
        built: the recipe of these hyperparameters.
        hp: of one model.
        train_state: of the model.
    """
    infer = make_inference(recipe)
    own = eval_params(built, train_state)
    params = train_state.params if own is None else own

    def of_batch(batch):
        batch = own_batch(batch, train_state.step)
        found = infer(hp, params, train_state.state, batch)
        outputs = found.pop("outputs")
        return found, outputs if built.metrics else None

    return of_batch


def means(built: Recipe, found: Any, dataset: Dataset | Part) -> Metrics:
    """Returns the metrics of an evaluation, see `make_eval`.

    Args:
        built: the recipe of the hyperparameters.
        found: what `make_values` gives for all examples, `[m, ...]`.
        dataset: the examples; their inputs are not read.
    """
    values, outputs = found
    means = jax.tree.map(jnp.mean, values)
    each = weights(dataset)
    weight = 1.0 if each is None else jnp.mean(each)
    means = jax.tree.map(lambda mean: mean / weight, means)
    if not built.metrics:
        return means
    known = own_copy((labels(dataset), weights(dataset)), values["loss"][0])
    return means | _of_the_set(built, outputs, known)


def make_inference(recipe: RecipeFunction) -> Callable[[Any, Any, Any, Dataset], Any]:
    """Returns `infer(hp, params, state, batch) -> values of each example`, pure.

    They are the `outputs` in the units of the labels, and `loss` and `error` times the
    example's weight, `[B]`; all in evaluation mode, as `make_eval` has them.
    """

    def infer(hp, params, state, batch):
        built = build(recipe, hp)
        with jax.default_matmul_precision(built.precision):
            outputs = built.model.apply(params, state, batch.inputs)[0]
            return {
                "outputs": unscaled(outputs, batch),
                "loss": _loss(plain_loss(built.loss), outputs, batch),
                "error": _error(built, outputs, batch),
            }

    return infer


def map_batches(function: Callable[[Dataset], Any], dataset: Dataset | Part) -> Any:
    """Returns `function(dataset)`, `[m, ...]` leaves, computed batch by batch.

    Args:
        function: from a batch to a pytree of `[B, ...]`, each example by itself.
        dataset: `[m, ...]` examples; any number of them.
    """
    m = size(dataset)
    mapped = jax.lax.map(lambda i: function(take(dataset, i)), eval_order(m))
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[:m], mapped)


def eval_order(m: int) -> jax.Array:
    """Returns the batches of an evaluation of m examples, `[batches, B]` rows.

    The last row fills up the last batch.
    """
    width = min(m, EVAL_BATCH)
    batches = -(-m // width)
    return jnp.minimum(jnp.arange(batches * width), m - 1).reshape(batches, width)


def _loss(loss: PerExample, outputs: jax.Array, batch: Dataset) -> jax.Array:
    """Returns the loss of each example times its weight, `[B]`, on scaled labels."""
    return per_example(loss, outputs, scaled_labels(batch), batch.weights)


def _error(recipe: Recipe, outputs: jax.Array, batch: Dataset) -> jax.Array:
    """Returns the error of each example times its weight, `[B]`, on unscaled labels."""
    found = unscaled(outputs, batch)
    return per_example(error_of(recipe), found, batch.labels, batch.weights)


def _of_the_set(recipe: Recipe, outputs: Any, known: tuple[Any, Any]) -> Metrics:
    """Returns the recipe's own metrics of a whole set by name.

    Args:
        recipe: a checked one.
        outputs: of the model for all examples, `[m, ...]`.
        known: labels of the examples, `[m, ...]`, and their weights, `[m]` or None.
    """
    found = {}
    for name, metric in recipe.metrics.items():
        with jax.default_matmul_precision(recipe.precision):
            value = jnp.asarray(metric(outputs, *known))
        if value.shape != ():
            raise RecipeError(
                f"the metric {name} gave shape {list(value.shape)}; expected one "
                "number for the whole set"
            )
        found[name] = value.astype(jnp.result_type(float))
    return found
