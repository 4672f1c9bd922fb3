"""Small data for experiments, made of that of scikit-learn and of Fashion-MNIST."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

import jaxdl as dl
from jaxdl.data import Splits


def changed(parts: Splits, change: Callable[..., Any], **about: Any) -> Splits:
    """Returns sets whose arrays are `change(inputs, labels)` of the given ones.

    Args:
        parts: the sets.
        change: of a set's inputs and labels.
        about: what `from_arrays` is told of them.
    """
    return Splits(
        *(
            dl.data.from_arrays(*change(np.asarray(x.inputs), x.labels), **about)
            for x in parts.sets.values()
        )
    )


def clothes(side: int, train: int, rest: int) -> Splits:
    """Returns the first pictures of Fashion-MNIST, each pixel a mean of some.

    Args:
        side: pixels of a picture's height and width: 28, 14 or 7.
        train: examples of the train set.
        rest: the same, of the dev and of the test set.
    """
    whole, n = dl.data.load("fashion_mnist"), 28 // side
    few = Splits(whole.train[:train], whole.dev[:rest], whole.test[:rest])

    def smaller(x: NDArray[Any], y: Any) -> tuple[NDArray[Any], Any]:
        return x.reshape(-1, side, n, side, n, 1).mean(axis=(2, 4)), y

    return changed(few, smaller, classes=10)


def own_inputs(parts: Splits) -> Splits:
    """Returns sets whose targets are their inputs `[m, ...]`, as `[m, features]`."""

    def twice(x: NDArray[Any], _: Any) -> tuple[NDArray[Any], NDArray[Any]]:
        flat = x.reshape(len(x), -1)
        return flat, flat

    return changed(parts, twice, classes=())
