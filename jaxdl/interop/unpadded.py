"""A trained member as a model of its own sizes, without what its program added."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jaxdl import nn
from jaxdl.interop.unstacked import unstacked
from jaxdl.keys import is_key
from jaxdl.nn.batch_norm import running_moments
from jaxdl.nn.size import AllLive
from jaxdl.train import Member
from jaxdl.train.facts import with_facts
from jaxdl.train.part import in_shape
from jaxdl.train.recipe import Recipe, build
from jaxdl.train.structure import RecipeError, flatten

MOMENTS = {"mean", "variance", "weight"}  # the state of a batch norm


def unpadded(member: Member) -> tuple[Recipe, Any, Any]:
    """Returns the recipe, the parameters and the state that a member has by itself.

    The recipe gets plain ints in place of sizes. So arrays are as long as the live
    sizes, layers that `nn.repeat` stacks are a tuple, and nothing is masked.

    Raises:
        RecipeError: the recipe has other parameters than the member.
    """
    _, alone = _built(member, lambda live: nn.Size(live, live))
    recipe, own = _built(member, AllLive)
    try:
        cut = jax.tree.map(_live, (member.params, member.state), alone)
        params, state = unstacked(cut, own)
    except ValueError as error:
        raise RecipeError(
            f"the recipe has other parameters than the member ({error}); expected the "
            "recipe that it was trained with"
        ) from error
    return recipe, params, state


def corrected(state: Any) -> Any:
    """Returns a state in which a batch norm has the moments that evaluation uses.

    It has them without the weight that corrects them.
    """
    if isinstance(state, dict):
        if state.keys() == MOMENTS:
            mean, variance = map(np.asarray, running_moments(state))
            return {"mean": mean, "variance": variance}
        return {name: corrected(inner) for name, inner in state.items()}
    if isinstance(state, list | tuple) and not hasattr(state, "_fields"):
        return type(state)(map(corrected, state))
    return state


def _built(member: Member, size: Callable[[int], Any]) -> tuple[Recipe, Any]:
    """Returns a member's recipe, and shapes and types of its parameters and state.

    Args:
        member: a trained one.
        size: from the live count of a size to what the recipe gets.
    """
    _, leaves, treedef = flatten(member.hparams)
    leaves = [size(int(x.live)) if isinstance(x, nn.Size) else x for x in leaves]
    hp = jax.tree.unflatten(treedef, leaves)
    recipe = build(with_facts(member.recipe, member.facts), hp)
    model, shape = nn.as_layer(recipe.model), in_shape(member.inference.train)
    found = jax.eval_shape(lambda key: model.init(key, shape)[:2], jax.random.key(0))
    return recipe, found


def _live(leaf: Any, alone: Any) -> Any:
    """Returns the entries of an array that count: the first ones of each axis."""
    if is_key(alone):
        return leaf
    array = np.asarray(leaf)
    sides = zip(array.shape, alone.shape, strict=True)
    if array.ndim != len(alone.shape) or any(side < live for side, live in sides):
        raise ValueError(f"shape {array.shape} instead of {alone.shape}")
    return array[tuple(map(slice, alone.shape))]
