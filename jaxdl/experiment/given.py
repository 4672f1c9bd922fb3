"""What `NAME=VALUE` and `NAME=LOW..HIGH` make of a space.

A value keeps the kind of its hyperparameter: what a sweep traces is traced, and a size
has the bound that it has in the sweep.
"""

import ast
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxdl.experiment.file import ExperimentError
from jaxdl.near import near
from jaxdl.nn import Size
from jaxdl.spaces.among import Among
from jaxdl.spaces.contract import SpaceError
from jaxdl.spaces.distributions import Options, PlainOptions, is_distribution
from jaxdl.spaces.either import Needs, applies, choose, needs
from jaxdl.spaces.narrow import BETWEEN, is_whole, narrow, pin
from jaxdl.spaces.ranges import LARGEST_INT, Range
from jaxdl.spaces.sample import has_objects, is_static, static_values
from jaxdl.spaces.sizes import AsSize
from jaxdl.sweeps.columns import PREFIX
from jaxdl.train.structure import flatten


def hyperparameters(space: Any, arguments: Sequence[str]) -> Any:
    """Returns the space with the given values instead of its distributions.

    Of an `Either`, only the hyperparameters of the chosen option are asked for.
    Those of the other options of an `Among` get their medians.

    Args:
        space: as for `sample`.
        arguments: texts `NAME=VALUE`.

    Raises:
        ExperimentError: a name is unknown or missing, or a value has another type.
    """
    names, leaves, treedef = flatten(space)
    given = _given(arguments, names)
    values: list[Any] = []
    known, missing = [], []
    for name, leaf, need in zip(names, leaves, needs(space), strict=True):
        if not applies(need, values):
            values.append(middle_of(leaf))  # which has no influence
            continue
        known.append(name)
        if _varies(leaf) and name not in given:
            missing.append(name)
        own = _pinned(name, given[name], leaf) if name in given else leaf
        values.append(middle_of(own))
    _check_known(given, known, missing)
    return choose(jax.tree.unflatten(treedef, values))


def pinned(space: Any, arguments: Sequence[str]) -> Any:
    """Returns the space with some leaves pinned or narrowed; others stay as they are.

    Args:
        space: as for `sample`.
        arguments: texts `NAME=VALUE` or `NAME=LOW..HIGH`.

    Raises:
        ExperimentError: a name is unknown, a value has another type, or a range is no
            part of that of its hyperparameter.
    """
    names, leaves, treedef = flatten(space)
    given = _given(arguments, names)
    own = [
        _part(name, given[name], leaf) if name in given else leaf
        for name, leaf in zip(names, leaves, strict=True)
    ]
    pairs = zip(names, needs(space), strict=True)
    _check_known(given, [name for name, need in pairs if _may_apply(need, own)])
    return jax.tree.unflatten(treedef, own)


def middle_of(leaf: Any) -> Any:
    """Returns a distribution's median, an array's first number, a constant itself."""
    if isinstance(leaf, AsSize):
        live = int(middle_of(leaf.values))
        return Size(live, min(b for b in leaf.all_bounds() if b >= live))
    if isinstance(leaf, Among):
        middle = leaf.quantile(np.asarray(0.5)) if leaf.drawn else leaf.values[0]
        return leaf.one(middle)
    if is_distribution(leaf):
        value = leaf.quantile(np.asarray(0.5))
        return value if leaf.static else np.asarray(value)
    return leaf if leaf is None or np.ndim(leaf) == 0 else np.asarray(leaf)[0]


