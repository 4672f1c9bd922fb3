"""Random keys in a tree: as numbers where the host holds it, as keys in programs.

Layers and optimizers may have keys in their state. NumPy and files know numbers alone.
"""

from typing import Any

import jax

from jaxdl.keys import IMPL, is_key
from jaxdl.train.structure import RecipeError


def as_numbers(tree: Any) -> Any:
    """Returns a tree with its keys as numbers, `[..., 2]` uint32 each."""
    return jax.tree.map(lambda x: jax.random.key_data(x) if is_key(x) else x, tree)


def as_keys(tree: Any, like: Any) -> Any:
    """Returns a tree with keys where another one has them.

    Args:
        tree: from `as_numbers`.
        like: a tree of arrays or shapes, with keys.
    """
    return jax.tree.map(
        lambda x, y: jax.random.wrap_key_data(x, impl=IMPL) if is_key(y) else x,
        tree,
        like,
    )


def check_keys(tree: Any) -> None:
    """Checks that all keys of a tree of arrays or shapes are threefry keys.

    Raises:
        RecipeError: one is of another kind.
    """
    for leaf in jax.tree.leaves(tree):
        if is_key(leaf) and "fry" not in str(leaf.dtype):
            raise RecipeError(
                f"the state of the recipe's training has a {leaf.dtype}; expected "
                f"threefry keys, jax.random.key(seed, impl={IMPL!r}): other generators "
                "give all models of a block the first model's random numbers"
            )
