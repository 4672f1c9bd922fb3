"""A trained member as a model of its own sizes, without what its program added."""

from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from jaxdl import nn
from jaxdl.nn.batch_norm import running_moments
from jaxdl.train import Member
from jaxdl.train.facts import with_facts
from jaxdl.train.keys import as_numbers, is_key
from jaxdl.train.part import in_shape
from jaxdl.train.recipe import Recipe, build
from jaxdl.train.structure import RecipeError, flatten

MOMENTS = {"mean", "variance", "weight"}  # the state of a batch norm


def unpadded(member: Member) -> tuple[Recipe, Any, Any]:
    """Returns the recipe, the parameters and the state that a member has by itself.

    Arrays are as long as the live sizes. A batch norm's moments are corrected, and so
    without the weight that corrects them.

    Raises:
        RecipeError: the recipe has other parameters than the member.
    """
    _, leaves, treedef = flatten(member.hparams)
    hp = jax.tree.unflatten(treedef, [_of_its_own(leaf) for leaf in leaves])
    recipe = build(with_facts(member.recipe, member.facts), hp)
    model, shape = nn.as_layer(recipe.model), in_shape(member.inference.train)
    alone = jax.eval_shape(lambda key: model.init(key, shape)[:2], jax.random.key(0))
    try:
        params, state = jax.tree.map(_live, (member.params, member.state), alone)
    except ValueError as error:
        raise RecipeError(
            f"the recipe has other parameters than the member ({error}); expected the "
            "recipe that it was trained with"
        ) from error
    return recipe, params, _corrected(state)


def _of_its_own(leaf: Any) -> Any:
    """Returns a size whose bound is what is live of it."""
    if not isinstance(leaf, nn.Size):
        return leaf
    return nn.Size(int(leaf.live), int(leaf.live))


def _live(leaf: Any, alone: Any) -> NDArray[Any]:
    """Returns the entries of an array that count: the first ones of each axis."""
    if is_key(alone):
        return np.asarray(as_numbers(leaf))
    array = np.asarray(leaf)
    sides = zip(array.shape, alone.shape, strict=True)
    if array.ndim != len(alone.shape) or any(side < live for side, live in sides):
        raise ValueError(f"shape {array.shape} instead of {alone.shape}")
    return array[tuple(map(slice, alone.shape))]


def _corrected(state: Any) -> Any:
    """Returns a state with the moments that evaluation uses, and no live counts."""
    if isinstance(state, dict):
        state = {name: x for name, x in state.items() if not _is_count(name, x)}
        if state.keys() == MOMENTS:
            mean, variance = map(np.asarray, running_moments(state))
            return {"mean": mean, "variance": variance}
        return {name: _corrected(inner) for name, inner in state.items()}
    if isinstance(state, list | tuple) and not hasattr(state, "_fields"):
        return type(state)(map(_corrected, state))
    return state


def _is_count(name: str, leaf: Any) -> bool:
    """Returns whether a leaf is the live size that a layer with a `Size` keeps."""
    return name == "live" and np.shape(leaf) == () and leaf.dtype == np.int32
