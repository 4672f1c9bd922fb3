"""The outline of a training: what its shapes tell, before anything is compiled."""

import functools
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.data import Dataset, Splits
from jaxdl.data.trees import num_examples
from jaxdl.nn.losses import PerExample
from jaxdl.nn.size import is_size
from jaxdl.nn.spec import sizes_of
from jaxdl.train.bound import BoundRecipe
from jaxdl.train.check import check_against_data, id_spans
from jaxdl.train.collector import collector_paused
from jaxdl.train.facts import Facts
from jaxdl.train.identity import check_no_callbacks, program_digest
from jaxdl.train.inference import Inference
from jaxdl.train.keys import check_keys
from jaxdl.train.part import on_device_shapes
from jaxdl.train.pieces import bytes_of_one
from jaxdl.train.recipe import RecipeFunction
from jaxdl.train.saved import ACCELERATOR, saved_bytes
from jaxdl.train.score import RankBy
from jaxdl.train.state import TrainState
from jaxdl.train.step import EVAL_BATCH, make_cost, make_inference
from jaxdl.train.structure import RecipeError, Structure
from jaxdl.train.trace import trace
from jaxdl.train.tracing import tracing_errors_explained

ROW_BYTES = 4  # of the number of an example


class Outline(NamedTuple):
    """What the shapes alone tell of one model's training."""

    batch_size: int
    precision: str  # of matrix products
    steps_per_epoch: int
    train_state: TrainState  # of jax.ShapeDtypeStruct
    saved_bytes: int  # that a step's forward pass keeps for its backward pass, on a CPU
    program: str  # a digest of the computation, see `program_digest`
    loss: PerExample  # the recipe's
    out_shape: Any  # of the model's outputs for one example
    reads_epochs: bool  # whether the recipe reads `facts.epochs`
    inference: Inference  # of trained models
    metrics: tuple[str, ...] = ()  # names of the recipe's own
    rank_by: RankBy = "error"  # see `Recipe`
    output_bytes: int = 0  # the outputs on the dev set that own metrics ask for
    row_bytes: int = 0  # the rows of an epoch's batches and of the dev set
    work: float = 0  # operations of a step and of the evaluation of a batch
    length: int = 0  # of the program of these, in steps of its trace
    eval_params: Any = None  # of jax.ShapeDtypeStruct; None: those of the train state
    accelerator_saved_bytes: int = 0  # what `saved_bytes` is on an accelerator
    batch_bytes: int = 0  # the larger batch of training and evaluation


@collector_paused()
def outline(
    recipe: RecipeFunction,
    traced: dict[str, Any],
    structure: Structure,
    data: Splits,
    facts: Facts,
) -> Outline:
    """Returns the outline of a training, traced and checked but not compiled.

    Args:
        recipe: function from hyperparameters, and facts, to a `Recipe`.
        traced: scalars by name, or their shapes and types.
        structure: the other hyperparameters.
        data: train, dev and test sets, each checked by itself.
        facts: of the training.

    Raises:
        DataError: a batch is larger than the train set, or labels do not suit the loss
            or the number of outputs.
        RecipeError: the recipe uses a traced hyperparameter as a plain value, does not
            return a `Recipe`, or fails on data of these shapes.
    """
    if not callable(recipe):
        raise RecipeError(
            f"got recipe={recipe!r}; expected a function of the hyperparameters"
        )
    train = on_device_shapes(data.train)
    spans = id_spans(data)
    found = trace_recipe(recipe, traced, structure, train, facts, spans=spans)
    if any(map(is_size, sizes_of(found.out_shape))):
        raise RecipeError(
            f"the model's outputs have shape {found.out_shape}; expected plain sizes: "
            "give the last layer as many units as the labels ask for"
        )
    check_against_data(found.batch_size, found.loss, data, found.out_shape)
    m = num_examples(data.dev.inputs)
    numbers = m * _numbers_of_one(found.inference) if found.metrics else 0
    size = jnp.dtype(jnp.result_type(float)).itemsize
    rows = found.steps_per_epoch * found.batch_size + m
    return found._replace(output_bytes=numbers * size, row_bytes=rows * ROW_BYTES)


def _numbers_of_one(inference: Inference) -> int:
    """Returns how many numbers a model puts out for one example."""
    outputs = jax.tree.leaves(inference.of_metrics[1])
    return sum(math.prod(x.shape[1:]) for x in outputs)


def trace_recipe(
    recipe: RecipeFunction,
    traced: dict[str, Any],
    structure: Structure,
    train: Dataset,
    facts: Facts,
    *,
    spans: Mapping[str, tuple[int, int]] | None = None,
) -> Outline:
    """Returns a training's outline, without a check of data.

    Args:
        recipe: function from hyperparameters, and facts, to a `Recipe`.
        traced: scalars by name, or their shapes and types; other names are ignored.
        structure: the other hyperparameters.
        train: shapes and types of the train set on a device.
        facts: of the training.
        spans: of the ids, by the name of their array; None: not known.

    Raises:
        RecipeError: as `outline`.
    """
    bound = BoundRecipe(recipe, structure, facts.unread())
    found = trace(bound, traced, train, spans)
    check_keys(found.train_state)
    check_no_callbacks(found.programs)
    one, train_state = found.recipe, found.train_state
    numbers, _, batch, counts = found.arguments
    with tracing_errors_explained():
        saved = jax.make_jaxpr(functools.partial(_saved, bound))(*found.arguments)
        inference = Inference(
            functools.partial(_infer, bound),
            bound.metrics,
            (numbers, train_state.params, train_state.state),
            train,
            counts,
        )
    return Outline(
        batch_size=one.batch_size,
        precision=one.precision,
        steps_per_epoch=bound.facts.steps_per_epoch(one.batch_size),
        train_state=train_state,
        saved_bytes=saved_bytes(saved, "cpu"),
        program=program_digest(found.programs),
        loss=one.loss,
        out_shape=found.out_shape,
        reads_epochs="epochs" in bound.facts.read,
        inference=inference,
        metrics=tuple(one.metrics),
        rank_by=one.rank_by,
        work=found.work,
        length=found.length,
        eval_params=found.eval_params,
        accelerator_saved_bytes=saved_bytes(saved, ACCELERATOR),
        batch_bytes=max(one.batch_size, EVAL_BATCH) * bytes_of_one(batch),
    )


def _saved(bound, traced, train_state, batch, counts):
    """Returns what a step's forward pass keeps for its backward pass."""
    recipe, hp = bound(traced, counts)
    cost = make_cost(recipe)
    _, pull_back, _ = jax.vjp(
        lambda params: cost(params, hp, train_state, batch),
        train_state.params,
        has_aux=True,
    )
    return pull_back


def _infer(bound, traced, params, state, batch, counts):
    recipe, hp = bound(traced, counts)
    return make_inference(recipe)(hp, params, state, batch)
