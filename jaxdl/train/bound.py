"""A recipe for one program: bound to a structure and to the facts of its training."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp

from jaxdl.data.trees import num_examples
from jaxdl.train.epoch import make_epoch
from jaxdl.train.epoch_state import Carry, init_epoch_state
from jaxdl.train.facts import Facts, with_facts
from jaxdl.train.part import size
from jaxdl.train.recipe import Recipe, RecipeFunction, build
from jaxdl.train.state import TrainState, epoch_order, init_built, init_from
from jaxdl.train.structure import Structure, combine
from jaxdl.train.update import eval_params


class BoundRecipe(NamedTuple):
    """A recipe, and what its program knows beside traced numbers."""

    recipe: Callable[..., Recipe]
    structure: Structure
    facts: Facts
    every: int | None = None  # steps whose mean loss is recorded; None: none is

    def __call__(
        self, traced: dict[str, Any], counts: Any
    ) -> tuple[RecipeFunction, Any]:
        """Returns the recipe as a function of hyperparameters, and the hyperparameters.

        Args:
            traced: hyperparameters by name.
            counts: traced class counts `[C]`; None: the facts' own.
        """
        recipe = with_facts(self.recipe, self.facts, counts)
        return recipe, combine(traced, self.structure)

    def metrics(self, traced: Any, outputs: Any, labels: Any, counts: Any) -> Any:
        """Returns the recipe's own metrics of examples that count alike, by name."""
        recipe, hp = self(traced, counts)
        own = build(recipe, hp).metrics.items()
        each = jnp.ones(num_examples(labels))
        return {name: metric(outputs, labels, each) for name, metric in own}


def make_start(
    bound: BoundRecipe, in_shape: Any, *, early_stopping: bool
) -> Callable[..., Carry]:
    """Returns the pure function `start(traced, key, counts) -> carry` of one model.

    Args:
        bound: the recipe.
        in_shape: what one example is like, see `jaxdl/nn/spec.py`.
        early_stopping: whether the training keeps its best epoch.
    """

    def start(traced, key, counts):
        built = build(*bound(traced, counts))
        train_state, _ = init_built(built, key, in_shape)
        return _first(built, train_state, early_stopping=early_stopping)

    return start


def make_restart(bound: BoundRecipe, *, early_stopping: bool) -> Callable[..., Carry]:
    """Returns the pure function `restart(traced, key, counts, params, state) -> carry`.

    The model has weights already; its optimizer and its counts begin.

    Args:
        bound: the recipe.
        early_stopping: whether the training keeps its best epoch.
    """

    def restart(traced, key, counts, params, state):
        built = build(*bound(traced, counts))
        train_state = init_from(built, key, params, state)
        return _first(built, train_state, early_stopping=early_stopping)

    return restart


def _first(built: Recipe, train_state: TrainState, *, early_stopping: bool) -> Carry:
    """Returns the carry before the first epoch."""
    own = eval_params(built, train_state)
    return train_state, init_epoch_state(
        train_state, early_stopping=early_stopping, eval_params=own
    )


def make_advance(bound: BoundRecipe) -> Callable[..., Any]:
    """Returns the pure function of one epoch of one model::

        advance(traced, train_state, epoch_state, order, train, dev, patience, counts)
            -> (train_state, epoch_state, metrics)

    See `make_epoch`.
    """

    def advance(traced, train_state, epoch_state, *inputs):
        *inputs, counts = inputs
        recipe, hp = bound(traced, counts)
        return make_epoch(recipe, bound.every)(hp, train_state, epoch_state, *inputs)

    return advance


def with_order(advance: Callable[..., Any], batch_size: int) -> Callable[..., Any]:
    """Returns `advance` as a function that makes the order of the epoch itself::

        epoch(traced, train_state, epoch_state, number, train, dev, key, patience,
            counts) -> (train_state, epoch_state, metrics)

    Args:
        advance: of one model, see `make_advance`, or of many that share the order.
        batch_size: B.
    """

    def epoch(traced, train_state, epoch_state, number, train, dev, key, *rest):
        order = epoch_order(key, number, size(train), batch_size)
        return advance(traced, train_state, epoch_state, order, train, dev, *rest)

    return epoch
