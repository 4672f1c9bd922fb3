"""The hyperparameters of one model as a space, from which they alone are drawn."""

from typing import Any

import jax
import numpy as np

from jaxdl.nn.size import Size
from jaxdl.one_of import OneOf
from jaxdl.spaces.among import Among
from jaxdl.spaces.either import Chosen, Either
from jaxdl.spaces.sizes import AsSize
from jaxdl.train.structure import combine, partition

NODES = Size | OneOf | Chosen


def as_space(hparams: Any) -> Any:
    """Returns the space whose one member has these hyperparameters.

    A traced number is a constant of the type that the programs have, so that numbers
    which they cannot tell apart make equal spaces.

    Args:
        hparams: as `fit` takes them.

    Raises:
        RecipeError: as `train.structure.partition`.
    """
    traced, structure = partition(hparams)
    numbers: Any = {name: np.asarray(number)[()] for name, number in traced.items()}
    return _space(combine(numbers, structure))


def _space(hparams: Any) -> Any:
    return jax.tree.map(_leaf, hparams, is_leaf=lambda x: isinstance(x, NODES))


def _leaf(leaf: Any) -> Any:
    if isinstance(leaf, Size):
        return AsSize([int(leaf.live)], (leaf.bound,))
    if isinstance(leaf, OneOf):
        return Among(leaf.options, (leaf.option,))
    if isinstance(leaf, Chosen):
        return Either({leaf.name: _space(leaf.values)})
    return leaf