def _given(arguments: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """Returns the texts of values by name; tables put a prefix before some names."""
    given: dict[str, str] = {}
    for argument in arguments:
        name, equals, text = argument.partition("=")
        if not equals:
            raise ExperimentError(
                f"got {argument:.80}; expected NAME=VALUE, such as {argument:.20}=1"
            )
        name = name if name in names else name.removeprefix(PREFIX)
        if name in given:
            raise ExperimentError(
                f"got {name:.80} twice; expected one value for each hyperparameter"
            )
        given[name] = text
    return given


def _check_known(
    given: Mapping[str, str], known: Sequence[str], missing: Sequence[str] = ()
) -> None:
    """Checks that all given names are known, and that no other one is missing."""
    unknown = [name for name in given if name not in known]
    if not unknown and not missing:
        return
    found = {"unknown": unknown, "missing": missing}
    parts = [f"{word} {those}" for word, those in found.items() if those]
    asked = "".join(near(name, known) for name in unknown[:1])
    raise ExperimentError(
        f"got hyperparameters {[*given]}: {', '.join(parts)}; expected names of "
        f"{[*known]}, each as NAME=VALUE{asked}"
    )


def _varies(leaf: Any) -> bool:
    """Returns whether a model by itself needs a value for a leaf."""
    return not (leaf is None or isinstance(leaf, str | int | float))


def _may_apply(need: Needs, leaves: Sequence[Any]) -> bool:
    """Returns whether some member of a space has the options that a leaf needs."""
    return all(option in static_values(leaves[place]) for place, option in need)


def _part(name: str, text: str, leaf: Any) -> Any:
    """Returns a leaf that is pinned to a value, or narrowed to a range."""
    if BETWEEN not in text or text in map(str, _options(leaf)) or type(leaf) is str:
        return _pinned(name, text, leaf)
    ends, whole = text.split(BETWEEN, 1), _range_of(leaf)
    if not all(isinstance(_literal(end), int | float) for end in ends):
        if not whole:
            return _pinned(name, text, leaf)  # which refuses it
        raise ExperimentError(
            f"got {name}={text:.80}; expected {name}=LOW{BETWEEN}HIGH, such as "
            f"{name}={whole}"
        )
    low, high = (_number(name, end, leaf) for end in ends)
    try:
        return narrow(leaf, low, high)
    except SpaceError as error:
        raise ExperimentError(f"{name}: {error}") from error


def _range_of(leaf: Any) -> str:
    """Returns the whole range of a leaf as a user types it; empty if it has none."""
    values = leaf.values if isinstance(leaf, AsSize) else leaf
    if isinstance(values, Range):
        low, high = values.low, values.high  # pyrefly: ignore
        return f"{low:.12g}{BETWEEN}{high:.12g}"
    options = values.options if isinstance(values, Options) and values.drawn else ()
    numbers = [x for x in options if type(x) in (int, float)]
    return f"{min(numbers):.12g}{BETWEEN}{max(numbers):.12g}" if numbers else ""


def _pinned(name: str, text: str, leaf: Any) -> Any:
    """Returns a leaf that has the value of a text."""
    if options := _options(leaf):
        chosen = [option for option in options if str(option) == text]
        if not chosen:
            raise ExperimentError(
                f"got {name}={text:.80}; expected one of {options}{near(text, options)}"
            )
        return pin(leaf, chosen[0])
    if not is_static(leaf):
        return pin(leaf, _number(name, text, leaf))
    value = _literal(text) if type(leaf) is not str else text
    _check_int(name, text, value)
    if leaf is not None and type(value) is not type(leaf):
        raise ExperimentError(
            f"got {name}={text:.80}; expected {type(leaf).__name__}, such as {leaf!r}"
        )
    return value


def _options(leaf: Any) -> tuple[Any, ...]:
    """Returns the plain values or names among which a leaf chooses."""
    if has_objects(leaf) and isinstance(leaf, PlainOptions | np.ndarray):
        return static_values(leaf)
    return ()


def _number(name: str, text: str, leaf: Any) -> float:
    """Returns the number of a text: an int if a leaf has ints alone, else a float."""
    value = _literal(text)
    _check_int(name, text, value)
    whole = is_whole(leaf)
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        raise ExperimentError(
            f"got {name}={text:.80}; expected {'an int' if whole else 'a number'}"
        )
    return value if whole else float(value)


def _check_int(name: str, text: str, value: Any) -> None:
    if type(value) is int and not -LARGEST_INT <= value <= LARGEST_INT:
        raise ExperimentError(
            f"got {name}={text:.40}; expected an int that int32 can hold, or a float "
            "such as 1e30"
        )


def _literal(text: str) -> Any:
    """Returns the value of a Python literal, or the text if it is none."""
    try:
        return ast.literal_eval(text)
    # A set or a dict of lists is a TypeError; the last two are of deep nesting.
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        return text
