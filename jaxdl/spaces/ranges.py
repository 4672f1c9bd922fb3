"""Distributions on a range of numbers, each uniform on a scale of its own."""

import dataclasses
import math
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxdl.counts import as_count, is_count
from jaxdl.plain import scalar
from jaxdl.spaces.contract import Distribution, SpaceError, namespace
from jaxdl.spaces.distributions import Choice

LARGEST_INT = 2**31 - 1  # of 32 bits
LARGEST = sys.float_info.max


class Range(Distribution):
    """A distribution with the fields `low` and `high`, between which it lies."""

    def narrowed(self, values: NDArray[Any]) -> Any:
        """Returns the range around values, `[n]`; a `Choice` if only one is left."""
        low, high = self._around(values.astype(float))
        if low == high:
            return Choice([low])
        return dataclasses.replace(self, low=low, high=high)  # pyrefly: ignore

    def _around(self, values: NDArray[np.float64]) -> tuple[Any, Any]:
        """Returns the ends of values, widened by their mean distance, within the range.

        The highest of n draws from a range lies that far below its end on average.
        """
        u = np.clip(self.fraction(values), 0, 1)  # float32 may lie beyond an end
        margin = np.ptp(u) / (len(u) - 1)
        ends = np.clip([u.min() - margin, u.max() + margin], 0, 1)
        low, high = self.quantile(ends).tolist()
        return low, high


