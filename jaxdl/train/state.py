"""The state of a training, and the keys of all its random numbers.

Every random number is a pure function of the run's key, the member's id, a named
purpose and the step or epoch. Keys are derived by `fold_in`: there is no hidden state,
and a member does not depend on the number of members.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.keys import folded
from jaxdl.train.recipe import Recipe, RecipeFunction, build
from jaxdl.train.shuffle import shuffle
from jaxdl.train.structure import RecipeError

MEMBER, ORDER, HPARAMS, EXPLORE, ROUND, REPEAT, FOLD = range(7)  # of a run's key
INIT, STEP = range(2)  # purposes of a member's key


class TrainState(NamedTuple):
    """What one training carries from step to step."""

    step: Any  # [] int32, updates so far
    params: Any
    state: Any  # of the layers, such as running moments
    opt_state: Any
    key: Any  # step t draws from fold_in(key, t)


def init(recipe: RecipeFunction, hp: Any, key: jax.Array, in_shape: Any) -> TrainState:
    """Returns the state before the first step.

    Args:
        recipe: function from hyperparameters alone to a `Recipe`, see `with_facts`.
        hp: hyperparameters of one model; numbers may be traced.
        key: the member's key, see `member_key`.
        in_shape: what one example is like, see `jaxdl/nn/spec.py`.
    """
    return init_built(build(recipe, hp), key, in_shape)[0]


def init_built(built: Recipe, key: jax.Array, in_shape: Any) -> tuple[TrainState, Any]:
    """Returns the state before the first step of a recipe that is built, see `init`.

    The second result is the shape of the model's outputs for one example.

    Raises:
        RecipeError: the model has integers among its parameters.
    """
    params, state, out_shape = built.model.init(jax.random.fold_in(key, INIT), in_shape)
    _check_floats(params)
    return init_from(built, key, params, state), out_shape


def init_from(built: Recipe, key: jax.Array, params: Any, state: Any) -> TrainState:
    """Returns the state before the first step of a model that has its weights."""
    step, opt_state = jnp.zeros((), jnp.int32), built.optimizer.init(params)
    return TrainState(step, params, state, opt_state, step_key(key))


def _check_floats(params: Any) -> None:
    for path, leaf in jax.tree.leaves_with_path(params):
        dtype = jnp.result_type(leaf)
        if not jnp.issubdtype(dtype, jnp.inexact):
            name = jax.tree_util.keystr(path, simple=True, separator=".")
            raise RecipeError(
                f"the model has the parameter {name!r} of type {dtype}; expected "
                "floats, since parameters train: make it part of the layer's state "
                "(self.variable(...) in Linen, nnx.Variable in NNX)"
            )


def member_key(key: jax.Array, member: int | jax.Array) -> jax.Array:
    """Returns the key of one member of a run with `key`; `fit` trains member 0."""
    return jax.random.fold_in(jax.random.fold_in(key, MEMBER), member)


def first_key(key: jax.Array) -> jax.Array:
    """Returns `member_key(key, 0)` of a known key, without a program."""
    return folded(key, MEMBER, 0)


def step_key(key: jax.Array) -> jax.Array:
    """Returns the key that a member carries from step to step, from its own key."""
    return jax.random.fold_in(key, STEP)


def epoch_order(
    key: jax.Array, epoch: int | jax.Array, num_examples: int, batch_size: int
) -> jax.Array:
    """Returns the examples of each step of an epoch, `[steps, batch_size]` indices.

    Each epoch of a key has its own shuffle, the same for all members. Every example
    comes once; the start of the same permutation fills up the last batch.

    Args:
        key: of the run, or of a variant.
        epoch: counted from 0; may be traced.
        num_examples: m of the train set.
        batch_size: at most m.
    """
    key = jax.random.fold_in(jax.random.fold_in(key, ORDER), epoch)
    order = shuffle(key, num_examples)
    steps = -(-num_examples // batch_size)
    completed = jnp.concatenate([order, order[: steps * batch_size - num_examples]])
    return completed.reshape(steps, batch_size)
