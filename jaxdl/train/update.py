"""One update of a training: by its optimizer, or by the recipe's own step.

Own parameters of an evaluation, such as averaged weights, are here too.
"""

import traceback
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxdl.optim import extra
from jaxdl.optim.extra import NAMES, update_with
from jaxdl.train.recipe import Recipe
from jaxdl.train.state import TrainState
from jaxdl.train.structure import RecipeError
from jaxdl.train.tracing import is_of_optax

METRICS = ("error", "loss")  # of a step, sorted


def descend(
    built: Recipe,
    train_state: TrainState,
    value: jax.Array,
    grads: Any,
    value_fn: Callable[[Any], jax.Array],
) -> tuple[Any, Any]:
    """Returns the parameters and the optimizer's state after its update.

    Args:
        built: the recipe for a training's hyperparameters.
        train_state: before the update.
        value: the cost J of the batch.
        grads: its gradient.
        value_fn: the cost as a function of the parameters.

    Raises:
        RecipeError: the optimizer needs something else as well.
    """
    counted = built.model.counted
    given = dict(zip(NAMES, (value, grads, value_fn), strict=True))
    params, opt_state = train_state.params, train_state.opt_state
    try:
        updates, opt_state = update_with(
            built.optimizer, grads, opt_state, counted(params), given
        )
    except (AttributeError, TypeError, ValueError) as error:
        if not _is_of_the_call(error):
            raise
        raise RecipeError(
            f"the recipe's optimizer fails in its update ({error}); expected one that "
            f"takes {', '.join(NAMES)} at most beside gradients, state and parameters: "
            "write the update yourself, with Recipe(step=...)"
        ) from error
    return optax.apply_updates(params, counted(updates)), opt_state


def own_step(
    built: Recipe, cost: Callable[..., Any], train_state: TrainState, batch: Any
) -> tuple[TrainState, dict[str, jax.Array]]:
    """Returns the train state and the metrics after the recipe's own step.

    The step count and the key are not the step's to change. Parameters that do not
    count, see `Layer.counted`, stay as they are.

    Args:
        built: a recipe with a step.
        cost: as `Recipe` describes it.
        train_state: before the step.
        batch: its examples.

    Raises:
        RecipeError: the step returns something else than it should.
    """
    assert built.step is not None
    found = built.step(cost, train_state, batch)
    if not (isinstance(found, tuple) and len(found) == 2):
        raise RecipeError(
            f"the recipe's step returned {type(found).__name__}; expected "
            "(train_state, metrics)"
        )
    after, metrics = found
    _check_like("step returned a train state", after, train_state)
    ones = jax.tree.map(jnp.ones_like, train_state.params)
    params = jax.tree.map(
        lambda counts, new, old: jnp.where(counts != 0, new, old),
        built.model.counted(ones), after.params, train_state.params,
    )  # fmt: skip
    after = TrainState(
        train_state.step + 1, params, after.state, after.opt_state, train_state.key
    )
    return after, _checked(metrics)


def eval_params(built: Recipe, train_state: TrainState) -> Any:
    """Returns the parameters that are evaluated; None: those of the train state.

    Raises:
        RecipeError: the recipe's `eval_params` gives something else than parameters.
    """
    if built.eval_params is None:
        return None
    found = built.eval_params(train_state.opt_state, train_state.params)
    _check_like("eval_params returned parameters", found, train_state.params)
    return found


def _checked(metrics: Any) -> dict[str, jax.Array]:
    """Returns the metrics of a step as floats."""
    names = tuple(sorted(metrics)) if isinstance(metrics, dict) else metrics
    if names != METRICS or any(jnp.shape(x) != () for x in metrics.values()):
        raise RecipeError(
            f"the recipe's step returned the metrics {metrics!r:.200}; expected one "
            'number each in {"loss": ..., "error": ...}, means over the batch, such as '
            "those that cost(params, train_state, batch) returns"
        )
    return {name: jnp.asarray(x, float) for name, x in metrics.items()}


def _check_like(what: str, found: Any, expected: Any) -> None:
    # Structures are compared by themselves: that of an Equinox state equals no other.
    ours, theirs = (
        jax.tree.map(lambda x: f"{jnp.result_type(x)}{list(jnp.shape(x))}", tree)
        for tree in (found, expected)
    )
    same = jax.tree.structure(ours) == jax.tree.structure(theirs)
    if not same or jax.tree.leaves(ours) != jax.tree.leaves(theirs):
        raise RecipeError(
            f"the recipe's {what} of the shapes {ours!s:.500}; expected those of the "
            f"training, {theirs!s:.500}"
        )


def _is_of_the_call(error: Exception) -> bool:
    """Returns whether an update lacks an argument, or optax refuses what it gets."""
    last = traceback.extract_tb(error.__traceback__)[-1].filename
    return last == extra.__file__ or is_of_optax(last)
