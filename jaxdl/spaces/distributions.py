"""Distributions of options, and `AsSize`, which makes sizes of any ints."""

import dataclasses
from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxdl.plain import scalar
from jaxdl.spaces.contract import Distribution, SpaceError

MOST_BOUNDS = 8
MOST_PADDING = 1.25  # computed units for each live one
MOST_SIZES = 4096  # that stand for all of a range


def is_distribution(leaf: Any) -> bool:
    """Returns whether a leaf of a space is drawn from."""
    return isinstance(leaf, Distribution) and leaf.draws


class Options(Distribution):
    """A distribution with the field `options`, all of which are equally likely."""

    scale = "category"
    options: Any

    def quantile(self, u: NDArray[np.float64]) -> NDArray[Any]:
        """Returns `options[floor(u n)]` for u in [0, 1); the last one at 1."""
        n = len(self.options)
        return self._array()[np.minimum(np.floor(u * n).astype(np.int64), n - 1)]

    def fraction(self, x: NDArray[Any]) -> NDArray[np.float64]:
        """Returns the middle of the fractions whose quantile is x."""
        return (np.argmax(self._equal(x), axis=-1) + 0.5) / len(self.options)

    def points(self, n: int) -> list[Any]:
        """Returns all options, for any n."""
        return list(self.options)

    def narrowed(self, values: NDArray[Any]) -> Any:
        """Returns the distribution of the options that occur among the values."""
        return type(self)(self._array()[self._equal(values).any(axis=0)].tolist())

    def typical(self, n: int) -> NDArray[Any]:
        """Returns the options in rising order."""
        return np.sort(self._array())

    def arguments(self) -> list[Any]:
        """Returns the options."""
        return list(self.options)

    @classmethod
    def from_arguments(cls, arguments: Sequence[Any]) -> Any:
        """Returns the distribution that has these options."""
        return cls(arguments)

    def _array(self) -> NDArray[Any]:
        """Returns the options, `[options]`, in the type of the draws."""
        raise NotImplementedError

    def _equal(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        """Returns which option each value is, `[..., options]`."""
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class Choice(Options):
    """One of several numbers, all equally likely; a traced number.

    Raises:
        SpaceError: there are no options, or one is not a number, or an int of more than
            64 bits.
    """

    options: Sequence[float]  # pyrefly: ignore

    def __post_init__(self):
        check_options(self)
        for option in self.options:
            if isinstance(option, bool) or not isinstance(option, int | float):
                raise SpaceError(
                    f"got {self} with the option {option!r}; expected numbers: a "
                    "choice of anything else is Among([...]), or Static([...]) if it "
                    "changes shapes"
                )
            if isinstance(option, int) and not -(2**63) <= option < 2**63:
                raise SpaceError(
                    f"got a Choice with an option of {option.bit_length()} bits; "
                    "expected ints of at most 64, or a float such as 1e30"
                )

    @property
    def whole(self) -> bool:  # pyrefly: ignore
        """Returns whether all options are ints."""
        return self._array().dtype.kind in "iu"

    def nudged(
        self,
        values: NDArray[Any],
        step: NDArray[np.float64],
        draws: np.random.Generator,
    ) -> NDArray[Any]:
        """Returns values of which a part `|step|` is replaced by random options."""
        redrawn = draws.random(len(values)) < np.abs(step)
        return np.where(redrawn, draws.choice(self.options, len(values)), values)

    def given(self, values: Sequence[Any]) -> NDArray[Any]:
        """Returns the values in the type of the options, whichever of them occur."""
        return np.asarray(values, self._array().dtype)

    def _array(self) -> NDArray[Any]:
        return np.asarray(self.options)  # floats, if one of them is

    def _equal(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        values = np.asarray(values)
        rounded = self._array().astype(values.dtype)  # as the programs have them
        return values[..., None] == rounded[(None,) * values.ndim]


class PlainOptions(Options):
    """Options whose draws are Python objects, such as names."""

    def given(self, values: Sequence[Any]) -> Any:
        """Returns the values as Python objects."""
        return as_objects(values)

    def _array(self) -> NDArray[Any]:
        return as_objects(self.options)

    def _equal(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        values = np.asarray(values, object)
        options = [(type(o), o) for o in self.options]  # 1 == True == 1.0
        found = [[(type(x), x) == o for o in options] for x in values.ravel().tolist()]
        return np.array(found, bool).reshape(*values.shape, len(options))


@dataclasses.dataclass(frozen=True)
class Static(PlainOptions):
    """One of several plain values, all equally likely, that the recipe gets unchanged.

    Members with the same static values share one compiled program, so a recipe may
    branch on them in Python. Each combination of them is a program to compile; `Among`
    chooses inside one program. A float among them is plain in a sweep but traced by
    `fit`, as all floats are: name such choices by a str or an int.

    Raises:
        SpaceError: there are no options, or one is not a plain value.
    """

    static = True
    options: Sequence[str | int | float | bool | None]  # pyrefly: ignore

    def __post_init__(self):
        check_options(self)
        for option in self.options:
            if type(option) not in (str, int, float, bool, type(None)):
                raise SpaceError(
                    f"got {self} with the option {option!r}; expected str, int, float, "
                    "bool or None: choose by name, with Among([...]) and nn.among or "
                    "optim.among, or map the name to a function inside the recipe"
                )

    def nudged(
        self,
        values: NDArray[Any],
        step: NDArray[np.float64],
        draws: np.random.Generator,
    ) -> NDArray[Any]:
        """Returns the values themselves: a member's program cannot change."""
        return values


@dataclasses.dataclass(frozen=True)
class AsSize(Distribution):
    """A number of units, channels or layers, which reaches the recipe as `nn.Size`.

    Members whose sizes lie below the same bound share a program. The bounds follow from
    the values given here, never from the draw: there are at most 8, and as few as leave
    at most a quarter more units computed than live ones.

    Args:
        values: a distribution of ints, such as `IntUniform`, `IntLogUniform` or a
            `Choice` of ints; or ints `[members]`, which are used as given.

    Raises:
        SpaceError: it is anything else, holds no value, or has a size below 0.
    """

    values: Any

    def __post_init__(self):
        if not isinstance(self.values, Distribution):
            object.__setattr__(self, "values", np.asanyarray(self.values))
        if not self.whole or self._sizes().size == 0 or self._sizes().min() < 0:
            raise SpaceError(
                f"got {self}; expected IntUniform, a Choice of ints or another "
                "distribution of ints, or one int for each member, all at least 0"
            )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AsSize) or type(self.values) is not type(other.values):
            return False
        if isinstance(self.values, Distribution):
            return self.values == other.values
        return np.array_equal(self.values, other.values)

    def __hash__(self) -> int:
        return hash(self.values)

    scale = property(attrgetter("values.scale"))  # pyrefly: ignore
    low = property(attrgetter("values.low"))
    high = property(attrgetter("values.high"))
    options = property(attrgetter("values.options"))

    @property
    def draws(self) -> bool:  # pyrefly: ignore
        """Returns whether the sizes are drawn."""
        return isinstance(self.values, Distribution)

    @property
    def whole(self) -> bool:  # pyrefly: ignore
        """Returns whether all sizes are ints, as they have to be."""
        if self.draws:
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
        return AsSize(self.values.narrowed(values))

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
        return AsSize(np.asarray(values))

    def bounds(self) -> tuple[int, ...]:
        """Returns the bounds in rising order; a size takes the first not below it."""
        sizes, bounds = self._sizes(), []
        for count in range(1, MOST_BOUNDS + 1):
            parts = np.array_split(sizes, count)
            bounds = [int(part[-1]) for part in parts if len(part)]
            computed = sum(len(part) * int(part[-1]) for part in parts if len(part))
            if computed <= MOST_PADDING * sizes.sum():
                break
        return tuple(sorted(set(bounds)))

    def _sizes(self) -> NDArray[Any]:
        """Returns rising sizes that stand for all, in proportion to probability."""
        if self.draws:
            return self.values.typical(MOST_SIZES)
        return np.sort(np.ravel(self.values))


def as_objects(values: Sequence[Any] | NDArray[Any]) -> NDArray[Any]:
    """Returns values as an array of Python objects, `[n]`."""
    column = np.empty(len(values), object)
    column[:] = values
    return column


def check_options(dist: Any) -> None:
    """Checks that there are options, and makes them a tuple of plain values."""
    if isinstance(dist.options, str) or not isinstance(dist.options, Sequence):
        raise SpaceError(f"got {dist}; expected a list of options")
    if len(dist.options) == 0:
        raise SpaceError(f"got {dist}; expected at least one option")
    object.__setattr__(dist, "options", tuple(map(scalar, dist.options)))
