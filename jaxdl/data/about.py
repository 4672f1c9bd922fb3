"""What is known of examples beside their numbers, and how they are scaled."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray


class DataError(ValueError):
    """Data that cannot be trained on. The message names the entry and what to do."""


class DataWarning(UserWarning):
    """Data that can be trained on, but from which most models learn little."""


class About(NamedTuple):
    """What is known of examples beside their numbers; each subset keeps it."""

    classes: tuple[str, ...] | None = None  # names; (): targets; None: not known
    features: tuple[str, ...] | None = None  # names of the features of inputs [m, F]
    # Features that are no quantities, or of a dict of inputs the names; True: all.
    ids: tuple[Any, ...] | bool = ()
    in_order: bool = False  # the rows follow time


class Moments(NamedTuple):
    """What normalization subtracts and divides by, one entry for each feature."""

    mean: NDArray[np.float64]  # [...], the shape of an example
    scale: NDArray[np.float64]  # [...], standard deviation; 1 for constant features

    def normalize(self, inputs: ArrayLike) -> NDArray[np.float32]:
        """Returns `(x - mean) / scale` for raw inputs `[m, ...]`."""
        return ((np.asarray(inputs) - self.mean) / self.scale).astype(np.float32)

    def then(self, other: "Moments") -> "Moments":
        """Returns the moments that normalize at once by these, and then by others."""
        return Moments(self.mean + self.scale * other.mean, self.scale * other.scale)


class Scaling(NamedTuple):
    """What a program subtracts and divides by, because the arrays are stored raw."""

    # Moments, of a dict of inputs by name. None, or no such name: used as they are.
    inputs: Any = None
    labels: Moments | None = None  # None: the labels are used as they are


def by_name(moments: Moments | dict[str, Moments] | None) -> dict[str, Moments]:
    """Returns moments by the name of an array; of one array its name is ""."""
    if moments is None:
        return {}
    return {"": moments} if isinstance(moments, Moments) else moments


def listed(names: Sequence[str], most: int = 5) -> str:
    """Returns the first names for a message."""
    return ", ".join(names[:most]) + ", ..." * (len(names) > most)
