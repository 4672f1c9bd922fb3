"""What members train with beside their hyperparameters: data, key and patience."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdl.data import Dataset, Scaling, Splits
from jaxdl.data.folds import Rows
from jaxdl.train.facts import Facts, counts_for
from jaxdl.train.part import Part, on_device, size
from jaxdl.train.recipe import RecipeFunction
from jaxdl.train.structure import canonical


class Variant(NamedTuple):
    """What distinguishes the members of a variant: their key and their examples."""

    key: jax.Array
    facts: Facts  # of its training
    train: Rows | None = None  # of the pooled examples; None: the train set as it is
    dev: Rows | None = None  # of the pooled examples; None: the dev set as it is
    scaling: Scaling | None = None  # of its train rows; None: that of the data


class SharedInputs(NamedTuple):
    """What all members of a variant train with, on one device."""

    train: Dataset | Part
    dev: Dataset | Part
    key: jax.Array  # the variant's
    patience: Any  # [] int32 epochs; None: no early stopping
    counts: Any  # [C] examples of each class; None: the recipe takes no facts

    @property
    def device(self) -> jax.Device:
        """The device that all of it is on."""
        (device,) = self.key.devices()
        return device

    @property
    def sizes(self) -> tuple[int, int]:
        """How many examples the train and the dev set have."""
        return size(self.train), size(self.dev)


def share(
    device: jax.Device,
    recipe: RecipeFunction,
    data: Splits,
    variants: Sequence[Variant],
    patience: int | None,
) -> list[SharedInputs]:
    """Returns what each variant trains with; the examples are on the device once.

    Args:
        device: where to put it.
        recipe: which may take facts.
        data: the sets that the variants' rows are of.
        variants: their keys, facts and rows.
        patience: in epochs; None: no early stopping.
    """

    def put(x):
        return jax.device_put(x, device)

    train = put(on_device(data.train))
    dev = train if data.dev is data.train else put(on_device(data.dev))
    patient = None if patience is None else put(np.int32(min(patience, 2**31 - 1)))

    def part(whole: Dataset, rows: Rows | None, scaling: Scaling | None):
        if rows is None:
            return whole
        return Part(whole, put(rows), put(jax.tree.map(canonical, scaling)))

    return [
        SharedInputs(
            part(train, v.train, v.scaling),
            part(dev, v.dev, v.scaling),
            put(v.key),
            patient,
            put(counts_for(recipe, v.facts)),
        )
        for v in variants
    ]
