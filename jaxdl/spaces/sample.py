"""Spaces: pytrees of the shape of the hyperparameters, and draws from them.

A leaf is a distribution, a constant, or an array `[members]` that is used as given.
Arrays of numbers are traced; arrays of texts or Python objects are static.
"""

import functools
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from jaxdl.counts import as_count
from jaxdl.spaces.contract import Distribution, SpaceError
from jaxdl.spaces.distributions import AsSize, Options, Static, is_distribution
from jaxdl.train.state import HPARAMS
from jaxdl.train.structure import default_type, flatten


def sample(key: jax.Array, space: Any, members: int) -> Any:
    """Returns random hyperparameters: the space's tree with arrays `[members]`.

    Member i's value of a leaf is a pure function of the key, the leaf's name and i. It
    depends neither on the number of members nor on other leaves. The options that were
    not chosen are drawn too.

    Args:
        key: the run's key.
        space: a pytree of distributions, constants and arrays `[members]`.
        members: at least 1.

    Raises:
        SpaceError: `members` is below 1, an array has another length, or a leaf is
            anything else.
    """
    members = as_count("members", members, error=SpaceError)
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
    columns = [
        _default_type(leaf.quantile(uniforms(name)))
        if is_distribution(leaf)
        else _column(name, leaf, members)
        for name, leaf in zip(names, leaves, strict=True)
    ]
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
    """Returns the traced hyperparameters of some members by name, `[n]` each."""
    names, leaves, treedef = flatten(space)
    columns = zip(names, leaves, treedef.flatten_up_to(hparams), strict=True)
    return {name: column for name, leaf, column in columns if not is_static(leaf)}


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
    return _default_type(np.broadcast_to(values, members))


def _check_length(name: str, leaf: Any, values: NDArray[Any], members: int) -> None:
    if values.shape not in ((), (members,)):
        raise SpaceError(
            f"the space has {name}={leaf!r}; expected one value for all, or an array "
            f"of {members}, one for each member"
        )


def _uniforms(key: jax.Array, name: str, members: int) -> NDArray[np.float64]:
    """Returns uniform draws in (0, 1), `[members]`, of 32 random bits each."""
    bits = _bits(key, np.uint32(zlib.crc32(name.encode())), members)
    return (np.asarray(bits, np.float64) + 0.5) / 2**32


@functools.partial(jax.jit, static_argnames="members")
def _bits(key: jax.Array, leaf: NDArray[np.uint32], members: int) -> jax.Array:
    """Returns 32 random bits for each member, for a leaf of the space."""
    leaf_key = jax.random.fold_in(jax.random.fold_in(key, HPARAMS), leaf)
    keys = jax.vmap(jax.random.fold_in, (None, 0))(leaf_key, jnp.arange(members))
    return jax.vmap(lambda k: jax.random.bits(k, (), jnp.uint32))(keys)


def _default_type(values: NDArray[Any]) -> NDArray[Any]:
    """Returns numbers in the type of the programs, so that they show what trained.

    Raises:
        SpaceError: the type cannot hold a number.
    """
    if values.dtype == object:
        return values
    with np.errstate(over="ignore", under="ignore"):
        held = np.asarray(values, default_type(values.dtype))
    whole = held.dtype.kind in "iu"
    lost = held != values if whole else np.isfinite(values) & ~np.isfinite(held)
    lost |= (values != 0) & (held == 0)
    if lost.any():
        raise SpaceError(
            f"got the hyperparameter {values[lost][0]!r}; expected numbers that "
            f"{held.dtype} can hold, in which the programs compute"
        )
    return held
