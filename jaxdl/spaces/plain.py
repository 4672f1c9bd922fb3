"""A space as plain JSON values and back, leaf by leaf, so that a run remembers it.

Texts, finite numbers, bools, None and lists stand for themselves. All else is an object
with one key, its kind:

    {"LogUniform": [0.0001, 1.0]}       a distribution, by its arguments
    {"AsSize": ...}                     what a size holds; a list: and its bounds
    {"Either": [name, [[option, space], ...]]}
    {"Chosen": [name, values]}
    {"dict": [[key, ...], ...]}         in the order of the tree's leaves
    {"tuple": [...]}
    {"float": "nan"}                    a float that is not finite
    {"scalar": [dtype, value]}          of NumPy
    {"array": [dtype, shape, values]}   of NumPy or JAX, comes back as NumPy's
    {"class": [name, [[child, ...], ...]]}    a class of yours; it cannot be read back
"""

import json
import math
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from jaxdl.spaces import distributions, ranges, sizes
from jaxdl.spaces.among import Among
from jaxdl.spaces.contract import Distribution, SpaceError, fields
from jaxdl.spaces.either import Chosen, Either
from jaxdl.spaces.narrow import is_part
from jaxdl.spaces.sizes import AsSize
from jaxdl.train.structure import flatten

SHOWN = 80  # letters of a leaf in an error
OURS = {
    name: kind
    for name, kind in (vars(distributions) | vars(ranges) | vars(sizes)).items()
    if isinstance(kind, type) and issubclass(kind, Distribution)
} | {"Among": Among}


def to_plain(space: Any) -> Any:
    """Returns a space, or any part of it, as plain values that JSON can hold.

    Args:
        space: a pytree of distributions, constants and arrays.

    Raises:
        SpaceError: a key of a dict is not a str or an int, or an array holds anything
            but texts, numbers of at most 64 bits and Python objects.
    """
    if isinstance(space, np.generic):
        _check_type(space.dtype)
        return {"scalar": [str(space.dtype), to_plain(space.item())]}
    if isinstance(space, np.ndarray | jax.Array):
        return _plain_array(np.asarray(space))
    if isinstance(space, float) and not math.isfinite(space):
        return {"float": repr(float(space))}
    if space is None or isinstance(space, bool | int | float | str):
        return space
    name = type(space).__name__
    if OURS.get(name) is type(space):
        inner = _held(space) if name == "AsSize" else space.arguments()
        return {name: to_plain(inner)}
    if type(space) is list:
        return [to_plain(inner) for inner in space]
    if type(space) is tuple:
        return {"tuple": [to_plain(inner) for inner in space]}
    if type(space) is dict:
        _check_keys(space)
        return {"dict": [[key, to_plain(space[key])] for key in sorted(space)]}
    if type(space) is Either:
        options = [[option, to_plain(x)] for option, x in space.options.items()]
        return {"Either": [to_plain(space.name), options]}
    if type(space) is Chosen:
        return {"Chosen": [to_plain(space.name), to_plain(space.values)]}
    return {"class": [name, [[n, to_plain(child)] for n, child in _children(space)]]}


def from_plain(plain: Any) -> Any:
    """Returns the space that `to_plain` wrote, with equal leaves.

    Args:
        plain: what `to_plain` returned, or JSON made of it.

    Raises:
        SpaceError: the space holds a class of the user's, or `to_plain` never returned
            this.
    """
    if isinstance(plain, list):
        return [from_plain(inner) for inner in plain]
    if not isinstance(plain, dict):
        return plain
    if len(plain) != 1 or not plain.keys() <= OURS.keys() | READERS.keys() | {"class"}:
        raise SpaceError(f"got {_short(str(plain))}; expected a recorded space")
    ((kind, inner),) = plain.items()
    if kind in OURS:
        values = from_plain(inner)
        if kind == "AsSize":
            return AsSize(*values) if isinstance(values, list) else AsSize(values)
        return OURS[kind].from_arguments(values)
    if kind == "class":
        raise SpaceError(
            f"the recorded space holds {inner[0]}, a class that its record cannot "
            "make; give the run's space, space=..., or its experiment file"
        )
    return READERS[kind](inner)


def as_recorded(space: Any, plain: Any) -> Any:
    """Returns a space of which each leaf is the recorded part of it, if it is a part.

    Args:
        space: as it is given.
        plain: what `to_plain` returned of a space that may be pinned or narrowed, or
            JSON made of it.
    """
    names, leaves, treedef = flatten(space)
    recorded = map(dict(texts(plain)).get, names)
    return jax.tree.unflatten(treedef, map(_part, leaves, recorded))