@dataclasses.dataclass(frozen=True)
class Uniform(Range):
    """A float, uniform on [low, high].

    Raises:
        SpaceError: the bounds are not finite numbers with low < high.
    """

    low: float
    high: float

    def __post_init__(self):
        _check_range(self)

    def quantile(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns `low + u (high - low)` for u in [0, 1]."""
        return self.low + u * (self.high - self.low)

    def fraction(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns the u whose quantile is x."""
        return (x - self.low) / (self.high - self.low)


@dataclasses.dataclass(frozen=True)
class LogUniform(Range):
    """A float `10^r`, r uniform: each decade of [low, high] gets as many draws.

    Raises:
        SpaceError: the bounds are not finite with 0 < low < high.
    """

    scale = "log"
    low: float
    high: float

    def __post_init__(self):
        _check_range(self, above=0)

    def quantile(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns `low (high / low)^u` for u in [0, 1]."""
        return self.low * (self.high / self.low) ** u

    def fraction(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns the u whose quantile is x."""
        return np.log(x / self.low) / np.log(self.high / self.low)


@dataclasses.dataclass(frozen=True)
class OneMinusLogUniform(Range):
    """A float `1 - 10^r`, r uniform: the scale of averages, whose memory is 1/(1 - β).

    On [0.9, 0.999] half of the draws lie above 0.99.

    Raises:
        SpaceError: the bounds are not finite with low < high < 1.
    """

    scale = "reversed log"
    low: float
    high: float

    def __post_init__(self):
        _check_range(self, below=1)

    def quantile(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns `1 - (1 - low) ((1 - high) / (1 - low))^u` for u in [0, 1]."""
        return 1 - (1 - self.low) * ((1 - self.high) / (1 - self.low)) ** u

    def fraction(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns the u whose quantile is x."""
        return np.log((1 - x) / (1 - self.low)) / np.log(
            (1 - self.high) / (1 - self.low)
        )


@dataclasses.dataclass(frozen=True)
class IntUniform(Range):
    """An int: low, low + 1, ..., high, all equally likely; a traced number.

    Raises:
        SpaceError: the bounds are not ints of 32 bits with low < high.
    """

    whole = True
    low: int
    high: int

    def __post_init__(self):
        _check_ints(self)
        _check_range(self)

    def quantile(self, u: NDArray[np.float64]) -> NDArray[np.int64]:
        """Returns `low + floor(u (high - low + 1))` for u in [0, 1); high at 1."""
        xp = namespace(u)
        steps = xp.floor(u * (self.high - self.low + 1)).astype(np.int64)
        return xp.minimum(self.low + steps, self.high)

    def fraction(self, x: NDArray[Any]) -> NDArray[np.float64]:
        """Returns the middle of the fractions whose quantile is x."""
        return (x - self.low + 0.5) / (self.high - self.low + 1)

    def points(self, n: int) -> list[int]:
        """Returns at most n ints, evenly spaced, with both ends."""
        points = np.linspace(self.low, self.high, n)
        return np.unique(np.round(points).astype(int)).tolist()

    def nudged(
        self,
        values: NDArray[Any],
        step: NDArray[np.float64],
        draws: np.random.Generator,
    ) -> NDArray[Any]:
        """Returns values that are `step` of the range away, and at least 1."""
        reach = np.maximum(1, np.round(np.abs(step) * (self.high - self.low)))
        moved = values + np.copysign(reach, step).astype(np.int64)
        return np.clip(moved, self.low, self.high)

    def typical(self, n: int) -> NDArray[np.int64]:
        """Returns at most n ints, evenly spaced, with both ends."""
        return np.array(self.points(min(self.high - self.low + 1, n)))

    def _around(self, values: NDArray[np.float64]) -> tuple[int, int]:
        margin = np.ptp(values) / (len(values) - 1)
        low = max(self.low, int(np.floor(values.min() - margin)))
        return low, min(self.high, int(np.ceil(values.max() + margin)))


@dataclasses.dataclass(frozen=True)
class IntLogUniform(Range):
    """An int on a log scale: each doubling of [low, high] gets about as many draws.

    The probability of k is proportional to `log((k + 1) / k)`. A traced number.

    Raises:
        SpaceError: the bounds are not ints of 32 bits with 1 <= low < high.
    """

    scale = "log"
    whole = True
    low: int
    high: int

    def __post_init__(self):
        _check_ints(self)
        _check_range(self, above=0)

    def quantile(self, u: NDArray[np.float64]) -> NDArray[np.int64]:
        """Returns `floor(low ((high + 1) / low)^u)` for u in [0, 1); high at 1."""
        xp = namespace(u)
        x = xp.floor(self.low * ((self.high + 1) / self.low) ** u)
        return xp.minimum(x.astype(np.int64), self.high)

    def fraction(self, x: NDArray[Any]) -> NDArray[np.float64]:
        """Returns a u whose quantile is x: that of x + 1/2."""
        return np.log((x + 0.5) / self.low) / np.log((self.high + 1) / self.low)

    def points(self, n: int) -> list[int]:
        """Returns at most n ints, evenly spaced on the log scale, with both ends."""
        points = np.geomspace(self.low, self.high, n)
        return np.unique(np.round(points).astype(int)).tolist()

    def nudged(
        self,
        values: NDArray[Any],
        step: NDArray[np.float64],
        draws: np.random.Generator,
    ) -> NDArray[Any]:
        """Returns values that are `step` of the log scale away, and at least 1."""
        moved = super().nudged(values, step, draws)
        next_ones = values + np.sign(step).astype(np.int64)
        moved = np.where(moved == values, next_ones, moved)
        return np.clip(moved, self.low, self.high)

    def _around(self, values: NDArray[np.float64]) -> tuple[int, int]:
        ratio = (values.max() / values.min()) ** (1 / (len(values) - 1))
        low = max(self.low, int(np.floor(values.min() / ratio)))
        return low, min(self.high, int(np.ceil(values.max() * ratio)))


def _check_ints(dist: Any) -> None:
    """Checks that the bounds are ints of 32 bits, and makes them plain ones."""
    for name in ("low", "high"):
        value = getattr(dist, name)
        if not is_count(value, least=-LARGEST_INT) or value > LARGEST_INT:
            raise SpaceError(
                f"got {dist} with {name}={value!r}; expected an int of 32 bits"
            )
        object.__setattr__(dist, name, as_count(name, value, least=-LARGEST_INT))


def _check_range(
    dist: Any, *, above: float = -math.inf, below: float = math.inf
) -> None:
    """Checks that the bounds are numbers of the range, and makes them plain ones."""
    low, high = dist.low, dist.high
    numbers = all(isinstance(x, int | float | np.number) for x in (low, high))
    if not (numbers and -LARGEST <= low < high <= LARGEST):
        raise SpaceError(f"got {dist!s:.99}; expected finite bounds with low < high")
    if low <= above or high >= below:
        limit = f"above {above:g}" if low <= above else f"below {below:g}"
        raise SpaceError(f"got {dist}; expected both bounds {limit}, for its log scale")
    for name, value in (("low", low), ("high", high)):
        object.__setattr__(dist, name, scalar(value))
    with np.errstate(all="ignore"):
        ends = dist.quantile(np.array([0.0, 1.0]))
    if not np.isfinite(ends).all():
        raise SpaceError(f"got {dist}; expected bounds that are closer together")
