"""The pure functions of a training: one step, one evaluation, one prediction."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxdl.data import Dataset
from jaxdl.nn import plain_loss
from jaxdl.train.part import Part, size, take, weights
from jaxdl.train.recipe import PerExample, Recipe, RecipeFunction, build, error_of
from jaxdl.train.state import TrainState
from jaxdl.train.structure import RecipeError

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
            loss = jnp.mean(_per_example(built.loss, outputs, batch))
            penalty = built.penalty(params, len(batch.inputs))
        return loss + penalty, (loss, outputs, state)

    return cost


def make_step(
    recipe: RecipeFunction,
) -> Callable[[Any, TrainState, Dataset], tuple[TrainState, Metrics]]:
    """Returns `step(hp, train_state, batch) -> (train_state, metrics)`, pure.

    One update along the gradient of the cost, see `make_cost`. The metrics are `loss`
    and `error`, means over the batch before the update, penalty excluded.
    """
    descend = jax.grad(make_cost(recipe), has_aux=True)

    def step(hp, train_state, batch):
        built = build(recipe, hp)
        with jax.default_matmul_precision(built.precision):
            return _step(built, hp, train_state, batch)

    def _step(built, hp, train_state, batch):
        grads, (loss, outputs, state) = descend(
            train_state.params, hp, train_state, batch
        )
        updates, opt_state = built.optimizer.update(
            grads, train_state.opt_state, train_state.params
        )
        params = optax.apply_updates(train_state.params, updates)
        error = jnp.mean(_per_example(error_of(built), outputs, batch))
        metrics = {"loss": loss, "error": error}
        step_count = train_state.step + 1
        return TrainState(
            step_count, params, state, opt_state, train_state.key
        ), metrics

    return step


def make_eval(
    recipe: RecipeFunction,
) -> Callable[[Any, TrainState, Dataset | Part], Metrics]:
    """Returns `evaluate(hp, train_state, dataset) -> metrics`, pure.

    The metrics are `loss` and `error`, means over all examples, weighted if they have
    weights. The model is in evaluation mode: running moments, no dropout. There is no
    penalty, and the loss has no wrapper such as label smoothing, so that models can be
    compared.
    """

    def evaluate(hp, train_state, dataset):
        built = build(recipe, hp)

        def per_example(batch):
            outputs = _outputs(built, train_state.params, train_state.state, batch)
            with jax.default_matmul_precision(built.precision):
                return {
                    "loss": _per_example(plain_loss(built.loss), outputs, batch),
                    "error": _per_example(error_of(built), outputs, batch),
                }

        means = jax.tree.map(jnp.mean, map_batches(per_example, dataset))
        each = weights(dataset)
        weight = 1.0 if each is None else jnp.mean(each)
        return jax.tree.map(lambda mean: mean / weight, means)

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


def map_batches(function: Callable[[Dataset], Any], dataset: Dataset | Part) -> Any:
    """Returns `function(dataset)`, `[m, ...]` leaves, computed batch by batch.

    Args:
        function: from a batch to a pytree of `[B, ...]`, each example by itself.
        dataset: `[m, ...]` examples; any number of them.
    """
    m = size(dataset)
    width = min(m, EVAL_BATCH)
    batches = -(-m // width)
    index = jnp.minimum(jnp.arange(batches * width), m - 1).reshape(batches, width)
    mapped = jax.lax.map(lambda i: function(take(dataset, i)), index)
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[:m], mapped)


def _per_example(function: PerExample, outputs: jax.Array, batch: Dataset) -> jax.Array:
    """Returns the function's value of each example times its weight, `[B]`.

    Of values `[B, ...]` the mean over the rest counts.
    """
    values = function(outputs, batch.labels)
    shape, examples = jnp.shape(values), len(batch.labels)
    name = getattr(function, "__name__", function)
    if shape[:1] != (examples,):
        raise RecipeError(
            f"the loss or error {name} gave shape {list(shape)} for {examples} "
            "examples; expected one value each, or [examples, ...]: jaxdl takes the "
            "mean"
        )
    _check_rest(function, name, outputs, batch.labels, shape)
    if len(shape) > 1:
        values = jnp.mean(values, axis=tuple(range(1, len(shape))))
    return values if batch.weights is None else batch.weights * values


def _check_rest(
    function: PerExample, name: Any, outputs: Any, labels: Any, shape: tuple[int, ...]
) -> None:
    """Checks that values `[B, ...]` have B along their first axis alone.

    Outputs `[B, 1]` minus labels `[B]` are `[B, B]`: each output minus every label.
    """
    one_more = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct((len(x) + 1, *x.shape[1:]), x.dtype),
        (outputs, labels),
    )
    other = jax.eval_shape(function, *one_more).shape
    if other != (shape[0] + 1, *shape[1:]):
        raise RecipeError(
            f"the loss or error {name} gave shape {list(shape)} for {shape[0]} "
            f"examples and {list(other)} for one more; expected only the first axis "
            "to count examples: give outputs and labels the same shape before they "
            "are subtracted or compared"
        )


def _outputs(recipe: Recipe, params: Any, state: Any, batch: Dataset) -> jax.Array:
    with jax.default_matmul_precision(recipe.precision):
        return recipe.model.apply(params, state, batch.inputs)[0]
