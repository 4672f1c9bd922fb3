"""Sizes: any ints that a space draws, and the bounds of their programs."""

import dataclasses
from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxdl.counts import as_count, is_count
from jaxdl.spaces.contract import Distribution, SpaceError

MOST_BOUNDS = 8
MOST_PADDING = 1.25  # computed units for each live one
MOST_SIZES = 4096  # that stand for all of a range


@dataclasses.dataclass(frozen=True)
class AsSize(Distribution):
    """A number of units, channels or layers, which reaches the recipe as `nn.Size`.

    Members whose sizes lie below the same bound share a program. The bounds follow from
    the space and the shapes, never from the draw: the plan has as many as are worth the
    time to compile their programs.

    Args:
        values: a distribution of ints, such as `IntUniform`, `IntLogUniform` or a
            `Choice` of ints; or ints `[members]`, which are used as given.
        bounds: how many, of which each holds about as many draws; or the bounds
            themselves in rising order. None: the plan decides.

    Raises:
        SpaceError: the values are anything else, there is none, or one is below 0; or
            the bounds are no such ints.
    """

    values: Any
    bounds: int | tuple[int, ...] | None = None

    def __post_init__(self):
        if not isinstance(self.values, Distribution):
            object.__setattr__(self, "values", np.asanyarray(self.values))
        if not self.whole or self._sizes().size == 0 or self._sizes().min() < 0:
            raise SpaceError(
                f"got {self}; expected IntUniform, a Choice of ints or another "
                "distribution of ints, or one int for each member, all at least 0"
            )
        object.__setattr__(self, "bounds", _as_bounds(self))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AsSize) or type(self.values) is not type(other.values):
            return False
        if self.bounds != other.bounds:
            return False
        if isinstance(self.values, Distribution):
            return self.values == other.values
        return np.array_equal(self.values, other.values)

    def __hash__(self) -> int:
        return hash(self.values)

    def __repr__(self) -> str:
        bounds = "" if self.bounds is None else f", bounds={self.bounds}"
        return f"AsSize(values={self.values!r}{bounds})"

    scale = property(attrgetter("values.scale"))  # pyrefly: ignore
    low = property(attrgetter("values.low"))
    high = property(attrgetter("values.high"))
    options = property(attrgetter("values.options"))

    @property
    def drawn(self) -> bool:  # pyrefly: ignore
        """Returns whether the sizes are drawn; ints `[members]` are not."""
        return isinstance(self.values, Distribution)

    @property
    def whole(self) -> bool:  # pyrefly: ignore
        """Returns whether all sizes are ints, as they have to be."""
        if isinstance(self.values, Distribution):
            return self.values.whole
        return self.values.dtype.kind in "iu"

    def quantile(self, u: NDArray[np.float64]) -> NDArray[np.int64]:
        """Returns the sizes below which fractions u of the draws lie."""
        return self.values.quantile(u)

    def fraction(self, x: NDArray[Any]) -> NDArray[np.float64]:
        """Returns fractions whose quantiles are the sizes x."""
        return self.values.fraction(x)

    def points(self, n: int) -> list[int]:
        """Returns the points of the distribution of the sizes."""
        return self.values.points(n)

    def narrowed(self, values: NDArray[Any]) -> Any:
        """Returns the sizes of the narrowed distribution."""
        return AsSize(self.values.narrowed(values), self.bounds)

    def nudged(
        self,
        values: NDArray[Any],
        step: NDArray[np.float64],
        draws: np.random.Generator,
    ) -> NDArray[Any]:
        """Returns the values themselves: weights that are copied keep their shape."""
        return values

    def typical(self, n: int) -> NDArray[Any]:
        """Returns the typical values of the distribution of the sizes."""
        return self.values.typical(n)

    def given(self, values: Sequence[Any]) -> Any:
        """Returns the given sizes, one for each member."""
        return AsSize(np.asarray(values), self.bounds)

    def all_bounds(self) -> tuple[int, ...]:
        """Returns the bounds in rising order; a size takes the first not below it.

        Where they are for the plan to decide, these are the ones that it merges: at
        most 8, and as few as leave at most a quarter more units computed than live.
        """
        if isinstance(self.bounds, tuple):
            return self.bounds
        sizes, bounds = self._sizes(), []
        counts = [self.bounds] if self.bounds else range(1, MOST_BOUNDS + 1)
        for count in counts:
            parts = [part for part in np.array_split(sizes, count) if len(part)]
            bounds = [int(part[-1]) for part in parts]
            computed = sum(len(part) * int(part[-1]) for part in parts)
            if computed <= MOST_PADDING * sizes.sum():
                break
        return tuple(sorted(set(bounds)))

    def shares(self) -> tuple[float, ...]:
        """Returns the probability that a size takes each bound."""
        sizes = self._sizes()
        taken = np.searchsorted(self.all_bounds(), sizes)
        counts = np.bincount(taken, minlength=len(self.all_bounds()))
        return tuple((counts / len(sizes)).tolist())

    @property
    def largest(self) -> int:
        """The largest size."""
        return int(self._sizes()[-1])

    def _sizes(self) -> NDArray[Any]:
        """Returns rising sizes that stand for all, in proportion to probability."""
        if isinstance(self.values, Distribution):
            return self.values.typical(MOST_SIZES)
        return np.sort(np.ravel(self.values))


def _as_bounds(size: AsSize) -> Any:
    """Returns the bounds that are asked for, with plain ints."""
    bounds = size.bounds
    if bounds is None:
        return None
    if is_count(bounds):
        return as_count("bounds", bounds)
    known = isinstance(bounds, Sequence) and all(is_count(b, least=0) for b in bounds)
    plain = tuple(map(int, bounds)) if known else ()
    if list(plain) != sorted({*plain}) or not plain or plain[-1] < size.largest:
        raise SpaceError(
            f"got {size} with bounds={bounds!r}; expected how many, or ints in rising "
            f"order of which the last is at least the largest size, {size.largest}"
        )
    return plain
