"""What an estimator asks to be trained, as one value."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxdl.data import Moments
from jaxdl.data.normalize import moments_of
from jaxdl.interop.sklearn.networks import Shape
from jaxdl.train.identity import arrays_digest


class Hparams(NamedTuple):
    """What may differ between the networks of one sweep."""

    shape: Shape
    learning_rate: float
    weight_decay: float
    dropout: float


class Training(NamedTuple):
    """What the networks of one sweep have in common."""

    epochs: int
    patience: int | None  # epochs; None: no early stopping
    validation_fraction: float  # of the examples, for early stopping
    ensemble: int  # networks of each estimator
    classes: bool  # whether labels are classes; else targets
    seed: int | None = None  # an int `random_state`: each has a sweep of its own


class Examples(NamedTuple):
    """Examples of an estimator, standardized. `m` examples, `F` features."""

    inputs: NDArray[np.float32]  # [m, F]
    labels: NDArray[Any]  # [m] int32 of classes; or [m, T] float32
    weights: NDArray[np.float32] | None  # [m], of mean 1
    digest: str  # of the arrays


class Request(NamedTuple):
    """A training that an estimator asks for."""

    hparams: Hparams
    training: Training
    examples: Examples
    seed: int  # of initial weights, order and validation set

    @property
    def key(self) -> tuple[Any, ...]:
        """All but the seed, which differs each time unless `random_state` is an int."""
        return self.hparams, self.training, self.examples.digest


def as_examples(
    inputs: NDArray[Any], labels: NDArray[Any], weights: NDArray[Any] | None
) -> Examples:
    """Returns arrays in the types of the programs.

    Args:
        inputs: `[m, F]`, standardized.
        labels: `[m]` classes from 0; or `[m, T]` standardized targets.
        weights: `[m]`, not all 0; None: 1 each.
    """
    x = np.ascontiguousarray(inputs, np.float32)
    y = np.ascontiguousarray(labels, np.int32 if labels.ndim == 1 else np.float32)
    w = None if weights is None else (weights / weights.mean()).astype(np.float32)
    return Examples(x, y, w, arrays_digest((x, y, w)))


def standardized(values: NDArray[Any]) -> tuple[NDArray[np.float32], Moments]:
    """Returns values `[m, F]` of mean 0 and standard deviation 1, and their moments."""
    moments = moments_of(values)
    return moments.normalize(values), moments
