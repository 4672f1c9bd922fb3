"""A draw of one member's hyperparameters within a program, under jit and vmap."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.keys import as_key
from jaxdl.nn.size import Size
from jaxdl.one_of import OneOf
from jaxdl.spaces.among import Among
from jaxdl.spaces.contract import SpaceError
from jaxdl.spaces.distributions import is_distribution
from jaxdl.spaces.either import choose
from jaxdl.spaces.sample import (
    check_ends,
    check_names,
    is_static,
    number_of,
    static_values,
)
from jaxdl.spaces.sizes import AsSize
from jaxdl.train.state import HPARAMS
from jaxdl.train.structure import as_held, flatten


def sample_one(key: jax.Array | int, space: Any, member: Any = 0) -> Any:
    """Returns the hyperparameters of one member, as a recipe receives them.

    Under jit and vmap it draws what `sample` draws for this member, from the same
    random bits; floats differ by at most 2 units in the last place. An `Among` gives an
    `nn.OneOf`. An `AsSize` gives an `nn.Size` of the largest bound, so that there is
    one program.

    >>> space = {"rate": dl.LogUniform(1e-4, 1e-1), "units": 32}
    >>> def rate(member):
    ...     return dl.sample_one(jax.random.key(0), space, member)["rate"]
    >>> rates = jax.jit(jax.vmap(rate))(jnp.arange(8))
    >>> bool(jnp.allclose(rates, dl.sample(jax.random.key(0), space, 8)["rate"]))
    True

    Args:
        key: the run's key, which may be traced, or its seed, which may not.
        space: as for `sample`, but each `Static` has one option.
        member: its number; may be traced.

    Raises:
        SpaceError: as `sample`; a static leaf has several values, each of which asks
            for a program of its own; or the quantile of a distribution of yours cannot
            be traced.
        TypeError, ValueError: the key is neither a threefry key nor a seed.
    """
    key = as_key(key)
    check_names(space)
    names, leaves, treedef = flatten(space)
    values = []
    for name, leaf in zip(names, leaves, strict=True):
        bits = _bits_of(key, np.uint32(number_of(name)), member)
        values.append(_value(name, leaf, bits, member))
    return choose(jax.tree.unflatten(treedef, values))


def _bits_of(key: jax.Array, leaf: Any, member: Any) -> jax.Array:
    """Returns the 32 random bits of one member, for a leaf of the space.

    Args:
        key: the run's key.
        leaf: see `number_of`.
        member: its number.
    """
    leaf_key = jax.random.fold_in(jax.random.fold_in(key, HPARAMS), leaf)
    return jax.random.bits(jax.random.fold_in(leaf_key, member), (), jnp.uint32)


def _value(name: str, leaf: Any, bits: jax.Array, member: Any) -> Any:
    if is_static(leaf):
        return _static(name, leaf)
    if isinstance(leaf, Among):
        if leaf.drawn:
            return OneOf(_traced(leaf.place, bits), leaf.options)
        return OneOf(_given(name, leaf.places(leaf.values), member), leaf.options)
    if isinstance(leaf, AsSize):
        number = _number(name, leaf.values, bits, member)
        return Size(number, leaf.all_bounds()[-1])
    return _number(name, leaf, bits, member)


def _number(name: str, leaf: Any, bits: jax.Array, member: Any) -> jax.Array:
    if not is_distribution(leaf):
        return _given(name, leaf, member)
    check_ends(name, leaf)
    try:
        return _traced(leaf.quantile, bits)
    except jax.errors.JAXTypeError as error:
        raise SpaceError(
            f"the space has {name}={leaf}, whose quantile cannot be traced; expected "
            "one that computes with operators, or with the functions of "
            "jaxdl.spaces.namespace(u)"
        ) from error


def _traced(quantile: Callable[[Any], Any], bits: jax.Array) -> jax.Array:
    """Returns a quantile of random bits, computed as `sample` does, in 64 bits."""
    kinds = {kind: jnp.result_type(kind) for kind in (float, int)}
    with jax.enable_x64(True):
        found = quantile((bits.astype(jnp.float64) + 0.5) / 2**32)
        whole = jnp.issubdtype(found.dtype, jnp.integer)
        return found.astype(kinds[int if whole else float])


def _given(name: str, leaf: Any, member: Any) -> jax.Array:
    """Returns a constant, or the value of a member from an array `[members]`."""
    held = jnp.asarray(as_held(name, leaf, error=SpaceError))
    if not held.ndim:
        return held
    known = not isinstance(member, jax.core.Tracer)
    if known and not 0 <= int(member) < len(held):
        raise SpaceError(
            f"got member {member}, and {name} as an array of {len(held)}; expected a "
            f"member from 0 to {len(held) - 1}"
        )
    return held[member]


def _static(name: str, leaf: Any) -> Any:
    values = {(type(value), value) for value in static_values(leaf)}
    if len(values) > 1:
        raise SpaceError(
            f"the space has {name}={leaf!r:.80}; expected one static value, since each "
            "is a program of its own: draw with one of them at a time, or choose with "
            "Among"
        )
    return values.pop()[1]
