"""Distributions of options."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxdl.plain import scalar
from jaxdl.spaces.contract import Distribution, SpaceError, namespace


def is_distribution(leaf: Any) -> bool:
    """Returns whether a leaf of a space is drawn from."""
    return isinstance(leaf, Distribution) and leaf.drawn


class Options(Distribution):
    """A distribution with the field `options`, all of which are equally likely."""

    scale = "category"
    options: Any

    def quantile(self, u: NDArray[np.float64]) -> NDArray[Any]:
        """Returns `options[floor(u n)]` for u in [0, 1); the last one at 1."""
        return namespace(u).asarray(self._array())[self.place(u)]

    def place(self, u: Any) -> Any:
        """Returns `floor(u n)`, the places of options, for u in [0, 1); n - 1 at 1."""
        xp, n = namespace(u), len(self.options)
        return xp.minimum(xp.floor(u * n).astype(np.int64), n - 1)

    def fraction(self, x: NDArray[Any]) -> NDArray[np.float64]:
        """Returns the middle of the fractions whose quantile is x."""
        return (np.argmax(self._equal(x), axis=-1) + 0.5) / len(self.options)

    def points(self, n: int) -> list[Any]:
        """Returns all options, for any n."""
        return list(self.options)

    def narrowed(self, values: NDArray[Any]) -> Any:
        """Returns the distribution of the options that occur among the values."""
        return type(self)(self._array()[self._equal(values).any(axis=0)].tolist())

    def nudged(
        self,
        values: NDArray[Any],
        step: NDArray[np.float64],
        draws: np.random.Generator,
    ) -> NDArray[Any]:
        """Returns values of which a part `|step|` is replaced by random options."""
        redrawn = draws.random(len(values)) < np.abs(step)
        places = draws.integers(len(self.options), size=len(values))
        return np.where(redrawn, self._array()[places], values)

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
