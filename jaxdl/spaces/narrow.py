"""A leaf of a space with one of its values, or with a part of its range.

The leaf keeps its kind: a traced number stays traced, a size keeps its bounds, and what
is drawn stays a distribution, so that no search draws other leaves differently.
"""

import dataclasses
from typing import Any

import jax
import numpy as np

from jaxdl.spaces.contract import Distribution, SpaceError
from jaxdl.spaces.distributions import Choice, Options, PlainOptions
from jaxdl.spaces.ranges import Range
from jaxdl.spaces.sample import is_static
from jaxdl.spaces.sizes import AsSize

BETWEEN = ".."  # the two ends of a range, as people write it


def is_whole(leaf: Any) -> bool:
    """Returns whether all values of a leaf are ints."""
    if isinstance(leaf, Distribution):
        return leaf.whole
    return np.asarray(leaf).dtype.kind in "iu"


def pin(leaf: Any, value: Any) -> Any:
    """Returns a leaf that has one value.

    A size has the bound that the value has among all sizes of the leaf; a size above
    them all is its own bound.

    Args:
        leaf: a distribution, a constant or an array `[members]`.
        value: of the kind of the leaf's values; numbers may lie outside its range.
    """
    if isinstance(leaf, AsSize):
        values = Choice([value]) if leaf.drawn else np.asarray(value)
        return AsSize(values, (_bound(leaf, value),))
    if isinstance(leaf, PlainOptions):
        return type(leaf)([value])
    if isinstance(leaf, Distribution):
        return Choice([value])
    if isinstance(leaf, np.ndarray | np.generic | jax.Array) and not is_static(leaf):
        return np.asarray(value, leaf.dtype)
    return value


def narrow(leaf: Any, low: float, high: float) -> Any:
    """Returns a leaf that draws from a part of its range.

    Of options it keeps those between the two numbers. Of the bounds that a size sets it
    keeps those that are still taken.

    Args:
        leaf: a distribution of numbers.
        low: the lowest value, not below that of the leaf.
        high: the highest value, not above that of the leaf.

    Raises:
        SpaceError: the leaf has no such range, or the two ends are no range for it.
    """
    if isinstance(leaf, AsSize) and leaf.drawn:
        bounds = leaf.bounds
        if isinstance(bounds, tuple):
            first, last = _bound(leaf, low), _bound(leaf, high)
            bounds = tuple(b for b in bounds if first <= b <= last)
        values = narrow(leaf.values, low, high)
        if isinstance(values, Choice) and len(values.options) == 1:
            return pin(leaf, values.options[0])
        return AsSize(values, bounds)
    if isinstance(leaf, Range):
        return _part(leaf, low, high)
    if isinstance(leaf, Options) and leaf.drawn:
        kept = [o for o in leaf.options if _is_number(o) and low <= o <= high]
        if kept:
            return type(leaf)(kept)
    raise SpaceError(f"got {low}{BETWEEN}{high}; expected {_instead(leaf)}")


def is_part(leaf: Any, whole: Any) -> bool:
    """Returns whether `pin` or `narrow` makes a leaf of another one.

    Args:
        leaf: the part.
        whole: what it is made of.
    """
    values = leaf.values if isinstance(leaf, AsSize) else leaf
    try:
        if isinstance(values, Range):
            low, high = values.low, values.high  # pyrefly: ignore
            return _same(narrow(whole, low, high), leaf)
        if not isinstance(values, Options):
            same_kind = is_static(whole) == is_static(leaf)
            return same_kind and _same(pin(whole, _plain(values)), leaf)
        if len(values.options) == 1:
            return _same(pin(whole, values.options[0]), leaf)
        return _same(narrow(whole, min(values.options), max(values.options)), leaf)
    except (SpaceError, TypeError, ValueError):
        return False


def _part(leaf: Any, low: float, high: float) -> Any:
    """Returns a range, or its one value."""
    if not leaf.low <= low <= high <= leaf.high:
        raise SpaceError(
            f"got {low}{BETWEEN}{high}; expected a part of {leaf}, its low end first"
        )
    if low == high:
        return Choice([low])
    return dataclasses.replace(leaf, low=low, high=high)


def _instead(leaf: Any) -> str:
    if isinstance(leaf, Options) and leaf.drawn:
        return f"a range with at least one of {leaf!r:.200}"
    return f"one value in the place of {leaf!r:.200}, which has no range"


def _bound(size: Any, value: float) -> Any:
    """Returns the first of the bounds of a size that has room for a value."""
    return min((b for b in size.all_bounds() if b >= value), default=value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _plain(leaf: Any) -> Any:
    """Returns a number of NumPy as a plain one."""
    is_number = isinstance(leaf, np.ndarray | np.generic) and not leaf.ndim
    return leaf.tolist() if is_number else leaf


def _same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    return bool(one == other)
