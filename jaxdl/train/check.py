"""What is refused before anything is compiled."""

import contextlib
import functools
import re
import traceback
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl import nn
from jaxdl.data import DataError, Dataset, Splits
from jaxdl.nn.losses import PerExample
from jaxdl.nn.size import Shape
from jaxdl.train.identity import program_digest
from jaxdl.train.recipe import Recipe, RecipeFunction, build
from jaxdl.train.state import TrainState, init
from jaxdl.train.step import make_cost, make_eval, make_step
from jaxdl.train.structure import RecipeError, Structure, combine, default_type


class Outline(NamedTuple):
    """What is known of one model's training from its shapes alone."""

    batch_size: int
    precision: str  # of matrix products
    steps_per_epoch: int
    train_state: TrainState  # of jax.ShapeDtypeStruct
    saved_bytes: int  # what a step's forward pass leaves for its backward pass
    program: str  # a digest of what is computed, see `program_digest`


def inspect(
    recipe: RecipeFunction, traced: dict[str, Any], structure: Structure, data: Splits
) -> Outline:
    """Returns the outline of a training, traced and checked but not compiled.

    Args:
        recipe: function from hyperparameters to a `Recipe`.
        traced: scalars by name, or their shapes and types.
        structure: the other hyperparameters.
        data: train, dev and test sets, each checked by itself.

    Raises:
        DataError: a batch larger than the train set, or integer labels that the model's
            outputs have no place for.
        RecipeError: the recipe uses a traced hyperparameter as a plain value, is not a
            recipe, or fails on data of these shapes.
    """
    if not callable(recipe) or not isinstance(recipe, Hashable):
        raise RecipeError(
            f"got recipe={recipe!r}; expected a function of the hyperparameters"
        )
    outline, loss, out_shape = trace(recipe, traced, structure, data.train)
    if any(isinstance(side, nn.Size) for side in out_shape):
        raise RecipeError(
            f"the model's outputs have shape {out_shape}; expected plain sizes: give "
            "the last layer as many units as the labels ask for"
        )
    check_training(outline.batch_size, loss, data, out_shape)
    return outline._replace(steps_per_epoch=data.steps_per_epoch(outline.batch_size))


def trace(
    recipe: RecipeFunction, traced: dict[str, Any], structure: Structure, data: Dataset
) -> tuple[Outline, PerExample, Shape]:
    """Returns a training's outline without steps, its loss and its outputs' shape.

    Args:
        recipe: function from hyperparameters to a `Recipe`.
        traced: scalars by name, or their shapes and types; others are not looked at.
        structure: the other hyperparameters.
        data: the train set, or its shapes and types.

    Raises:
        RecipeError: as `inspect`.
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
        wide: whether floats are of 64 bits, on which the answer depends too.
    """
    del wide
    in_shape, _ = data_types.inputs
    traced = {name: jax.ShapeDtypeStruct((), dtype) for name, dtype in types}
    built: list[Recipe] = []
    out_shapes: list[Shape] = []

    def begin(traced, key):
        hp = combine(traced, structure)
        built.append(build(recipe, hp))
        out_shapes.append(built[0].model.init(key, in_shape)[2])
        return init(recipe, hp, key, in_shape)

    def go_on(traced, train_state, batch):
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
        first, train_state = jax.make_jaxpr(begin, return_shape=True)(
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
        later = jax.make_jaxpr(go_on)(traced, train_state, batch)
        residuals = jax.eval_shape(saved, traced, train_state, batch)
    saved_bytes = sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(residuals))
    digest = program_digest([first, later])
    outline = Outline(size, built[0].precision, 0, train_state, saved_bytes, digest)
    return outline, built[0].loss, out_shapes[0]


def check_epochs(epochs: int) -> None:
    """Checks the number of epochs.

    Raises:
        ValueError: it is not a plain int of at least 1.
    """
    if isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < 1:
        raise ValueError(f"got epochs={epochs!r}; expected an int of at least 1")


