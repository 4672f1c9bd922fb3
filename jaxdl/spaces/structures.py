"""The programs of a space: every combination of static values and bounds of sizes."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from jaxdl.one_of import OneOf
from jaxdl.spaces.among import Among
from jaxdl.spaces.contract import SpaceError
from jaxdl.spaces.either import (
    Either,
    Needs,
    applies,
    choose,
    combinations,
    is_either,
    needs,
)
from jaxdl.spaces.sample import is_static, static_values
from jaxdl.spaces.sizes import AsSize
from jaxdl.train.structure import TRACED, Bound, Names, Structure, by_name, flatten

MOST_PROGRAMS = 64  # that a sweep may be asked for


def structures(space: Any, most: int) -> list[Structure]:
    """Returns every combination of static values that the space can give.

    Raises:
        SpaceError: there are more than `most`, each of which is a program to compile.
    """
    names, leaves, treedef = flatten(space)
    count = count_structures(space)
    if count > most:
        raise SpaceError(
            f"the space has {count} combinations of static values and bounds of sizes, "
            f"each a program to compile; expected at most {most}: {_ways_out(count)}"
        )
    need = needs(space)
    rows = combinations([static_options(leaf) for leaf in leaves], need)
    return [received(Structure(treedef, names, tuple(row)), need) for row in rows]


def set_bounds(space: Any, bounds: Mapping[str, Sequence[int]]) -> Any:
    """Returns the space with other bounds for some of its sizes.

    Args:
        space: a pytree of distributions, constants and arrays.
        bounds: in rising order, by the name of the size.

    Raises:
        SpaceError: there is no such size, or these are no bounds for it.
    """
    names, leaves, treedef = flatten(space)
    sizes = sizes_of(space)
    if other := [name for name in bounds if name not in sizes]:
        raise SpaceError(
            f"got bounds for {', '.join(other)}; expected names of sizes of the space"
            f", which has {', '.join(sizes) or 'none'}"
        )
    own = [
        AsSize(leaf.values, tuple(bounds[name])) if name in bounds else leaf
        for name, leaf in zip(names, leaves, strict=True)
    ]
    return jax.tree.unflatten(treedef, own)


def sizes_of(space: Any) -> dict[str, AsSize]:
    """Returns the sizes of a space by name."""
    leaves = by_name(space).items()
    return {name: leaf for name, leaf in leaves if isinstance(leaf, AsSize)}


def label(structure: Structure) -> str:
    """Returns the words that distinguish a program from the others of its space."""
    return ", ".join(
        f"{name}={value.bound if isinstance(value, Bound) else repr(value)}"
        for name, value in zip(structure.names, structure.values, strict=True)
        if value is not TRACED and not isinstance(value, Names)
    )


def received(complete: Structure, need: list[Needs]) -> Structure:
    """Returns the structure of the chosen options, which a recipe receives.

    Args:
        complete: the structure of the space's tree, with all options.
        need: the options that each of its leaves needs.
    """
    kept = [i for i, own in enumerate(need) if applies(own, complete.values)]
    marked = map(_mark, complete.values)
    chosen = choose(jax.tree.unflatten(complete.treedef, marked))
    return Structure(
        flatten(chosen)[2],
        tuple(complete.names[i] for i in kept),
        tuple(complete.values[i] for i in kept),
    )


def count_structures(space: Any) -> int:
    """Returns how many combinations of static values the space can give."""
    nodes = jax.tree.leaves(space, is_leaf=lambda x: x is None or is_either(x))
    return math.prod(
        _count_options(node) if is_either(node) else len(static_options(node))
        for node in nodes
    )


def _count_options(either: Either) -> int:
    if isinstance(either.name, Among):
        return math.prod(map(count_structures, either.options.values()))
    names = static_options(either.name)
    return sum(count_structures(either.options[name]) for name in names)


def fixed_values(leaf: Any, column: NDArray[Any]) -> list[Any]:
    """Returns the entries in a Structure of a leaf's values, one for each member."""
    if isinstance(leaf, AsSize):
        bounds = np.array(leaf.all_bounds())
        found = bounds[np.searchsorted(bounds, column)]
        return [Bound(bound) for bound in found.tolist()]
    return column.tolist() if is_static(leaf) else [_traced(leaf)] * len(column)


def static_options(leaf: Any) -> Sequence[Any]:
    """Returns the entries in a Structure that a leaf can have."""
    if isinstance(leaf, AsSize):
        return tuple(Bound(bound) for bound in leaf.all_bounds())
    if not is_static(leaf):
        return (_traced(leaf),)
    return tuple({(type(o), o): o for o in static_values(leaf)}.values())


def _mark(entry: Any) -> Any:
    """Returns a leaf of a tree that is as an entry in a Structure, for `choose`."""
    if isinstance(entry, Names):
        return OneOf(0, entry.options)
    return entry if isinstance(entry, str) else TRACED


def _traced(leaf: Any) -> Any:
    """Returns the entry in a Structure of a leaf that is one traced number."""
    return Names(leaf.options) if isinstance(leaf, Among) else TRACED


def _ways_out(count: int) -> str:
    words = (
        "Among in the place of Static or Either, which needs no program for each "
        "option, fewer options or bounds, or traced numbers"
    )
    if count > MOST_PROGRAMS:
        return words
    asked = f"jaxdl.Plan(max_programs={count}), or --max-programs {count}"
    return f"{words}; or more programs: plan={asked}"
