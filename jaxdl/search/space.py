"""Spaces: pytrees of the shape of the hyperparameters, and draws from them.

A leaf is a distribution, a constant, or an array `[members]` that is used as given: of
numbers, which are traced, or of texts or Python objects, which are static.
"""

import functools
import math
import zlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from jaxdl.search.distributions import AsSize, SpaceError, Static, is_distribution
from jaxdl.search.either import Either, Needs, applies, choose, combinations, needs
from jaxdl.train import HPARAMS, TRACED, Bound, Structure, canonical, flatten


class Group(NamedTuple):
    """Members that agree on all static values, and so share one program.

    They train side by side through the same epochs, and so on the same batches: all are
    of one variant of their configurations, see `repeats`.
    """

    structure: Structure
    members: NDArray[np.int64]  # [n] their ids
    traced: dict[str, NDArray[Any]]  # [n] by name
    first: int  # epoch that they train next
    until: int  # epochs that they will have trained
    variants: int = 1  # that each configuration has

    @property
    def variant(self) -> int:
        """Which one they are of."""
        return int(self.members[0]) % self.variants

    @property
    def configurations(self) -> NDArray[np.int64]:
        """Their ids `[n]` among the members of their variant."""
        return self.members // self.variants


def sample(key: jax.Array, space: Any, members: int) -> Any:
    """Returns random hyperparameters: the space's tree with arrays `[members]`.

    Member i's value of a leaf is a pure function of the key, the leaf's name and i: it
    moves neither with the number of members nor with other leaves. Options that were
    not chosen are drawn too.

    Args:
        key: the run's key.
        space: a pytree of distributions, constants and arrays `[members]`.
        members: at least 1.

    Raises:
        SpaceError: `members` is below 1, an array has another length, or a leaf is
            none of these.
    """
    if isinstance(members, bool) or not isinstance(members, int) or members < 1:
        raise SpaceError(f"got members={members!r}; expected an int of at least 1")
    return fill(space, members, lambda name: _uniforms(key, name, members))


