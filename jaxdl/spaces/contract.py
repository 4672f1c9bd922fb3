"""What every distribution of hyperparameters does.

A distribution is a frozen dataclass, which JAX sees as a leaf. Random, grid and
quasi-random searches differ only in the fractions at which they read its quantiles.
The classes are typed `Any`, so that a field annotated `float` accepts a distribution.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray


class SpaceError(ValueError):
    """A space of hyperparameters, or a draw from it, makes no sense."""


class TypedAny:
    """Makes type checkers take a call of the class for Any; nothing at run time."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        return super().__new__(cls)


class Distribution(TypedAny):
    """What a hyperparameter is drawn from: the base class of all distributions.

    A subclass is a frozen dataclass with `quantile` and `fraction`; the other methods
    follow from these. It also has `low` and `high`, or, if its scale is "category", a
    tuple of `options`. A range of numbers inherits from `Range`, which can narrow it.
    For `sample_one`, `quantile` computes with operators, or with functions of the
    `namespace` of its argument.

    Attributes:
        scale: on which `fraction` is even, and of an axis: "linear", "log",
            "reversed log" (the log of 1 - x) or "category".
        whole: whether all values are ints.
        static: whether the recipe gets plain values; else they are traced numbers.
        drawn: whether the values are drawn, and not one given for each member.
        first: values that some members have instead, by member, see `spaces/first.py`.
    """

    scale: ClassVar[str] = "linear"
    whole: ClassVar[bool] = False
    static: ClassVar[bool] = False
    drawn: ClassVar[bool] = True
    first: ClassVar[Mapping[int, Any]] = MappingProxyType({})

    def quantile(self, u: NDArray[np.float64]) -> NDArray[Any]:
        """Returns the values below which fractions u of the draws lie; u in [0, 1]."""
        raise NotImplementedError

    def fraction(self, x: NDArray[Any]) -> NDArray[np.float64]:
        """Returns fractions whose quantiles are x."""
        raise NotImplementedError

    def points(self, n: int) -> list[Any]:
        """Returns n values that are evenly spaced on the scale, with both ends."""
        return self.quantile(np.linspace(0, 1, n)).tolist()

    def narrowed(self, values: NDArray[Any]) -> Any:
        """Returns a distribution of the region around values, `[n]` with n >= 2."""
        return self

    def nudged(
        self,
        values: NDArray[Any],
        step: NDArray[np.float64],
        draws: np.random.Generator,
    ) -> NDArray[Any]:
        """Returns values near the given ones, `[n]`.

        Args:
            values: `[n]`.
            step: `[n]`, how far each one moves: a signed part of the scale.
            draws: where further random numbers come from.
        """
        u = self.fraction(values.astype(float)) + step
        return self.quantile(np.clip(u, 0, 1))

    def typical(self, n: int) -> NDArray[Any]:
        """Returns at most n values that stand for all: rising, with both ends.

        A value occurs in proportion to its probability. Only sizes need this.
        """
        return np.sort(self.quantile(np.linspace(0, 1, n)))

    def given(self, values: Sequence[Any]) -> Any:
        """Returns the leaf of a space that holds these values, one for each member."""
        return np.asarray(values)

    def arguments(self) -> list[Any]:
        """Returns the arguments with which the class makes an equal distribution."""
        return [*fields(self).values()]

    @classmethod
    def from_arguments(cls, arguments: Sequence[Any]) -> Any:
        """Returns the distribution that has these `arguments`."""
        return cls(*arguments)


def namespace(u: Any) -> Any:
    """Returns the module whose functions take u: `jax.numpy` in a program."""
    return jnp if isinstance(u, jax.Array) else np


def fields(dist: Any) -> dict[str, Any]:
    """Returns the values of a distribution's fields by name."""
    if not dataclasses.is_dataclass(dist):
        raise SpaceError(
            f"got the distribution {dist!r:.80}; expected a frozen dataclass, so "
            "that a run can remember it"
        )
    return {f.name: getattr(dist, f.name) for f in dataclasses.fields(dist)}
