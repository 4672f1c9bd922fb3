"""Leaves of parameters, chosen by name: those that a penalty or a decay acts on."""

from collections.abc import Callable
from typing import Any

import jax

# `where(name, leaf)`: whether a leaf is chosen. The name is its path, such as
# `0.kernel`; the leaf may be traced, but its shape and type are known.
Where = Callable[[str, Any], bool]
SHOWN = 12  # names in an error


def is_kernel(name: str, leaf: Any) -> bool:
    """Returns whether the last part of a leaf's name is `kernel`."""
    del leaf
    return name.rpartition(".")[2] == "kernel"


def chosen(what: str, params: Any, where: Where) -> Any:
    """Returns a pytree like `params` that says which leaves a filter chooses.

    Args:
        what: the name of the part that filters, such as `l2`, for errors.
        params: the parameters of a model.
        where: the filter.

    Raises:
        ValueError: it chooses no leaf, so that the part would do nothing.
    """
    paths, treedef = jax.tree.flatten_with_path(params)
    named = [
        (jax.tree_util.keystr(path, simple=True, separator="."), leaf)
        for path, leaf in paths
    ]
    choice = [bool(where(name, leaf)) for name, leaf in named]
    if not any(choice):
        raise ValueError(_nothing(what, [name for name, _ in named], where))
    return jax.tree.unflatten(treedef, choice)


def _nothing(what: str, names: list[str], where: Where) -> str:
    if not names:
        return (
            f"{what} got a model without parameters; expected some to act on: leave "
            f"{what} out"
        )
    shown = ", ".join(repr(name) for name in names[:SHOWN])
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    filtered = "named `kernel`" if where is is_kernel else "that where= chooses"
    return (
        f"{what} found no parameter {filtered} among {shown}{more}; expected at least "
        "one, or it would do nothing: choose the weights yourself, for example "
        f"{what}(..., where=lambda name, leaf: leaf.ndim > 1)"
    )
