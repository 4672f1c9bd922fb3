"""Spaces: pytrees of the shape of the hyperparameters, and draws from them.

A leaf is a distribution, a constant, or an array `[members]` that is used as given.
Arrays of numbers are traced; arrays of texts or Python objects are static.
"""

import zlib
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from jaxdl.counts import as_count
from jaxdl.keys import as_key, bits_of_each, key_words
from jaxdl.spaces.among import Among
from jaxdl.spaces.contract import Distribution, SpaceError
from jaxdl.spaces.distributions import Options, Static, as_objects, is_distribution
from jaxdl.spaces.sizes import AsSize
from jaxdl.train.state import HPARAMS
from jaxdl.train.structure import as_held, flatten


def sample(key: jax.Array | int, space: Any, members: int) -> Any:
    """Returns random hyperparameters: the space's tree with arrays `[members]`.

    Member i's value of a leaf is a pure function of the key, the leaf's name and i. It
    depends neither on the number of members nor on other leaves. The options that were
    not chosen are drawn too.

    Args:
        key: the run's key, or its seed.
        space: a pytree of distributions, constants and arrays `[members]`.
        members: at least 1.

    Raises:
        SpaceError: `members` is below 1, an array has another length, a leaf is
            anything else, the programs cannot hold what it gives, or two names draw the
            same numbers.
        TypeError, ValueError: the key is neither a threefry key nor a seed.
    """
    key = as_key(key)
    members = as_count("members", members, error=SpaceError)
    check_names(space)
    return fill(space, members, lambda name: _uniforms(key, name, members))


def fill(
    space: Any, members: int, uniforms: Callable[[str], NDArray[np.float64]]
) -> Any:
    """Returns the space's tree with arrays `[members]`.

    Args:
        space: as for `sample`.
        members: at least 1.
        uniforms: from the name of a distribution to fractions in (0, 1), `[members]`,
            whose quantiles it gives.

    Raises:
        SpaceError: as `sample`.
    """
    names, leaves, treedef = flatten(space)
    columns = []
    for name, leaf in zip(names, leaves, strict=True):
        if is_distribution(leaf):
            check_ends(name, leaf)
            values = np.array(leaf.quantile(uniforms(name)))
            for member, value in leaf.first.items():
                values[member : member + 1] = value  # nothing beyond the last member
            columns.append(_default_type(name, values))
        else:
            columns.append(_column(name, leaf, members))
    return jax.tree.unflatten(treedef, columns)


def given(space: Any, rows: Sequence[Sequence[Any]]) -> Any:
    """Returns the space with values in the place of its distributions.

    Args:
        space: as for `sample`.
        rows: the values of all leaves, a row for each member.
    """
    _, leaves, treedef = flatten(space)
    filled = [
        leaf.given(values) if is_distribution(leaf) else leaf
        for leaf, values in zip(leaves, zip(*rows, strict=True), strict=True)
    ]
    return jax.tree.unflatten(treedef, filled)


def is_static(leaf: Any) -> bool:
    """Returns whether a leaf of a space reaches the recipe as a plain value."""
    if isinstance(leaf, Distribution):
        return leaf.static
    if isinstance(leaf, np.ndarray):
        return leaf.dtype.kind in "OU"
    return leaf is None or isinstance(leaf, str | int)


def traced_columns(space: Any, hparams: Any) -> dict[str, NDArray[Any]]:
    """Returns the traced hyperparameters of some members by name, `[n]` each.

    Of an `Among` they are the places of the options.
    """
    names, leaves, treedef = flatten(space)
    columns = zip(names, leaves, treedef.flatten_up_to(hparams), strict=True)
    return {
        name: _default_type(name, leaf.places(column))
        if isinstance(leaf, Among)
        else column
        for name, leaf, column in columns
        if not is_static(leaf)
    }


def has_objects(leaf: Any) -> bool:
    """Returns whether a leaf's column holds Python objects: plain values or names."""
    return isinstance(leaf, Among) or is_static(leaf)