def fill(
    space: Any, members: int, uniforms: Callable[[str], NDArray[np.float64]]
) -> Any:
    """Returns the space's tree with arrays `[members]`.

    Args:
        space: as for `sample`.
        members: at least 1.
        uniforms: the fractions in (0, 1), `[members]`, at whose quantiles a named
            distribution is read.

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


def groups(
    space: Any,
    hparams: Any,
    members: NDArray[np.int64],
    first: NDArray[np.int64],
    until: NDArray[np.int64],
    variants: int = 1,
) -> list[Group]:
    """Returns members by static values, epochs and variant, in order of first ones.

    Args:
        space: as for `sample`.
        hparams: of the members, `[n]`.
        members: their ids, `[n]`.
        first: the epoch that each trains next, `[n]`.
        until: how many epochs each will have trained, `[n]`.
        variants: that each configuration has.
    """
    names, leaves, treedef = flatten(space)
    columns = treedef.flatten_up_to(hparams)
    static = [is_static(leaf) for leaf in leaves]
    fixed = [_fixed_values(*pair) for pair in zip(leaves, columns, strict=True)]
    need = needs(space)
    slots: dict[tuple[Structure, int, int, int], list[int]] = {}
    spans = zip(*(x.tolist() for x in (first, until, members % variants)), strict=True)
    for i, (start, end, variant) in enumerate(spans):
        values = [column[i] for column in fixed]
        counted = tuple(
            value if applies(own, values) else None
            for value, own in zip(values, need, strict=True)
        )
        structure = Structure(treedef, names, counted)
        slots.setdefault((structure, start, end, variant), []).append(i)
    traced = [(n, c) for n, c, s in zip(names, columns, static, strict=True) if not s]
    found = []
    for (complete, start, end, _), own in slots.items():
        structure = _received(complete, need)
        kept = {n: c[own] for n, c in traced if n in structure.names}
        found.append(Group(structure, members[own], kept, start, end, variants))
    return found


def structures(space: Any, most: int) -> list[Structure]:
    """Returns every combination of static values that the space can give.

    Raises:
        SpaceError: there are more than `most`, each of which is a program to compile.
    """
    names, leaves, treedef = flatten(space)
    count = _count(space)
    if count > most:
        raise SpaceError(
            f"the space has {count} combinations of static values, each a program to "
            f"compile; expected at most {most}: fewer options, or traced numbers"
        )
    need = needs(space)
    rows = combinations([_static_options(leaf) for leaf in leaves], need)
    return [_received(Structure(treedef, names, tuple(row)), need) for row in rows]


def is_static(leaf: Any) -> bool:
    """Returns whether a leaf of a space reaches the recipe as a plain value."""
    plain = leaf is None or isinstance(leaf, Static | str | int)
    return plain or (isinstance(leaf, np.ndarray) and leaf.dtype.kind in "OU")


def _received(complete: Structure, need: list[Needs]) -> Structure:
    """Returns the structure of what a recipe receives: of the chosen options alone.

    Args:
        complete: the structure of the space's tree, with all options.
        need: what has to be chosen for each of its leaves.
    """
    kept = [i for i, own in enumerate(need) if applies(own, complete.values)]
    marked = [v if isinstance(v, str) else TRACED for v in complete.values]
    chosen = choose(jax.tree.unflatten(complete.treedef, marked))
    return Structure(
        flatten(chosen)[2],
        tuple(complete.names[i] for i in kept),
        tuple(complete.values[i] for i in kept),
    )


def _count(space: Any) -> int:
    """Returns how many combinations of static values the space can give."""
    nodes = jax.tree.leaves(space, is_leaf=lambda x: x is None or _is_either(x))
    return math.prod(
        sum(_count(node.options[name]) for name in _static_options(node.name))
        if _is_either(node)
        else len(_static_options(node))
        for node in nodes
    )


def _is_either(node: Any) -> bool:
    return isinstance(node, Either)


def _fixed_values(leaf: Any, column: NDArray[Any]) -> list[Any]:
    """Returns what a leaf's values have in a Structure, one a member."""
    if isinstance(leaf, AsSize):
        bounds = np.array(leaf.bounds())
        found = bounds[np.searchsorted(bounds, column)]
        return [Bound(bound) for bound in found.tolist()]
    return column.tolist() if is_static(leaf) else [TRACED] * len(column)


def _static_options(leaf: Any) -> Sequence[Any]:
    if isinstance(leaf, AsSize):
        return tuple(Bound(bound) for bound in leaf.bounds())
    if not is_static(leaf):
        return (TRACED,)
    options = leaf.options if isinstance(leaf, Static) else np.ravel(leaf).tolist()
    return tuple({(type(o), o): o for o in options}.values())


def _column(name: str, leaf: Any, members: int) -> NDArray[Any]:
    """Returns the values, one a member, of a leaf that is no distribution."""
    if isinstance(leaf, AsSize):
        leaf = leaf.values
    if is_static(leaf):
        values = np.asarray(leaf, object)
        Static(values.ravel().tolist())  # which refuses what is no plain value
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
            f"of {members}, one a member"
        )


def _uniforms(key: jax.Array, name: str, members: int) -> NDArray[np.float64]:
    """Returns uniform draws in (0, 1), `[members]`, of 32 random bits each."""
    bits = _bits(key, np.uint32(zlib.crc32(name.encode())), members)
    return (np.asarray(bits, np.float64) + 0.5) / 2**32


@functools.partial(jax.jit, static_argnames="members")
def _bits(key: jax.Array, leaf: NDArray[np.uint32], members: int) -> jax.Array:
    """Returns 32 random bits a member for a leaf of the space."""
    leaf_key = jax.random.fold_in(jax.random.fold_in(key, HPARAMS), leaf)
    keys = jax.vmap(jax.random.fold_in, (None, 0))(leaf_key, jnp.arange(members))
    return jax.vmap(lambda k: jax.random.bits(k, (), jnp.uint32))(keys)


def _default_type(values: NDArray[Any]) -> NDArray[Any]:
    """Returns numbers in the type the programs use, so that they show what trained."""
    return values if values.dtype == object else np.asarray(canonical(values))
