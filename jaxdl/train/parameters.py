"""How many parameters a model has, found by tracing its start alone."""

import math
from typing import Any

import jax
import numpy as np

from jaxdl.keys import as_key
from jaxdl.nn.layer import Layer
from jaxdl.nn.size import AllLive
from jaxdl.train.bound import BoundRecipe
from jaxdl.train.recipe import build
from jaxdl.train.structure import TRACED, Bound, Structure
from jaxdl.train.tracing import tracing_errors_explained


def count_parameters(
    bound: BoundRecipe, chosen: dict[str, int], counts: Any, in_shape: Any
) -> int:
    """Returns how many parameters a model has.

    Of a size the live entries count, and of options the chosen one.

    Args:
        bound: the recipe; its structure has plain sizes, see `at_live`.
        chosen: the indices of choices by name.
        counts: class counts, or None, see `facts.counts_for`.
        in_shape: what one example is like, see `jaxdl/nn/spec.py`.

    Raises:
        RecipeError: the recipe cannot be traced.
    """
    models: list[Layer] = []
    number = jax.ShapeDtypeStruct((), jax.numpy.result_type(float))
    pairs = zip(bound.structure.names, bound.structure.values, strict=True)
    traced = {name: number for name, value in pairs if value is TRACED}

    def start(numbers: dict[str, Any], key: jax.Array, counts: Any) -> Any:
        model = build(*bound({**numbers, **chosen}, counts)).model
        models.append(model)
        return model.init(key, in_shape)[0]

    with tracing_errors_explained():
        params = jax.eval_shape(start, traced, as_key(0), counts)
    sizes = [math.prod(leaf.shape) for leaf in jax.tree.leaves(params)]
    if not chosen:
        return sum(sizes)
    ones = jax.tree.map(lambda leaf: np.float32(1), params)
    counted = jax.tree.leaves(models[0].counted(ones))  # 0: not chosen
    return sum(size for size, one in zip(sizes, counted, strict=True) if one)


def at_live(structure: Structure, live: dict[str, int]) -> Structure:
    """Returns the structure with plain sizes, as a model of this size alone has.

    Args:
        structure: of a program.
        live: the count of each size by name.
    """
    values = tuple(
        AllLive(live[name]) if isinstance(value, Bound) else value
        for name, value in zip(structure.names, structure.values, strict=True)
    )
    return Structure(structure.treedef, structure.names, values)
