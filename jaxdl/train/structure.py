"""Which hyperparameters are traced, and which reach the recipe as plain values.

Sampled numbers, every float, the live count of a `Size` and the index of a `OneOf` are
traced. Every other plain value (`str`, `int`, `bool`, `None`) is static: it shapes the
program and reaches the recipe unchanged. A hyperparameter's name is its path, such as
`optimizer.learning_rate`.
"""

import dataclasses
import enum
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import PyTreeDef
from numpy.typing import NDArray

from jaxdl.nn.size import Size
from jaxdl.one_of import Named, OneOf

PlainValue = str | int | float | bool | None


class Traced(enum.Enum):
    """Stands in a Structure for a traced number; a copy of a member is the member."""

    TRACED = enum.auto()


TRACED = Traced.TRACED


class Bound(NamedTuple):
    """Stands in a Structure for a `Size`, whose live count is traced."""

    bound: int


class Names(NamedTuple):
    """Stands in a Structure for a `OneOf`, whose index is traced."""

    options: tuple[Named, ...]


class RecipeError(TypeError):
    """A recipe or its hyperparameters cannot be trained."""


@dataclasses.dataclass(frozen=True)
class Structure:
    """Hyperparameters without their traced numbers; equal ones share a program."""

    treedef: PyTreeDef
    names: tuple[str, ...]  # of all leaves, in the tree's order
    values: tuple[Any, ...]  # a plain value, TRACED, a Bound or Names
    kinds: tuple[type, ...] = dataclasses.field(init=False)  # 1 == True == 1.0

    def __post_init__(self):
        object.__setattr__(self, "kinds", tuple(type(value) for value in self.values))


def flatten(hparams: Any) -> tuple[tuple[str, ...], list[Any], PyTreeDef]:
    """Returns names, leaves and tree of hyperparameters; None is a leaf too.

    Raises:
        RecipeError: two hyperparameters have the same name.
    """
    found, treedef = jax.tree.flatten_with_path(hparams, is_leaf=lambda x: x is None)
    names = [jax.tree_util.keystr(p, simple=True, separator=".") for p, _ in found]
    if len(set(names)) < len(names):
        raise RecipeError(
            f"got hyperparameters {names}; expected names that differ: rename a key "
            "that contains a dot, which stands for a level of the tree"
        )
    return tuple(names), [leaf for _, leaf in found], treedef


def by_name(hparams: Any) -> dict[str, Any]:
    """Returns the leaves of hyperparameters by name; None is a leaf too.

    Raises:
        RecipeError: two hyperparameters have the same name.
    """
    names, leaves, _ = flatten(hparams)
    return dict(zip(names, leaves, strict=True))


def partition(hparams: Any) -> tuple[dict[str, jax.Array], Structure]:
    """Returns the traced numbers by name, and the structure with the static values.

    Args:
        hparams: a pytree of floats, scalar arrays, sizes, choices and plain values.

    Raises:
        RecipeError: a leaf is neither a number, a `Size`, a `OneOf`, `str`, `bool` nor
            `None`, or JAX's default type cannot hold it; or two hyperparameters have
            the same name.
    """
    names, leaves, treedef = flatten(hparams)
    traced, values = {}, []
    for name, leaf in zip(names, leaves, strict=True):
        if isinstance(leaf, Size | OneOf):
            traced[name] = canonical(number_of(leaf))
            values.append(_entry(leaf))
        elif isinstance(leaf, float | np.generic | np.ndarray | jax.Array):
            traced[name] = canonical(_held(name, leaf))
            values.append(TRACED)
        elif leaf is None or isinstance(leaf, str | int | bool):
            values.append(leaf)
        else:
            raise RecipeError(
                f"got hyperparameter {name}={leaf!r} ({type(leaf).__name__}); expected "
                "a number, str, bool or None: choose by name, with Among([...]) in the "
                "space and nn.among or optim.among in the recipe"
            )
    return traced, Structure(treedef, names, tuple(values))


def combine(traced: dict[str, jax.Array], structure: Structure) -> Any:
    """Returns the hyperparameters again from both results of `partition`."""
    leaves = (
        _combined(traced.get(name), value)
        for name, value in zip(structure.names, structure.values, strict=True)
    )
    return jax.tree.unflatten(structure.treedef, leaves)


def is_traced(value: Any) -> bool:
    """Returns whether an entry of a Structure stands for a traced number."""
    return value is TRACED or isinstance(value, Bound | Names)


def of_member(structure: Structure, columns: Mapping[str, Any], i: int) -> Any:
    """Returns the hyperparameters of a member, with NumPy scalars for traced numbers.

    Args:
        structure: of the member.
        columns: values of all members by name, `[members]`; of a `OneOf` the names.
        i: the member.
    """
    traced: dict[str, Any] = {}
    for name, entry in zip(structure.names, structure.values, strict=True):
        if is_traced(entry):
            value = columns[name][i]
            number = entry.options.index(value) if isinstance(entry, Names) else value
            traced[name] = np.asarray(canonical(number))[()]
    return combine(traced, structure)


def number_of(leaf: Any) -> Any:
    """Returns what is traced of a hyperparameter."""
    if isinstance(leaf, Size):
        return leaf.live
    return leaf.index if isinstance(leaf, OneOf) else leaf


def _entry(leaf: Size | OneOf) -> Bound | Names:
    return Bound(leaf.bound) if isinstance(leaf, Size) else Names(leaf.options)


def _combined(number: Any, value: Any) -> Any:
    if isinstance(value, Bound):
        return Size(number, value.bound)
    if isinstance(value, Names):
        return OneOf(number, value.options)
    return number if value is TRACED else value


def canonical(value: Any) -> jax.Array:
    """Returns a number or array as JAX's default float or integer type, or Boolean."""
    return jnp.asarray(value, default_type(jnp.result_type(value)))


def as_held(
    name: str, values: Any, *, error: type[Exception] = RecipeError
) -> NDArray[Any]:
    """Returns the numbers of a hyperparameter in JAX's default type.

    Args:
        name: of the hyperparameter.
        values: a number or an array.
        error: the class of the error.

    Raises:
        error: the type cannot hold a number. Programs take a float below the least
            normal one for 0.
    """
    values = np.asarray(values)
    kind = np.dtype(default_type(values.dtype))
    with np.errstate(over="ignore", under="ignore"):
        held = np.asarray(values, kind)
    if kind.kind in "iu":
        lost = held != values
    else:
        least = 1 if kind.kind == "b" else jnp.finfo(kind).tiny
        lost = np.isfinite(values) & ~np.isfinite(held)
        lost |= (values != 0) & (np.abs(held) < least)
    if lost.any():
        raise error(
            f"got the hyperparameter {name}={values[lost].item(0)!r}; expected numbers "
            f"that {kind} can hold, in which the programs compute"
        )
    return held


def _held(name: str, leaf: Any) -> Any:
    """Returns a number as the programs hold it; tracers and keys as they are."""
    known = not isinstance(leaf, jax.core.Tracer)
    if known and jnp.result_type(leaf).kind in "biuf":
        return as_held(name, leaf)
    return leaf


def default_type(dtype: Any) -> Any:
    """Returns JAX's default type of the same family: float, integer, or Boolean."""
    for family, default in ((jnp.floating, float), (jnp.integer, int)):
        if jnp.issubdtype(dtype, family):
            return jnp.result_type(default)
    return dtype
