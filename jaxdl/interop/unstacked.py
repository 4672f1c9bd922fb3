"""Parameters and state with sizes, in the form that plain ints give them."""

from typing import Any

import jax
import numpy as np


def unstacked(layer: Any, own: Any) -> Any:
    """Returns parameters and state of a layer as it has them with plain ints.

    Live counts are left out, and repeated layers are a tuple of n in place of arrays
    `[n, ...]`.

    Args:
        layer: parameters and state with sizes, all of them live.
        own: shapes and types of both with plain ints.

    Raises:
        ValueError: they are those of another layer.
    """
    (params, state), (own_params, own_state) = layer, own
    if _is_stack(state) and isinstance(own_state, tuple):
        n, stack = len(own_state), (params, state["layers"])
        parts = [jax.tree.map(lambda x, i=i: x[i], stack) for i in range(n)]
        params, state = (tuple(part[i] for part in parts) for i in range(2))
    elif _shapes(params) == _shapes(own_params):
        return params, _without_counts(state, own_state)
    names = _names(own_params)
    if any(_names(tree) != names for tree in (params, state, own_state)):
        raise ValueError(f"{jax.tree.structure(layer)} instead of {own}")
    found = {
        n: unstacked((params[n], state[n]), (own_params[n], own_state[n]))
        for n in names
    }
    both = ({n: pair[i] for n, pair in found.items()} for i in range(2))
    is_dict = isinstance(own_state, dict)
    return tuple(one if is_dict else tuple(one.values()) for one in both)


def _is_stack(state: Any) -> bool:
    """Returns whether a state is that of an `nn.repeat` with a `Size`."""
    return isinstance(state, dict) and state.keys() == {"live", "layers"}


def _without_counts(state: Any, own: Any) -> Any:
    """Returns a state without the live counts that its layers keep of sizes."""
    if isinstance(state, dict) and isinstance(own, dict):
        return {name: _without_counts(state[name], own[name]) for name in own}
    if isinstance(state, tuple) and type(state) is tuple:
        return tuple(map(_without_counts, state, own))
    return state


def _shapes(tree: Any) -> Any:
    return jax.tree.structure(tree), [np.shape(leaf) for leaf in jax.tree.leaves(tree)]


def _names(tree: Any) -> Any:
    """Returns the keys of a dict, or the places of a tuple."""
    if isinstance(tree, dict):
        return tree.keys()
    return range(len(tree)) if isinstance(tree, tuple) else None
