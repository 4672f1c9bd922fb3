"""Inputs and labels: one array `[m, ...]`, or a dict of them.

Each array has a name: its path in the dict, such as `table` or `left.tokens`. One array
by itself has the name "".
"""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from jaxdl.data.about import DataError
from jaxdl.data.rows import Source, are_alike


def named(arrays: Any) -> dict[str, Any]:
    """Returns arrays by name; of a dict, in the order of its sorted keys."""
    return {
        jax.tree_util.keystr(path, simple=True, separator="."): leaf
        for path, leaf in jax.tree.leaves_with_path(arrays, is_leaf=_is_no_dict)
    }


def renamed(arrays: Any, found: Mapping[str, Any]) -> Any:
    """Returns the tree of `arrays` with what is found by their names."""
    return jax.tree.unflatten(
        jax.tree.structure(arrays, is_leaf=_is_no_dict),
        [found[name] for name in named(arrays)],
    )


def map_named(function: Any, arrays: Any) -> Any:
    """Returns the tree of `function(name, array)` of each array."""
    return renamed(arrays, {n: function(n, x) for n, x in named(arrays).items()})


def as_dicts(arrays: Any) -> Any:
    """Returns arrays of dicts of any class as those of plain ones, in sorted order."""
    if not is_tree(arrays):
        return arrays
    return {key: as_dicts(arrays[key]) for key in sorted(arrays, key=str)}


def is_tree(arrays: Any) -> bool:
    """Returns whether these are several arrays."""
    return isinstance(arrays, dict)


def num_examples(arrays: Any) -> int:
    """Returns m, the length of the first array; 0: there is none."""
    return len(next(iter(named(arrays).values()), ()))


def are_equal(one: Any, other: Any) -> bool:
    """Returns whether the arrays have the same names and the same entries."""
    ours, theirs = named(one), named(other)
    return ours.keys() == theirs.keys() and all(
        x is theirs[name] or _are_equal(x, theirs[name]) for name, x in ours.items()
    )


def _are_equal(one: Any, other: Any) -> bool:
    """Compares arrays by their entries, and sources by what they read."""
    if not any(isinstance(x, Source) for x in (one, other)):
        return np.array_equal(one, other)
    return are_alike(one, other) and np.array_equal(one.rows, other.rows)


def words(field: str, name: str) -> str:
    """Returns what an array is called in an error, such as `inputs` or `inputs.ids`."""
    return f"{field}.{name}" if name else field


def check_names(field: str, arrays: Any, where: str) -> None:
    """Checks that arrays are one array, or a dict of arrays whose names differ.

    Args:
        field: `inputs` or `labels`.
        arrays: of a dataset.
        where: the set, such as `the train set`.

    Raises:
        DataError: they are something else.
    """
    found = list(named(arrays).values())
    if not found or not all(hasattr(x, "dtype") for x in found):
        kinds = ", ".join(sorted({type(x).__name__ for x in found})) or "no array"
        raise DataError(
            f"got {field} of {kinds} in {where}; expected an array, or a dict of "
            "arrays: use data.from_arrays"
        )
    if not all(isinstance(key, str) and "." not in key for key in _keys(arrays)):
        raise DataError(
            f"got {field} with the keys {[*_keys(arrays)]!r:.200} in {where}; expected "
            "texts without a dot, which are the names of the arrays"
        )


def _keys(arrays: Any) -> list[Any]:
    if not is_tree(arrays):
        return []
    return [*arrays, *(key for inner in arrays.values() for key in _keys(inner))]


def _is_no_dict(arrays: Any) -> bool:
    return not isinstance(arrays, dict)
