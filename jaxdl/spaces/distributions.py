"""What a space says of a hyperparameter: its distribution, given by the quantiles.

A distribution is a frozen dataclass, which JAX sees as a leaf, with one method,
`quantile(u)`: the value below which a fraction u of the draws lie. Random, grid and
quasi-random searches differ only in the u they ask for. The names are typed `Any`, so
that a field annotated `float` accepts a distribution.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


class SpaceError(ValueError):
    """A space of hyperparameters, or a draw from it, makes no sense."""


class TypedAny:
    """Makes type checkers take a call of the class for Any; nothing at run time."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        return super().__new__(cls)


@dataclasses.dataclass(frozen=True)
class Uniform(TypedAny):
    """A float, uniform on [low, high].

    Raises:
        SpaceError: bounds that are not finite numbers with low < high.
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
class LogUniform(TypedAny):
    """A float `10^r`, r uniform: each decade of [low, high] gets as many draws.

    Raises:
        SpaceError: bounds that are not finite with 0 < low < high.
    """

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
class OneMinusLogUniform(TypedAny):
    """A float `1 - 10^r`, r uniform: the scale of averages, whose memory is 1/(1 - β).

    On [0.9, 0.999] half of the draws lie above 0.99.

    Raises:
        SpaceError: bounds that are not finite with low < high < 1.
    """

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
class IntUniform(TypedAny):
    """An int, each of low, low + 1, ..., high alike; a traced number.

    Raises:
        SpaceError: bounds that are not ints of 32 bits with low < high.
    """

    low: int
    high: int

    def __post_init__(self):
        for name, value in (("low", self.low), ("high", self.high)):
            if not isinstance(value, int | np.integer) or abs(value) >= 2**31:
                raise SpaceError(
                    f"got {self} with {name}={value!r}; expected an int of 32 bits"
                )
        _check_range(self)

    def quantile(self, u: NDArray[np.float64]) -> NDArray[np.int64]:
        """Returns `low + floor(u (high - low + 1))` for u in (0, 1)."""
        return self.low + np.floor(u * (self.high - self.low + 1)).astype(np.int64)


@dataclasses.dataclass(frozen=True)
class Choice(TypedAny):
    """One of several numbers, each alike; a traced number.

    Raises:
        SpaceError: no options, or one that is not a number.
    """

    options: Sequence[float]

    def __post_init__(self):
        _check_options(self)
        for option in self.options:
            if isinstance(option, bool) or not isinstance(option, int | float):
                raise SpaceError(
                    f"got {self} with the option {option!r}; expected numbers: a "
                    "choice of anything else is Static([...])"
                )

    def quantile(self, u: NDArray[np.float64]) -> NDArray[Any]:
        """Returns `options[floor(u n)]` for u in (0, 1)."""
        return np.asarray(self.options)[_index(u, len(self.options))]


@dataclasses.dataclass(frozen=True)
class Static(TypedAny):
    """One of several plain values, each alike, that reach the recipe as they are.

    Members that agree on all static values share one compiled program, so a recipe may
    branch on them in Python. A float among them is plain in a sweep but traced by
    `fit`, as all floats are: name such choices by a str or an int.

    Raises:
        SpaceError: no options, or one that is not a plain value.
    """

    options: Sequence[str | int | float | bool | None]

    def __post_init__(self):
        _check_options(self)
        for option in self.options:
            if option is not None and not isinstance(option, str | int | float | bool):
                raise SpaceError(
                    f"got {self} with the option {option!r}; expected str, int, float, "
                    "bool or None: choose by name, and map the name to a function "
                    "inside the recipe"
                )

    def quantile(self, u: NDArray[np.float64]) -> NDArray[Any]:
        """Returns `options[floor(u n)]` for u in (0, 1), as Python objects."""
        options = np.empty(len(self.options), object)
        options[:] = self.options
        return options[_index(u, len(self.options))]


@dataclasses.dataclass(frozen=True)
class AsSize(TypedAny):
    """A number of units, channels or layers, which reaches the recipe as `nn.Size`.

    Members whose sizes lie below the same bound share a program. The bounds follow from
    what is given here, never from the draw: as few as leave at most a quarter more
    units computed than live ones, and at most 8.

    Args:
        values: `IntUniform`, a `Choice` of ints, or ints `[members]` used as given.

    Raises:
        SpaceError: anything else, no value at all, or a size below 0.
    """

    values: Any

    def __post_init__(self):
        if not isinstance(self.values, IntUniform | Choice):
            object.__setattr__(self, "values", np.asarray(self.values))
        sizes = self._quantiles()
        whole = sizes.dtype.kind in "iu" or isinstance(self.values, IntUniform)
        if not whole or sizes.size == 0 or sizes.min() < 0:
            raise SpaceError(
                f"got {self}; expected IntUniform, a Choice of ints, or ints, one a "
                "member, all at least 0"
            )

    def quantile(self, u: NDArray[np.float64]) -> NDArray[np.int64]:
        """Returns those of the distribution."""
        return self.values.quantile(u)

    def bounds(self) -> tuple[int, ...]:
        """Returns the bounds in rising order; a size belongs to the least not below."""
        sizes = self._quantiles()
        for count in range(1, MOST_BOUNDS + 1):
            parts = np.array_split(sizes, count)
            bounds = [int(part[-1]) for part in parts if len(part)]
            computed = sum(len(part) * int(part[-1]) for part in parts if len(part))
            if computed <= MOST_PADDING * sizes.sum():
                break
        return tuple(sorted(set(bounds)))

    def _quantiles(self) -> NDArray[Any]:
        """Returns sizes that stand for all, each as often as it is to be expected."""
        if isinstance(self.values, IntUniform):
            low, high = self.values.low, self.values.high
            return np.unique(np.linspace(low, high, min(high - low + 1, 4096)).round())
        given = self.values
        sizes = given.options if isinstance(given, Choice) else np.ravel(given)
        return np.sort(np.asarray(sizes))


SCALES = (Uniform, LogUniform, OneMinusLogUniform)  # of floats
DISTRIBUTIONS = (*SCALES, IntUniform, Choice, Static)
MOST_BOUNDS = 8
MOST_PADDING = 1.25  # times the live units


def is_distribution(leaf: Any) -> bool:
    """Returns whether a leaf of a space is drawn from."""
    inner = leaf.values if isinstance(leaf, AsSize) else leaf
    return isinstance(inner, DISTRIBUTIONS)


def _index(u: NDArray[np.float64], options: int) -> NDArray[np.int64]:
    return np.floor(u * options).astype(np.int64)


def _check_range(
    dist: Any, *, above: float = -math.inf, below: float = math.inf
) -> None:
    low, high = dist.low, dist.high
    numbers = all(isinstance(x, int | float | np.number) for x in (low, high))
    if not (numbers and math.isfinite(low) and math.isfinite(high) and low < high):
        raise SpaceError(f"got {dist}; expected finite bounds with low < high")
    if low <= above or high >= below:
        limit = f"above {above:g}" if low <= above else f"below {below:g}"
        raise SpaceError(f"got {dist}; expected both bounds {limit}, for its log scale")


def _check_options(dist: Any) -> None:
    if isinstance(dist.options, str) or not isinstance(dist.options, Sequence):
        raise SpaceError(f"got {dist}; expected a list of options")
    if len(dist.options) == 0:
        raise SpaceError(f"got {dist}; expected at least one option")
