"""Members of a space that are given before any is drawn, such as the best of a run."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxdl.spaces.contract import Distribution
from jaxdl.spaces.distributions import (
    Options,
    PlainOptions,
    as_objects,
    is_distribution,
)
from jaxdl.train.structure import by_name, default_type, flatten

EDGE = 1e-6  # of a range: how far beyond an end float32 may round

Rows = Sequence[Mapping[str, Any]]  # of each member, values by name; others are drawn


def with_first(space: Any, rows: Rows) -> Any:
    """Returns a space whose first draws have given values.

    The leaves are equal to those of the space. `sample` and `fill` give the values to
    the members 0, 1, ...; a narrowed leaf has none.

    Args:
        space: a pytree of distributions, constants and arrays.
        rows: values of the distributions by name; those that a row lacks are drawn.
    """
    names, leaves, treedef = flatten(space)
    own = [
        _with(leaf, {i: row[name] for i, row in enumerate(rows) if name in row})
        if is_distribution(leaf)
        else leaf
        for name, leaf in zip(names, leaves, strict=True)
    ]
    return jax.tree.unflatten(treedef, own)


def first_of(space: Any) -> list[dict[str, Any]]:
    """Returns the values that `with_first` has given to a space, a row a member.

    A member without any has an empty row.
    """
    leaves = by_name(space).items()
    given = {name: leaf.first for name, leaf in leaves if is_distribution(leaf)}
    count = 1 + max((i for first in given.values() for i in first), default=-1)
    return [{n: x[i] for n, x in given.items() if i in x} for i in range(count)]


def value_in(leaf: Any, value: Any) -> list[Any]:
    """Returns `[value]` as a distribution gives it; [] if it cannot.

    Args:
        leaf: a distribution.
        value: plain, as a run has it: float32 rounds it.
    """
    if leaf.scale == "category":
        held = getattr(leaf, "values", leaf)  # of a size
        found = _place(held if isinstance(held, Options) else leaf, value)
        return [] if found is None else [leaf.options[found]]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not np.isfinite(value) or (leaf.whole and value != int(value)):
        return []
    with np.errstate(all="ignore"):
        u = float(leaf.fraction(np.array([value], float))[0])
    if not -EDGE <= u <= 1 + EDGE:
        return []
    inside = min(max(value, leaf.low), leaf.high)
    return [int(inside) if leaf.whole else float(inside)]


def _with(leaf: Distribution, first: dict[int, Any]) -> Any:
    if not first and not leaf.first:
        return leaf
    own = copy.copy(leaf)
    object.__setattr__(own, "first", first)  # no field, so that the leaves are equal
    return own


def _place(options: Any, value: Any) -> int | None:
    """Returns where among options a value is; None: nowhere."""
    if isinstance(options, PlainOptions):
        column = as_objects([value])
    elif isinstance(value, bool) or not isinstance(value, int | float):
        return None
    else:
        column = np.array([value], default_type(options._array().dtype))
    (equal,) = options._equal(column)
    return int(np.argmax(equal)) if equal.any() else None
