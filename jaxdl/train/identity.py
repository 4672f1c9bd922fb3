"""What a training is: digests of its program and of its data."""

import hashlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.data import Splits
from jaxdl.train.epoch import make_epoch
from jaxdl.train.hyperparameters import Structure, combine
from jaxdl.train.member import on_device
from jaxdl.train.progress import begin
from jaxdl.train.recipe import RecipeFunction
from jaxdl.train.state import TrainState, init


def program_digest(
    recipe: RecipeFunction, traced: dict[str, Any], structure: Structure, data: Splits
) -> str:
    """Returns the SHA-256 of one model's program, as lowered for this device.

    It says whether a recipe is still the same, whatever it is called and wherever it is
    written.

    Args:
        recipe: function from hyperparameters to a `Recipe`.
        traced: scalars by name, or their shapes and types.
        structure: the other hyperparameters.
        data: train and dev sets, or their shapes and types.
    """

    def start(traced, key):
        train_state = init(recipe, combine(traced, structure), key, in_shape)
        return train_state, begin(train_state, early_stopping=True)

    def epoch(traced, *carried):
        return make_epoch(recipe)(combine(traced, structure), *carried)

    key, in_shape = jax.random.key(0), data.train.inputs.shape[1:]
    sets = (jax.eval_shape(on_device, dataset) for dataset in (data.train, data.dev))
    number = jax.ShapeDtypeStruct((), jnp.int32)
    first = jax.jit(start).lower(traced, key)
    later = jax.jit(epoch).lower(traced, *first.out_info, number, *sets, key, number)
    text = first.as_text() + later.as_text()
    return hashlib.sha256(text.encode()).hexdigest()


def traced_state(
    recipe: RecipeFunction,
    traced: dict[str, Any],
    structure: Structure,
    in_shape: tuple[int, ...],
) -> TrainState:
    """Returns the shapes and types of what a training carries, nothing computed."""

    def begun(traced, key):
        return init(recipe, combine(traced, structure), key, in_shape)

    return jax.eval_shape(begun, traced, jax.random.key(0))


def data_digest(data: Splits) -> str:
    """Returns the SHA-256 of the train and dev sets: types, shapes and content."""
    digest = hashlib.sha256()
    for leaf in jax.tree.leaves((data.train, data.dev)):
        array = np.ascontiguousarray(leaf)
        digest.update(f"{array.dtype.str} {array.shape} ".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()