def check_recorded(space: Any, plain: Any) -> None:
    """Checks that a space is the recorded one, down to the types of its values.

    Args:
        space: as it is given.
        plain: what `to_plain` returned of the recorded one, or JSON made of it.

    Raises:
        SpaceError: a leaf or the tree differs.
    """
    own = to_plain(space)
    if found := difference(own, plain):
        raise SpaceError(
            f"{found}; expected the space of the run: give the experiment file, or the "
            "space, that began it"
        )
    if json.dumps(own) != json.dumps(plain):
        raise SpaceError(
            "got a space with the recorded leaves in a tree of other classes; expected "
            "the space of the run"
        )


def difference(got: Any, recorded: Any) -> str:
    """Returns how the leaves of two plain spaces differ; nothing if they do not."""
    new, old = dict(texts(got)), dict(texts(recorded))
    if new.keys() != old.keys():
        names = (", ".join(n or "one value" for n in x) or "none" for x in (new, old))
        return "hyperparameters: got {}, recorded {}".format(*names)
    return "; ".join(
        f"{name or 'the leaf'}: got {_words(text, old[name])}, recorded "
        f"{_words(old[name], text)}"
        for name, text in new.items()
        if text != old[name]
    )


def _words(text: str, other: str) -> str:
    """Returns a leaf, which is JSON, as Python writes it.

    A value that is pinned stands alone, unless the other leaf is the value itself.
    """
    try:
        leaf = from_plain(json.loads(text))
    except SpaceError:  # of a class of the user's
        return _short(text)
    options = leaf.options if isinstance(leaf, distributions.Choice) else ()
    pinned = len(options) == 1 and json.dumps(to_plain(options[0])) != other
    shown = options[0] if pinned else leaf
    typed = isinstance(shown, np.generic)
    return f"{shown} ({shown.dtype})" if typed else _short(repr(shown))


def _held(size: AsSize) -> Any:
    """Returns what a size holds, beside the default."""
    return size.values if size.bounds is None else [size.values, size.bounds]


def _plain_array(array: NDArray[Any]) -> dict[str, Any]:
    _check_type(array.dtype)
    values = [to_plain(value) for value in array.ravel().tolist()]
    return {"array": [str(array.dtype), list(array.shape), values]}


def _array(parts: list[Any]) -> NDArray[Any]:
    dtype, shape, values = parts
    array = np.empty(len(values), dtype)
    array[:] = [from_plain(value) for value in values]
    return array.reshape(shape)


def _either(parts: list[Any]) -> Either:
    name, options = parts
    inner = {option: from_plain(space) for option, space in options}
    return Either.tree_unflatten(tuple(inner), [from_plain(name), *inner.values()])


READERS = {
    "tuple": lambda parts: tuple(map(from_plain, parts)),
    "dict": lambda pairs: {key: from_plain(inner) for key, inner in pairs},
    "Either": _either,
    "Chosen": lambda parts: Chosen(*map(from_plain, parts)),
    "float": float,
    "scalar": lambda parts: np.dtype(parts[0]).type(from_plain(parts[1])),
    "array": _array,
}


def _children(node: Any) -> list[tuple[str, Any]]:
    """Returns names and children of a node of a class that is not ours."""
    if isinstance(node, Distribution):
        return [*fields(node).items()]
    pairs, _ = jax.tree.flatten_with_path(node, is_leaf=lambda x: x is not node)
    return [
        (jax.tree_util.keystr(path, simple=True), child)
        for path, child in pairs
        if path  # a leaf has none
    ]


def texts(plain: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yields the leaves of a plain space: their names, and what they are as JSON."""
    kind, inner = next(iter(plain.items())) if isinstance(plain, dict) else ("", plain)
    if kind in ("class", "Either", "Chosen"):
        pairs = {
            "class": lambda: inner[1],
            "Either": lambda: [["name", inner[0]], *inner[1]],
            "Chosen": lambda: [["name", inner[0]], [str(inner[0]), inner[1]]],
        }[kind]()
    elif kind == "dict":
        pairs = inner
    elif kind == "tuple" or isinstance(plain, list):
        pairs = enumerate(inner)
    else:
        yield name, json.dumps(plain)
        return
    for step, child in pairs:
        yield from texts(child, f"{name}.{step}" if name else str(step))


def _part(leaf: Any, recorded: str | None) -> Any:
    """Returns what is recorded of a leaf if that is a part of it, else the leaf."""
    if recorded is None or recorded == json.dumps(to_plain(leaf)):
        return leaf
    try:
        part = from_plain(json.loads(recorded))
    except SpaceError:  # of a class of the user's
        return leaf
    return part if is_part(part, leaf) else leaf


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def _check_keys(node: dict[Any, Any]) -> None:
    for kind in (str, int):
        if all(isinstance(key, kind) for key in node):
            return
    raise SpaceError(
        f"got a dict with the keys {[*node]}; expected keys that are all str or all int"
    )


def _check_type(dtype: np.dtype) -> None:
    if dtype.kind not in "biufOU" or (dtype.kind == "f" and dtype.itemsize > 8):
        raise SpaceError(
            f"got values of type {dtype}; expected texts, numbers of at most 64 bits "
            "or Python objects"
        )