def check_patience(patience: int | None) -> None:
    """Checks the patience of early stopping.

    Raises:
        ValueError: it is neither None nor a plain int of at least 1.
    """
    if patience is not None and (
        isinstance(patience, bool) or not isinstance(patience, int) or patience < 1
    ):
        raise ValueError(
            f"got patience={patience!r}; expected a number of epochs, an int of at "
            "least 1, or None for no early stopping"
        )


def check_training(
    batch_size: int, loss: PerExample, data: Splits, out_shape: Shape
) -> None:
    """Checks a recipe against the data, before anything is compiled.

    Args:
        batch_size: the recipe's.
        loss: the recipe's.
        data: the three sets.
        out_shape: shape of the model's outputs for one example.

    Raises:
        DataError: a batch larger than the train set, or integer labels that the model's
            outputs have no place for.
    """
    m = len(data.train.inputs)
    if batch_size > m:
        raise DataError(
            f"got batch_size={batch_size} for {m} training examples; expected "
            "at most as many as there are"
        )
    for name, dataset in data.sets.items():
        check_labels(loss, dataset, out_shape, f"the {name} set")


def check_labels(
    loss: PerExample, dataset: Dataset, out_shape: tuple[int, ...], name: str
) -> None:
    """Checks that labels are classes or targets that the loss can have.

    Args:
        loss: the recipe's.
        dataset: whose labels.
        out_shape: shape of the model's outputs for one example.
        name: what errors call the dataset.

    Raises:
        DataError: `[m]` integers outside 0..C-1 for C outputs; for the sigmoid
            cross-entropy integers beside 0 and 1 or targets outside [0, 1]; for the
            softmax cross-entropy targets that are not probabilities adding up to 1.
    """
    labels, plain = np.asarray(dataset.labels), nn.plain_loss(loss)
    integers = np.issubdtype(labels.dtype, np.integer)
    rows, each = labels.reshape(len(labels), -1), "0..1 for this loss"
    if plain is nn.sigmoid_cross_entropy:
        bad = ((rows < 0) | (rows > 1)).any(axis=1)
    elif integers and labels.ndim == 1 and out_shape[-1:] > (1,):
        bad = (labels < 0) | (labels >= out_shape[-1])
        each = (
            f"0..{out_shape[-1] - 1} for this model and loss: renumber the labels, or "
            "give the last layer as many units as there are classes"
        )
    elif plain is nn.softmax_cross_entropy and labels.ndim == 2:
        bad = (rows < 0).any(axis=1) | (np.abs(rows.sum(axis=1) - 1) > 1e-3)
        each = "probabilities that add up to 1 for this loss"
    else:
        return
    if bad.any():
        row = int(np.argmax(bad))
        raise DataError(
            f"got label {labels[row]} in row {row} of {name}; expected {each}"
        )


@contextlib.contextmanager
def tracing_errors_explained() -> Iterator[None]:
    """Turns errors of building and tracing a recipe into one that names its line.

    Raises:
        RecipeError: the recipe used a traced hyperparameter as a plain Python value,
            in which case the error names the way out, or something in it was refused.
    """
    try:
        yield
    except (
        jax.errors.ConcretizationTypeError,
        jax.errors.TracerArrayConversionError,
        jax.errors.TracerIntegerConversionError,
    ) as error:
        found = re.search(r"argument \w+\['([^']+)'\]", str(error))
        name = f"the hyperparameter {found[1]}" if found else "a traced hyperparameter"
        raise RecipeError(
            f"{_users_line(error)} uses {name} as a plain Python value, but in the "
            "program it stands for the values of all models at once. Write it as "
            "arithmetic (jnp.where instead of if), or make it Static([...]) in the "
            "space, so that each value gets a program of its own"
        ) from error
    except (TypeError, ValueError) as error:
        if isinstance(error, DataError | RecipeError):
            raise
        raise RecipeError(f"{_users_line(error)}: {error}") from error


def _users_line(error: Exception) -> str:
    """Returns the last place in the traceback outside JAX and this package."""
    ours = Path(nn.__file__).parent.parent
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if "site-packages" not in frame.filename
        and not Path(frame.filename).is_relative_to(ours)
    ]
    if not frames:
        return "the recipe"
    return f"{frames[-1].filename}, line {frames[-1].lineno}: `{frames[-1].line}`"
