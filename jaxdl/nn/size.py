"""A size that is a hyperparameter: how much of an array counts.

A program has fixed shapes. A layer with a `Size` allocates arrays of the bound, and
keeps all entries beyond the live size at exactly zero. It computes what a layer of the
live size computes.
"""

import dataclasses
import operator
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import jax
import jax.numpy as jnp

from jaxdl.counts import is_count

Shape = tuple[Any, ...]  # of an example; entries int or Size


@dataclasses.dataclass(frozen=True)
class Size:
    """The first `live` of `bound` units, channels or layers.

    The operators + - * and // with an int apply to both numbers. A recipe gets a `Size`
    for each `AsSize` of the space; its `live` is traced.

        >>> nn.Size(5, 8) * 2
        Size(live=10, bound=16)
        >>> params, _, _ = nn.dense(nn.Size(2, 4)).init(jax.random.key(0), (3,))
        >>> (params["kernel"] != 0).any(axis=0).tolist()
        [True, True, False, False]

    Raises:
        TypeError: the bound, or the other number of an operation, is not an int; or a
            `Size` is used as a plain number.
        ValueError: `live` is not traced, and below 0 or above the bound.
    """

    live: Any  # [] int32, 0..bound
    bound: int

    def __post_init__(self):
        if not is_whole(self.bound):
            raise TypeError(f"got Size with bound={self.bound!r}; expected an int")
        object.__setattr__(self, "bound", operator.index(self.bound))
        if not is_whole(self.live):
            return  # traced
        object.__setattr__(self, "live", operator.index(self.live))
        if not 0 <= self.live <= self.bound:
            raise ValueError(
                f"got Size(live={self.live}, bound={self.bound}); expected a live size "
                "from 0 to the bound"
            )

    def __add__(self, n: int) -> "Size":
        return self._map(lambda x, n: x + n, n)

    def __sub__(self, n: int) -> "Size":
        return self._map(lambda x, n: x - n, n)

    def __mul__(self, n: int) -> "Size":
        return self._map(lambda x, n: x * n, n)

    def __floordiv__(self, n: int) -> "Size":
        return self._map(lambda x, n: x // n, n)

    __radd__, __rmul__ = __add__, __mul__

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Size):
            self._refuse()  # False would choose one branch for all models
        return (self.live, self.bound) == (other.live, other.bound)

    def _refuse(self, *_: Any) -> NoReturn:
        raise TypeError(
            "got a Size where a plain number is wanted: each model has its own size. "
            "Give it to layers, compute with + - * // and ints or with its traced "
            "count .live, or make the hyperparameter Static([...]) in the space"
        )

    __index__ = __float__ = __bool__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __truediv__ = __rtruediv__ = __pow__ = __rpow__ = __rsub__ = _refuse

    def _map(self, function: Callable[[Any, int], Any], n: Any) -> "Size":
        if not is_whole(n):
            raise TypeError(f"got a Size with {n!r}; expected an int beside it")
        n = operator.index(n)
        return Size(function(self.live, n), function(self.bound, n))


class AllLive(int):
    """A size that is all live, as a plain int; it has the counts of a `Size`."""

    live = bound = property(int)

    def __add__(self, n: int) -> "AllLive":
        return AllLive(int(self) + n)

    def __sub__(self, n: int) -> "AllLive":
        return AllLive(int(self) - n)

    def __mul__(self, n: int) -> "AllLive":
        return AllLive(int(self) * n)

    def __floordiv__(self, n: int) -> "AllLive":
        return AllLive(int(self) // n)

    __radd__, __rmul__ = __add__, __mul__


def bound(size: Any) -> int:
    """Returns the length of an axis of this size in the program."""
    return size.bound if isinstance(size, Size) else size


def live(size: Any) -> Any:
    """Returns how many entries count: an int, plain or traced."""
    return size.live if isinstance(size, Size) else size


def live_state(size: Any) -> dict[str, jax.Array]:
    """Returns a layer's state for the live size of its input; empty for an int."""
    return {"live": jnp.asarray(size.live, jnp.int32)} if is_size(size) else {}


def is_size(size: Any) -> bool:
    return isinstance(size, Size)


def is_whole(value: Any) -> bool:
    """Returns whether a value is an integer of Python or NumPy; a bool is not."""
    return is_count(value, least=-sys.maxsize)


def only_live(x: jax.Array, size: Any, axis: int = -1) -> jax.Array:
    """Returns x with zeros where an axis is beyond a live size.

    Args:
        x: an array whose axis is as long as the size's bound.
        size: a `Size`, its live count alone, or a plain int, which masks nothing.
        axis: the axis.
    """
    if isinstance(size, int):  # not NumPy's: that is a live count out of a state
        return x
    shape = [1] * x.ndim
    shape[axis] = x.shape[axis]
    counts = (jnp.arange(x.shape[axis]) < live(size)).reshape(shape)
    return jnp.where(counts, x, 0)
