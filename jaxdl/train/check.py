"""What is refused before anything is compiled."""

import contextlib
import re
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdl import nn
from jaxdl.data import DataError, Dataset, Splits
from jaxdl.train.hyperparameters import RecipeError, Structure, combine
from jaxdl.train.recipe import PerExample, Recipe, RecipeFunction, build
from jaxdl.train.state import TrainState, init


class Outline(NamedTuple):
    """What is known of one model's training from its shapes alone."""

    batch_size: int
    steps_per_epoch: int
    train_state: TrainState  # of jax.ShapeDtypeStruct


def inspect(
    recipe: RecipeFunction, traced: dict[str, Any], structure: Structure, data: Splits
) -> Outline:
    """Returns the outline of a training after checking recipe and data together.

    Args:
        recipe: function from hyperparameters to a `Recipe`.
        traced: scalars by name, or their shapes and types.
        structure: the other hyperparameters.
        data: train, dev and test sets, each checked by itself.

    Raises:
        DataError: see `check_training`.
        RecipeError: the recipe uses a traced hyperparameter as a plain value, or is
            not a recipe.
    """
    built: list[Recipe] = []
    out_shapes: list[tuple[int, ...]] = []
    in_shape = np.shape(data.train.inputs)[1:]

    def probe(traced, key):
        hp = combine(traced, structure)
        built.append(build(recipe, hp))
        out_shapes.append(built[0].model.init(key, in_shape)[2])
        return init(recipe, hp, key, in_shape)

    with tracing_errors_explained():
        train_state = jax.eval_shape(probe, traced, jax.random.key(0))
    check_training(built[0], data, out_shapes[0])
    size = built[0].batch_size
    return Outline(size, data.steps_per_epoch(size), train_state)


def check_epochs(epochs: int) -> None:
    """Checks the number of epochs.

    Raises:
        ValueError: it is not a plain int of at least 1.
    """
    if not isinstance(epochs, int) or epochs < 1:
        raise ValueError(f"got epochs={epochs!r}; expected an int of at least 1")


def check_training(recipe: Recipe, data: Splits, out_shape: tuple[int, ...]) -> None:
    """Checks a recipe against the data, before anything is compiled.

    Args:
        recipe: as `build` returns it.
        data: the three sets.
        out_shape: shape of the model's outputs for one example.

    Raises:
        DataError: a batch larger than the train set, or integer labels that the model's
            outputs have no place for.
    """
    m = len(data.train.inputs)
    if recipe.batch_size > m:
        raise DataError(
            f"got batch_size={recipe.batch_size} for {m} training examples; expected "
            "at most as many as there are"
        )
    outputs: dict[PerExample, int] = {
        nn.softmax_cross_entropy: out_shape[-1] if out_shape else 0,
        nn.sigmoid_cross_entropy: 2,
    }
    classes = outputs.get(recipe.loss)
    for name, dataset in data.sets.items():
        if classes is not None and np.issubdtype(dataset.labels.dtype, np.integer):
            _check_labels(dataset, classes, name)


def _check_labels(dataset: Dataset, classes: int, name: str) -> None:
    labels = np.asarray(dataset.labels).reshape(len(dataset.labels), -1)
    rows = np.flatnonzero(((labels < 0) | (labels >= classes)).any(axis=1))
    if len(rows):
        raise DataError(
            f"got label {dataset.labels[rows[0]]} in row {rows[0]} of the {name} set; "
            f"expected 0..{classes - 1} for this model and loss: renumber the labels, "
            "or give the last layer as many units as there are classes"
        )


@contextlib.contextmanager
def tracing_errors_explained() -> Iterator[None]:
    """Turns JAX's errors about concrete values into one that names the way out.

    Raises:
        RecipeError: the recipe used a traced hyperparameter as a plain Python value.
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


def _users_line(error: Exception) -> str:
    """Returns the last place in the traceback outside JAX and this package."""
    ours = (Path(jax.__file__).parent, Path(nn.__file__).parent.parent)
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not any(Path(frame.filename).is_relative_to(folder) for folder in ours)
    ]
    if not frames:
        return "the recipe"
    return f"{frames[-1].filename}, line {frames[-1].lineno}: `{frames[-1].line}`"