def traced_types(space: Any, hparams: Any) -> dict[str, jax.ShapeDtypeStruct]:
    """Returns the types of the traced hyperparameters by name, as scalars."""
    return {
        name: jax.ShapeDtypeStruct((), column.dtype)
        for name, column in traced_columns(space, hparams).items()
    }


def static_values(leaf: Any) -> tuple[Any, ...]:
    """Returns the plain values that a static leaf can have, with repetitions.

    Raises:
        SpaceError: one is not a plain value.
    """
    if isinstance(leaf, Options):
        return leaf.options
    return Static(np.ravel(np.asarray(leaf, object)).tolist()).options


def _column(name: str, leaf: Any, members: int) -> NDArray[Any]:
    """Returns the values, one for each member, of a leaf that is not a distribution."""
    if isinstance(leaf, AsSize):
        leaf = leaf.values
    if isinstance(leaf, Among):
        leaf = as_objects(leaf.values)
    if np.ma.isMaskedArray(leaf):
        raise SpaceError(
            f"the space has a masked array for {name}; expected one value for each "
            "member: fill what is masked"
        )
    if is_static(leaf):
        values = np.empty(np.shape(leaf), object)
        values.ravel()[:] = static_values(leaf)
        _check_length(name, leaf, values, members)
        return np.broadcast_to(values, members).copy()
    try:
        values = np.asarray(leaf)
    except Exception as error:
        raise SpaceError(f"the space has {name}={leaf!r}: {error}") from error
    if values.dtype.kind not in "biuf":
        raise SpaceError(
            f"the space has {name}={leaf!r}; expected a distribution, a number, str, "
            f"bool or None, or an array of them"
        )
    _check_length(name, leaf, values, members)
    return _default_type(name, np.broadcast_to(values, members))


def _check_length(name: str, leaf: Any, values: NDArray[Any], members: int) -> None:
    if values.shape not in ((), (members,)):
        raise SpaceError(
            f"the space has {name}={leaf!r}; expected one value for all, or an array "
            f"of {members}, one for each member"
        )


def _uniforms(key: jax.Array, name: str, members: int) -> NDArray[np.float64]:
    """Returns uniform draws in (0, 1), `[members]`, of 32 random bits each."""
    leaf = key_words(key, HPARAMS, number_of(name))
    return (bits_of_each(leaf, members) + 0.5) / 2**32


def number_of(name: str) -> int:
    """Returns the 32 bits of a leaf's name, from which it draws."""
    return zlib.crc32(name.encode())


def check_names(space: Any) -> None:
    """Checks that no two names draw the same numbers.

    Raises:
        SpaceError: two do.
    """
    names, leaves, _ = flatten(space)
    drawn: dict[int, str] = {}
    for name, leaf in zip(names, leaves, strict=True):
        if is_distribution(leaf) and drawn.setdefault(number_of(name), name) != name:
            raise SpaceError(
                f"got the names {drawn[number_of(name)]} and {name}, which share their "
                "checksum and so would draw the same numbers; expected others: rename "
                "one"
            )


def _default_type(name: str, values: NDArray[Any]) -> NDArray[Any]:
    """Returns numbers in the type of the programs, so that they show what trained.

    Raises:
        SpaceError: the type cannot hold a number.
    """
    if values.dtype == object:
        return values
    return as_held(name, values, error=SpaceError)


def check_ends(name: str, leaf: Any) -> None:
    """Checks that the programs can hold all that a distribution gives.

    Raises:
        SpaceError: they cannot; or an end becomes one that the scale does not have,
            such as 0 on a log scale.
    """
    if has_objects(leaf):
        return
    ends = leaf.typical(2)  # all options of a choice
    held = _default_type(name, ends)
    with np.errstate(divide="ignore", invalid="ignore"):
        lost = ~np.isfinite(leaf.fraction(held.astype(float)))
    if lost.any():
        raise SpaceError(
            f"the space has {name}={leaf}; expected bounds that {held.dtype} can hold, "
            f"in which the programs compute: {ends[lost][0]!r} becomes {held[lost][0]}"
        )
