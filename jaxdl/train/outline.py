"""The outline of a training: what its shapes tell, before anything is compiled."""

import functools
import math
from collections.abc import Hashable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl import nn
from jaxdl.data import Dataset, Splits
from jaxdl.nn.losses import PerExample
from jaxdl.nn.size import Shape
from jaxdl.train.check import check_training, tracing_errors_explained
from jaxdl.train.identity import program_digest
from jaxdl.train.recipe import Recipe, RecipeFunction, build
from jaxdl.train.state import TrainState, init
from jaxdl.train.step import make_cost, make_eval, make_step
from jaxdl.train.structure import RecipeError, Structure, combine, default_type


class Outline(NamedTuple):
    """What the shapes alone tell of one model's training."""

    batch_size: int
    precision: str  # of matrix products
    steps_per_epoch: int
    train_state: TrainState  # of jax.ShapeDtypeStruct
    saved_bytes: int  # that a step's forward pass keeps for its backward pass
    program: str  # a digest of the computation, see `program_digest`
    metrics: tuple[str, ...] = ()  # names of the recipe's own
    rank_by: str = "error"  # see `Recipe`
    output_bytes: int = 0  # the outputs on the dev set that own metrics ask for


def outline(
    recipe: RecipeFunction, traced: dict[str, Any], structure: Structure, data: Splits
) -> Outline:
    """Returns the outline of a training, traced and checked but not compiled.

    Args:
        recipe: function from hyperparameters to a `Recipe`.
        traced: scalars by name, or their shapes and types.
        structure: the other hyperparameters.
        data: train, dev and test sets, each checked by itself.

    Raises:
        DataError: a batch is larger than the train set, or labels do not suit the loss
            or the number of outputs.
        RecipeError: the recipe uses a traced hyperparameter as a plain value, does not
            return a `Recipe`, or fails on data of these shapes.
    """
    if not callable(recipe) or not isinstance(recipe, Hashable):
        raise RecipeError(
            f"got recipe={recipe!r}; expected a function of the hyperparameters"
        )
    found, loss, out_shape = trace_recipe(recipe, traced, structure, data.train)
    if any(isinstance(side, nn.Size) for side in out_shape):
        raise RecipeError(
            f"the model's outputs have shape {out_shape}; expected plain sizes: give "
            "the last layer as many units as the labels ask for"
        )
    check_training(found.batch_size, loss, data, out_shape)
    numbers = len(data.dev.inputs) * math.prod(out_shape) if found.metrics else 0
    return found._replace(
        steps_per_epoch=data.steps_per_epoch(found.batch_size),
        output_bytes=numbers * jnp.dtype(jnp.result_type(float)).itemsize,
    )


def trace_recipe(
    recipe: RecipeFunction, traced: dict[str, Any], structure: Structure, data: Dataset
) -> tuple[Outline, PerExample, Shape]:
    """Returns a training's outline without steps, its loss and its outputs' shape.

    Args:
        recipe: function from hyperparameters to a `Recipe`.
        traced: scalars by name, or their shapes and types; other names are ignored.
        structure: the other hyperparameters.
        data: the train set, or its shapes and types.

    Raises:
        RecipeError: as `outline`.
    """
    types = tuple(
        (n, jnp.result_type(traced[n])) for n in structure.names if n in traced
    )
    data_types = jax.tree.map(lambda x: (tuple(x.shape[1:]), str(x.dtype)), data)
    wide = jnp.result_type(float) == jnp.float64
    return _trace(recipe, types, structure, data_types, wide)


@functools.lru_cache(maxsize=256)
def _trace(
    recipe: RecipeFunction,
    types: tuple[tuple[str, Any], ...],
    structure: Structure,
    data_types: Dataset,
    wide: bool,
) -> tuple[Outline, PerExample, Shape]:
    """Returns the outline without steps, the loss and the model's output shape.

    Args:
        recipe: function from hyperparameters to a `Recipe`.
        types: of the traced hyperparameters, by name.
        structure: the other hyperparameters.
        data_types: shape of an example and type, of inputs and labels.
        wide: whether floats have 64 bits; only part of the cache key.
    """
    del wide
    in_shape, _ = data_types.inputs
    traced = {name: jax.ShapeDtypeStruct((), dtype) for name, dtype in types}
    built: list[Recipe] = []
    out_shapes: list[Shape] = []

    def start(traced, key):
        hp = combine(traced, structure)
        built.append(build(recipe, hp))
        out_shapes.append(built[0].model.init(key, in_shape)[2])
        return init(recipe, hp, key, in_shape)

    def step_and_evaluate(traced, train_state, batch):
        hp = combine(traced, structure)
        train_state, metrics = make_step(recipe)(hp, train_state, batch)
        return metrics, make_eval(recipe)(hp, train_state, batch)

    def saved(traced, train_state, batch):
        hp, cost = combine(traced, structure), make_cost(recipe)
        _, pull_back, _ = jax.vjp(
            lambda params: cost(params, hp, train_state, batch),
            train_state.params,
            has_aux=True,
        )
        return pull_back

    with tracing_errors_explained():
        first, train_state = jax.make_jaxpr(start, return_shape=True)(
            traced, jax.random.key(0)
        )
    size = built[0].batch_size
    batch = Dataset(
        *(
            x and jax.ShapeDtypeStruct((size, *x[0]), default_type(np.dtype(x[1])))
            for x in data_types
        )
    )
    with tracing_errors_explained():
        later = jax.make_jaxpr(step_and_evaluate)(traced, train_state, batch)
        residuals = jax.eval_shape(saved, traced, train_state, batch)
    saved_bytes = sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(residuals))
    digest = program_digest([first, later])
    found = Outline(
        size, built[0].precision, 0, train_state, saved_bytes, digest,
        tuple(built[0].metrics), built[0].rank_by,
    )  # fmt: skip
    return found, built[0].loss, out_shapes[0]
