"""The trace of a training: its equations, before anything is compiled."""

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.data import Dataset, Splits
from jaxdl.keys import as_key
from jaxdl.nn.losses import PerExample
from jaxdl.nn.spec import with_spans
from jaxdl.train.bound import BoundRecipe
from jaxdl.train.collector import collector_paused
from jaxdl.train.facts import Facts, counts_for
from jaxdl.train.identity import program_digest
from jaxdl.train.part import batch_of, in_shape, on_device_shapes
from jaxdl.train.recipe import Recipe, RecipeFunction, build
from jaxdl.train.state import TrainState, init_built
from jaxdl.train.step import make_eval, make_step
from jaxdl.train.structure import RecipeError, Structure
from jaxdl.train.tracing import tracing_errors_explained
from jaxdl.train.update import eval_params
from jaxdl.train.work import length, work


class Trace(NamedTuple):
    """A training traced at its start, and at a step with an evaluation."""

    recipe: Recipe
    out_shape: Any
    train_state: TrainState  # of jax.ShapeDtypeStruct
    eval_params: Any  # the same; None: those of the train state
    arguments: tuple[Any, ...]  # of a step
    programs: tuple[Any, Any]  # of the start; of the step and evaluation

    @property
    def work(self) -> float:
        """Operations of a step and of the evaluation of a batch."""
        return work(self.programs[1])

    @property
    def length(self) -> int:
        """How long the programs are, in steps of their traces."""
        return sum(map(length, self.programs))


@collector_paused()
def trace(
    bound: BoundRecipe,
    traced: dict[str, Any],
    train: Dataset,
    spans: Mapping[str, tuple[int, int]] | None = None,
) -> Trace:
    """Returns a training's trace; nothing is checked.

    Args:
        bound: the recipe.
        traced: scalars by name, or their shapes and types; other names are ignored.
        train: shapes and types of the train set on a device.
        spans: of the ids, by the name of their array; None: not known.

    Raises:
        RecipeError: the recipe uses a traced hyperparameter as a plain value, does not
            return a `Recipe`, or fails on data of these shapes.
    """
    counts = counts_for(bound.recipe, bound.facts)
    numbers = _numbers(traced, bound.structure)
    built: list[tuple[Recipe, Any]] = []
    shape = with_spans(in_shape(train), spans or {})

    def start(traced, key, counts):
        recipe, hp = bound(traced, counts)
        one = build(recipe, hp)
        train_state, out_shape = init_built(one, key, shape)
        built.append((one, out_shape))
        return train_state, eval_params(one, train_state)

    traced_start = jax.make_jaxpr(start, return_shape=True)
    with tracing_errors_explained():
        first, (train_state, own) = traced_start(numbers, as_key(0), counts)
        one, out_shape = built[0]
        arguments = numbers, train_state, batch_of(train, one.batch_size), counts
        later = jax.make_jaxpr(functools.partial(_step_and_evaluate, bound))(*arguments)
    programs = first, later
    return Trace(one, out_shape, train_state, own, arguments, programs)


def check_pure(
    recipe: RecipeFunction,
    traced: dict[str, Any],
    structure: Structure,
    data: Splits,
    facts: Facts,
    program: str,
) -> None:
    """Checks that a recipe computes the same when it is traced once more.

    A training is traced several times: its start, its epochs and its predictions are
    programs of their own.

    Args:
        recipe: function from hyperparameters, and facts, to a `Recipe`.
        traced: scalars by name, or their shapes and types.
        structure: the other hyperparameters.
        data: train, dev and test sets.
        facts: of the training.
        program: the digest of the outline's.

    Raises:
        RecipeError: it computes something else.
    """
    bound = BoundRecipe(recipe, structure, facts)
    again = trace(bound, traced, on_device_shapes(data.train))
    if program_digest(again.programs) != program:
        raise RecipeError(
            "the recipe computes something else each time that it is built, as with "
            "numpy.random, the time or a counter inside; expected a pure function: "
            "draw from the key of init and apply, or draw before and let the recipe "
            "read the numbers"
        )


def loss_of(
    recipe: RecipeFunction, traced: dict[str, Any], structure: Structure, facts: Facts
) -> PerExample:
    """Returns the loss of a recipe.

    Args:
        recipe: function from hyperparameters, and facts, to a `Recipe`.
        traced: scalars by name, or their shapes and types; other names are ignored.
        structure: the other hyperparameters.
        facts: of the training.

    Raises:
        RecipeError: as `outline`.
    """
    bound, found = BoundRecipe(recipe, structure, facts), []

    def start(traced, counts):
        found.append(build(*bound(traced, counts)).loss)

    with tracing_errors_explained():
        jax.eval_shape(start, _numbers(traced, structure), counts_for(recipe, facts))
    return found[0]


def _numbers(traced: dict[str, Any], structure: Structure) -> dict[str, Any]:
    """Returns shapes and types of a structure's traced numbers."""
    return {
        name: jax.ShapeDtypeStruct((), jnp.result_type(traced[name]))
        for name in structure.names
        if name in traced
    }


def _step_and_evaluate(bound, traced, train_state, batch, counts):
    recipe, hp = bound(traced, counts)
    train_state, metrics = make_step(recipe)(hp, train_state, batch)
    return metrics, make_eval(recipe)(hp, train_state, batch)
