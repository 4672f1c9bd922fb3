"""What members train with beside their hyperparameters: data, key and patience."""

from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdl.data import Dataset, Splits
from jaxdl.data.folds import Rows
from jaxdl.train.member import on_device
from jaxdl.train.part import Part


class Variant(NamedTuple):
    """What distinguishes the members of a variant: their key and their examples."""

    key: jax.Array
    train: Rows | None  # of the pooled examples; None: the train set as it is
    dev: Rows | None  # of the pooled examples; None: the dev set as it is


class SharedInputs(NamedTuple):
    """What all members of a variant train with, on one device."""

    train: Dataset | Part
    dev: Dataset | Part
    key: jax.Array  # the variant's
    patience: Any  # [] int32 epochs; None: no early stopping

    @property
    def device(self) -> jax.Device:
        """The device that all of it is on."""
        (device,) = self.key.devices()
        return device


def share(
    device: jax.Device, data: Splits, variants: list[Variant], patience: int | None
) -> list[SharedInputs]:
    """Returns what each variant trains with; the examples are on the device once.

    Args:
        device: where to put it.
        data: the sets that the variants' rows are of.
        variants: their keys and rows.
        patience: in epochs; None: no early stopping.
    """

    def put(x):
        return jax.device_put(x, device)

    train = put(on_device(data.train))
    dev = train if data.dev is data.train else put(on_device(data.dev))
    patient = None if patience is None else put(np.int32(min(patience, 2**31 - 1)))
    return [
        SharedInputs(
            train if v.train is None else Part(train, put(v.train)),
            dev if v.dev is None else Part(dev, put(v.dev)),
            put(v.key),
            patient,
        )
        for v in variants
    ]
