"""What members train with beside their hyperparameters: data, keys and patience."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdl.data import Dataset, Scaling, Splits
from jaxdl.data.folds import Rows
from jaxdl.engine.plan import OWN, SHARED
from jaxdl.keys import key_of, key_words
from jaxdl.train.facts import Facts, counts_for
from jaxdl.train.part import on_device
from jaxdl.train.pieces import Reader, on_host, without_inputs
from jaxdl.train.recipe import RecipeFunction
from jaxdl.train.stages import Streamed
from jaxdl.train.structure import canonical


class Family(NamedTuple):
    """What variants agree on whose members can share a block."""

    facts: Facts
    num_dev: int | None  # rows of their dev sets; None: the dev set as it is


class Variant(NamedTuple):
    """What distinguishes the members of a variant: their key and their examples."""

    key: jax.Array
    facts: Facts  # of its training
    train: Rows | None = None  # of the pooled examples; None: the train set as it is
    dev: Rows | None = None  # of the pooled examples; None: the dev set as it is
    scaling: Scaling | None = None  # of its train rows; None: arrays as they are

    @property
    def family(self) -> Family:
        """What it shares with variants of equal facts and sizes."""
        return Family(self.facts, None if self.dev is None else len(self.dev))


class SharedInputs(NamedTuple):
    """What all members of a block train with, on one device; they share its order."""

    train: Dataset
    dev: Dataset
    key: jax.Array
    patience: Any  # [] int32 epochs; None: no early stopping
    counts: Any  # [C] examples of each class; None: the recipe takes no facts

    @property
    def device(self) -> jax.Device:
        """The device that all of it is on."""
        (device,) = self.key.devices()
        return device


class VariedInputs(NamedTuple):
    """What members of the V variants train with, on one device.

    It serves the variants of one family, and R are the splits of the examples among
    these. The numbers of all variants count, so that a member is found by its own.
    """

    train: Dataset  # the whole, which has no scaling
    dev: Dataset  # the same
    keys: jax.Array  # [V]
    splits: jax.Array  # [V] int32 from 0 to R - 1; 0 for those of other families
    train_rows: jax.Array  # [R, m] int32
    dev_rows: jax.Array  # [R, m_dev] int32
    scaling: Scaling | None  # of moments [R, ...]
    patience: Any  # [] int32 epochs; None: no early stopping
    counts: Any  # [R, C] examples of each class; None: the recipe takes no facts

    @property
    def device(self) -> jax.Device:
        """The device that all of it is on."""
        (device,) = self.keys.devices()
        return device


Inputs = SharedInputs | VariedInputs | Streamed


def share(
    device: jax.Device,
    recipe: RecipeFunction,
    data: Splits,
    variants: Sequence[Variant],
    patience: int | None,
    order: str,
    reader: Reader | None = None,
) -> dict[Family, Inputs]:
    """Returns what the variants of each family train with.

    The examples are on the device once; with a reader their inputs stay on the host.

    Args:
        device: where to put it.
        recipe: which may take facts.
        data: the sets that the variants' rows are of.
        variants: their keys, facts and rows; one, if the order is shared.
        patience: in epochs; None: no early stopping.
        order: of the plan.
        reader: of inputs that stay on the host, for all devices; None: none stay.
    """
    sets = [data.train] if data.dev is data.train else [data.train, data.dev]
    if reader is None:
        return {**_resident(device, recipe, data, sets, variants, patience, order)}
    bare = [without_inputs(dataset) for dataset in sets]
    found = _resident(device, recipe, data, bare, variants, patience, order)
    train, dev = on_host(sets[0]), on_host(sets[-1])
    return {
        family: Streamed(resident, train, dev, reader, device, number, order == OWN)
        for number, (family, resident) in enumerate(found.items())
    }


def _resident(
    device: jax.Device,
    recipe: RecipeFunction,
    data: Splits,
    own: list[Dataset],
    variants: Sequence[Variant],
    patience: int | None,
    order: str,
) -> dict[Family, SharedInputs | VariedInputs]:
    """Returns what is on the device, see `share`.

    Args:
        device: where to put it.
        recipe: which may take facts.
        data: the sets that the variants' rows are of.
        own: what of the train set goes to the device, and of another dev set.
        variants: as `share` has them.
        patience: the same.
        order: the same.
    """

    def put(x):
        return jax.device_put(x, device)

    on = [put(on_device(dataset)) for dataset in own]
    train, dev = on[0], on[-1]
    patient = None if patience is None else put(np.int32(min(patience, 2**31 - 1)))
    if order == SHARED:
        (one,) = variants
        counts = put(counts_for(recipe, one.facts))
        return {one.family: SharedInputs(train, dev, put(one.key), patient, counts)}
    keys = put(key_of([key_words(variant.key) for variant in variants]))
    sets = replace(train, scaling=None), replace(dev, scaling=None)
    families: dict[Family, list[int]] = {}
    for number, variant in enumerate(variants):
        families.setdefault(variant.family, []).append(number)
    found: dict[Family, SharedInputs | VariedInputs] = {}
    for family, numbers in families.items():
        splits, firsts = _splits(variants, numbers)
        train_rows, dev_rows, scaling, counts = put(_stacked(recipe, data, firsts))
        found[family] = VariedInputs(
            *sets, keys, put(splits), train_rows, dev_rows, scaling, patient, counts
        )
    return found


def _splits(
    variants: Sequence[Variant], numbers: list[int]
) -> tuple[np.ndarray, list[Variant]]:
    """Returns the split of each variant, `[V]`, and the first variant of each split.

    Args:
        variants: all.
        numbers: of the variants whose splits count.
    """
    splits = np.zeros(len(variants), np.int32)
    firsts: dict[Any, tuple[int, Variant]] = {}
    for number in numbers:
        one = variants[number]
        rows = [None if x is None else x.tobytes() for x in (one.train, one.dev)]
        splits[number], _ = firsts.setdefault(tuple(rows), (len(firsts), one))
    return splits, [variant for _, variant in firsts.values()]


def _stacked(recipe: RecipeFunction, data: Splits, firsts: list[Variant]) -> Any:
    """Returns rows, scaling and class counts of R splits, `[R, ...]` arrays.

    Args:
        recipe: which may take facts.
        data: the sets that the rows are of.
        firsts: a variant of each split.
    """

    def rows(given, dataset):
        return np.arange(len(dataset), dtype=np.int32) if given is None else given

    each = [
        (rows(v.train, data.train), rows(v.dev, data.dev),
         jax.tree.map(canonical, v.scaling), counts_for(recipe, v.facts))
        for v in firsts
    ]  # fmt: skip
    return jax.tree.map(lambda *x: np.stack(x), *each)
