"""What is refused before anything is compiled."""

import contextlib
import re
import traceback
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdl import nn
from jaxdl.data import DataError, Dataset, Splits
from jaxdl.nn.losses import PerExample
from jaxdl.train.hyperparameters import RecipeError, Structure, combine, default_type
from jaxdl.train.recipe import Recipe, RecipeFunction, build, plain_loss
from jaxdl.train.state import TrainState, init
from jaxdl.train.step import make_eval, make_step


class Outline(NamedTuple):
    """What is known of one model's training from its shapes alone."""

    batch_size: int
    steps_per_epoch: int
    train_state: TrainState  # of jax.ShapeDtypeStruct


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
    in_shape = np.shape(data.train.inputs)[1:]
    built: list[Recipe] = []
    out_shapes: list[tuple[int, ...]] = []

    def begin(traced, key):
        hp = combine(traced, structure)
        built.append(build(recipe, hp))
        out_shapes.append(built[0].model.init(key, in_shape)[2])
        return init(recipe, hp, key, in_shape)

    def go_on(traced, train_state, batch):
        hp = combine(traced, structure)
        train_state, metrics = make_step(recipe)(hp, train_state, batch)
        return metrics, make_eval(recipe)(hp, train_state, batch)

    with tracing_errors_explained():
        train_state = jax.eval_shape(begin, traced, jax.random.key(0))
    size = built[0].batch_size
    check_training(built[0], data, out_shapes[0])
    batch = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct((size, *x.shape[1:]), default_type(x.dtype)),
        data.train,
    )
    with tracing_errors_explained():
        jax.eval_shape(go_on, traced, train_state, batch)
    return Outline(size, data.steps_per_epoch(size), train_state)


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
    for name, dataset in data.sets.items():
        check_labels(recipe.loss, dataset, out_shape, f"the {name} set")


def check_labels(
    loss: PerExample, dataset: Dataset, out_shape: tuple[int, ...], name: str
) -> None:
    """Checks that integer labels are classes that the outputs have a place for.

    Args:
        loss: the recipe's.
        dataset: whose labels.
        out_shape: shape of the model's outputs for one example.
        name: what errors call the dataset.

    Raises:
        DataError: `[m]` integers outside 0..C-1 for C outputs, or integers beside 0
            and 1 for the sigmoid cross-entropy.
    """
    labels = np.asarray(dataset.labels)
    if not np.issubdtype(labels.dtype, np.integer):
        return
    if plain_loss(loss) is nn.sigmoid_cross_entropy:
        classes = 2
    elif labels.ndim == 1 and out_shape[-1:] > (1,):
        classes = out_shape[-1]
    else:
        return
    rows = np.flatnonzero(
        ((labels < 0) | (labels >= classes)).reshape(len(labels), -1).any(axis=1)
    )
    if len(rows):
        raise DataError(
            f"got label {labels[rows[0]]} in row {rows[0]} of {name}; expected "
            f"0..{classes - 1} for this model and loss: renumber the labels, or give "
            "the last layer as many units as there are classes"
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
