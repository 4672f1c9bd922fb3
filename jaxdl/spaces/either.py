"""Conditional hyperparameters: options, each with hyperparameters of its own.

A space, and the columns drawn from it, hold all options. Where the choice is static,
`choose` keeps the chosen one: a recipe receives nothing else, and a program depends on
nothing else. Where it is traced, a recipe receives all of them.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.tree_util import GetAttrKey
from numpy.typing import NDArray

from jaxdl.one_of import OneOf
from jaxdl.spaces.contract import SpaceError, TypedAny
from jaxdl.spaces.distributions import Static
from jaxdl.train.structure import Names

Needs = tuple[tuple[int, str], ...]  # places of leaves, and the option of each


class Option(NamedTuple):
    """The step of a leaf's path into an option."""

    option: str

    def __str__(self) -> str:
        return self.option


@jax.tree_util.register_pytree_with_keys_class
class Either(TypedAny):
    """One of several options, all equally likely, each with its own hyperparameters.

    The recipe receives a `Chosen`: the option's name, a plain str, and its values. For
    `Hparams(optimizer=Either({"adam": {"rate": ...}, "sgd": {}}))` these are
    `hp.optimizer.name` and `hp.optimizer.values["rate"]`; the leaves are named
    `optimizer.name` and `optimizer.adam.rate`. Members of one option share a program.
    All options are drawn for each member, so that no draw depends on a choice. In
    results, the values of the other options are NaN.

    An `Among` of spaces is one whose name is traced, see there.

    Args:
        options: spaces by name, which may hold further ones of this class.

    Raises:
        SpaceError: there is no option, or a name is not a str, is empty or is `name`.
    """

    name: Any  # Static or Among in a space, [members] in columns
    options: dict[str, Any]

    def __init__(self, options: Mapping[str, Any]):
        if not isinstance(options, Mapping) or not options:
            raise SpaceError(
                f"got Either({options!r}); expected spaces by name, at least one, such "
                'as {"adam": {"beta1": ...}, "sgd": {}}'
            )
        for name in options:
            if not isinstance(name, str) or name in ("", "name"):
                raise SpaceError(
                    f"got Either with the option {name!r}; expected a str that is not "
                    "empty and not `name`, which names the choice itself"
                )
        self.name, self.options = Static([*options]), dict(options)

    def __repr__(self) -> str:
        if isinstance(self.name, OneOf):
            return f"Either({self.name!r}, {self.options!r})"
        kind = "Either" if isinstance(self.name, Static | np.ndarray) else "Among"
        return f"{kind}({self.options!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Either) or type(self.name) is not type(other.name):
            return False
        return bool(np.all(self.name == other.name)) and self.options == other.options

    __hash__ = None  # pyrefly: ignore

    def tree_flatten_with_keys(self):
        inner = [(Option(name), space) for name, space in self.options.items()]
        return [(GetAttrKey("name"), self.name), *inner], tuple(self.options)

    @classmethod
    def tree_unflatten(cls, names, children):
        either = object.__new__(cls)
        either.name, *values = children
        either.options = dict(zip(names, values, strict=True))
        return either


@jax.tree_util.register_pytree_with_keys_class
class Chosen:
    """An option of an `Either` with its hyperparameters, as a recipe receives it.

    Args:
        name: of the option.
        values: its hyperparameters.
    """

    def __init__(self, name: str, values: Any):
        self.name, self.values = name, values

    def __repr__(self) -> str:
        return f"Chosen({self.name!r}, {self.values!r})"

    def tree_flatten_with_keys(self):
        keys = GetAttrKey("name"), Option(str(self.name))
        return list(zip(keys, (self.name, self.values), strict=True)), None

    @classmethod
    def tree_unflatten(cls, _, children):
        return cls(*children)


def choose(tree: Any) -> Any:
    """Returns one member's tree with a `Chosen` for each static choice."""

    def chosen(node):
        if not isinstance(node, Either):
            return node
        if isinstance(node.name, OneOf):
            inner = [choose(values) for values in node.options.values()]
            return Either.tree_unflatten([*node.options], [node.name, *inner])
        return Chosen(node.name, choose(node.options[node.name]))

    return jax.tree.map(chosen, tree, is_leaf=is_either)


def blanked(hparams: Any) -> Any:
    """Returns columns `[members]` with NaN for the options that were not chosen.

    A column that needs a NaN becomes one of Python objects, unless it has floats.
    """

    def blank(node):
        if not isinstance(node, Either):
            return node
        inner = {
            option: jax.tree.map(
                lambda column, chosen=node.name == option: known_alone(column, chosen),
                blanked(values),
            )
            for option, values in node.options.items()
        }
        return Either.tree_unflatten([*inner], [node.name, *inner.values()])

    return jax.tree.map(blank, hparams, is_leaf=is_either)


def needs(tree: Any) -> list[Needs]:
    """Returns the options that each leaf needs to apply, in the tree's order.

    A leaf depends only on choices that come before it.
    """
    with_paths = jax.tree.leaves_with_path(tree, is_leaf=lambda x: x is None)
    places = {path: place for place, (path, _) in enumerate(with_paths)}
    return [
        tuple(
            (places[*path[:depth], GetAttrKey("name")], step.option)
            for depth, step in enumerate(path)
            if isinstance(step, Option)
        )
        for path in places
    ]


def applies(need: Needs, values: Sequence[Any]) -> bool:
    """Returns whether a leaf with such needs applies, given the leaves before it.

    In a program all options of a traced choice apply.
    """
    return all(
        isinstance(values[place], Names) or values[place] == option
        for place, option in need
    )


def combinations(axes: Sequence[Sequence[Any]], need: list[Needs]) -> list[list[Any]]:
    """Returns every combination of a value for each leaf; the last changes fastest.

    A leaf that does not apply has only the first of its values.
    """
    rows: list[list[Any]] = [[]]
    for axis, own in zip(axes, need, strict=True):
        rows = [
            [*row, value]
            for row in rows
            for value in (axis if applies(own, row) else axis[:1])
        ]
    return rows


def is_either(node: Any) -> bool:
    """Returns whether a node of a space is an `Either`."""
    return isinstance(node, Either)


def known_alone(column: NDArray[Any], known: NDArray[np.bool_]) -> NDArray[Any]:
    """Returns a column with NaN for all but the known values.

    Anything but floats becomes Python objects where a NaN is needed.
    """
    if known.all():
        return column
    if column.dtype.kind != "f":
        column = column.astype(object)
    return np.where(known, column, np.asarray(np.nan, column.dtype))
