"""Blocks whose inputs stay on the host and are read while they train."""

import functools
from collections.abc import Iterable
from typing import Any

import jax
import numpy as np

from jaxdl.engine.inputs import Inputs, SharedInputs, VariedInputs
from jaxdl.engine.memory import block_bytes, mebibytes
from jaxdl.engine.orders import orders, rows_at
from jaxdl.engine.plan import OWN
from jaxdl.train.bound import BoundRecipe
from jaxdl.train.epoch_state import Carry
from jaxdl.train.part import Part, bytes_of
from jaxdl.train.pieces import Piece
from jaxdl.train.stages import Stages, Streamed, StreamedEpoch, lower_stages
from jaxdl.train.streamed import make_dev_values, make_end, make_steps

MEMBERS, ALIKE = 0, None  # axes of vmap


def lower_epoch(
    bound: BoundRecipe,
    batch_size: int,
    traced: Any,
    carry: Carry,
    shared: Streamed,
    **place: Any,
) -> StreamedEpoch:
    """Returns the epoch of a block, lowered for the device of the inputs.

    Args:
        bound: the recipe of the block's members.
        batch_size: its own.
        traced: shapes and types of the hyperparameters, `[K]` each.
        carry: shapes and types of what the members begin with.
        shared: what they train with.
        place: device and options of the compiler.
    """
    width = carry[1].status.shape[0]
    lanes = min(width, len(shared.resident.keys)) if shared.own else 1
    functions = _members(bound, batch_size, varied=shared.own)
    variants = jax.ShapeDtypeStruct((width,), np.int32)
    given = functions, traced, carry, variants, shared
    return lower_stages(*given, axis=1, lanes=lanes, **place)


def bytes_needed(epoch: Any, shared: Inputs) -> int:
    """Returns how many bytes a block takes while it trains, see `block_bytes`.

    Args:
        epoch: its compiled program, or its streamed epoch.
        shared: what all blocks train with.
    """
    if not isinstance(shared, Streamed):
        return block_bytes(epoch.executable, shared)
    stages = epoch.stages.steps, epoch.stages.values, epoch.stages.end
    return (
        max(block_bytes(stage.executable, shared.resident) for stage in stages)
        + bytes_of(epoch.stages.steps.out_shapes[0])  # the start of the epoch
        + max(epoch.train.nbytes, epoch.dev.nbytes)  # the next piece
    )


def reading(epochs: Iterable[StreamedEpoch], order: str) -> str:
    """Returns in words what blocks read of inputs that stay on the host."""
    most = mebibytes(max(epoch.bytes_read() for epoch in epochs))
    own = ", since its members have orders of their own" * (order == OWN)
    return f"the inputs stay on the host: a block reads {most} an epoch{own}"


def _members(bound: BoundRecipe, batch_size: int, *, varied: bool) -> Stages:
    """Returns what the programs of K members compute."""
    own = MEMBERS if varied else ALIKE
    each = MEMBERS, MEMBERS, Piece._make((ALIKE, own, ALIKE)), own, own
    steps, values = (
        jax.vmap(make(bound), each) for make in (make_steps, make_dev_values)
    )
    dev_axes = Part._make((ALIKE, MEMBERS)) if varied else ALIKE
    ends = (MEMBERS,) * 6 + (own, ALIKE, dev_axes, ALIKE, own)
    end = jax.vmap(make_end(bound), ends)

    def steps_of(traced, train_state, piece, *rest):
        return steps(traced, train_state, piece, *_settings(*rest))

    def values_of(traced, train_state, piece, *rest):
        return values(traced, train_state, piece, *_settings(*rest))

    def end_of(*arguments):
        *arguments, variants, resident = arguments
        dev, (_, counts) = resident.dev, _settings(variants, resident)
        if varied:
            dev = Part(dev, resident.dev_rows[resident.splits[variants]])
        return end(*arguments, resident.train, dev, resident.patience, counts)

    rows = functools.partial(orders, batch_size=batch_size)
    return Stages(rows, steps_of, values_of, end_of)


def _settings(variants: jax.Array, resident: SharedInputs | VariedInputs) -> Any:
    """Returns scaling and class counts of all members; with own orders, of each."""
    if isinstance(resident, SharedInputs):
        return resident.train.scaling, resident.counts
    return rows_at((resident.scaling, resident.counts), resident.splits[variants])
