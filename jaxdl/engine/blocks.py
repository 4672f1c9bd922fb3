"""A block in training: its members go to a device, train there and come back.

A program has room for `K` members; a block of `n < K` is filled up with copies of its
last member, which nobody sees.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from numpy.typing import NDArray

from jaxdl.engine.inputs import Inputs
from jaxdl.engine.layout import Block
from jaxdl.engine.programs import Programs, start_inputs
from jaxdl.train.epoch import STEP_LOSS
from jaxdl.train.epoch_state import Carry, kept
from jaxdl.train.fit import train_epochs
from jaxdl.train.keys import as_keys, as_numbers

# Gets an epoch's number, and the members' statuses and metrics after it, `[n]` each.
Report = Callable[[int, NDArray[Any], dict[str, NDArray[Any]]], None]


class TrainedBlock(NamedTuple):
    """A block after its epochs, on the host."""

    block: Block  # its n members
    params: Any  # [K, ...]
    state: Any  # [K, ...]
    status: NDArray[np.int32]  # [n] of Status: running, stopped or diverged
    stopped_at: NDArray[np.int32]  # [n] step; -1 for the running
    steps: NDArray[np.int32]  # [n] that each has taken
    kept_epoch: NDArray[np.int32]  # [n] epoch of params and state
    metrics: dict[str, NDArray[Any]]  # [epochs, n]
    # [K, ...] from which it trains on, its keys as numbers; None: it never does
    carry: Carry | None
    record: int = -1  # the id of its record in the run's store
    step_losses: NDArray[Any] | None = None  # [epochs, n, ...]; None: not asked for

    def state_of_members(self) -> Carry:
        """Returns the carry without padding, `[n, ...]`."""
        return jax.tree.map(lambda x: x[: len(self.block.members)], self.carry)

    def without_arrays(self) -> "TrainedBlock":
        """Returns the block without weights, once members have trained on from it."""
        return self._replace(params=None, state=None, carry=None)


def train_block(
    programs: Programs,
    block: Block,
    width: int,
    shared: Inputs,
    carry: Carry | None,
    report: Report,
    *,
    last: bool,
) -> TrainedBlock:
    """Returns the block after its epochs, trained on the device of its inputs.

    Args:
        programs: compiled for the block and the device.
        block: the members to train.
        width: K.
        shared: data and keys.
        carry: from which its members train on, `[n, ...]`; None: they begin.
        report: called after each epoch.
        last: whether its members never train on.
    """
    n = len(block.members)

    def padded(columns):
        """Returns columns `[n, ...]` on the device, as `[K, ...]`."""
        places = np.minimum(np.arange(width), n - 1)
        full = columns if n == width else jax.tree.map(lambda x: x[places], columns)
        return jax.device_put(full, shared.device)

    traced, variants = padded((block.traced, block.variants.astype(np.int32)))
    if carry is None:
        ids = padded(block.configurations.astype(np.int32))
        start: Carry = programs.start(traced, ids, variants, start_inputs(shared))
    else:
        start = as_keys(padded(carry), programs.start.out_shapes)
    train_state, epoch_state, metrics = train_epochs(
        lambda train_state, epoch_state, number: programs.epoch(
            traced, train_state, epoch_state, np.int32(number), variants, shared
        ),
        *start,
        range(block.first, block.until),
        lambda number, status, metrics: report(
            number, status[:n], {name: value[:n] for name, value in metrics.items()}
        ),
    )
    step_losses = metrics.pop(STEP_LOSS, None)
    params, state, kept_epoch = jax.device_get(kept(train_state, epoch_state))
    ends = (epoch_state.status, epoch_state.stopped_at, train_state.step)
    status, stopped_at, steps = (x[:n] for x in jax.device_get(ends))
    return TrainedBlock(
        block=block,
        params=params,
        state=state,
        status=status,
        stopped_at=stopped_at,
        steps=steps,
        kept_epoch=kept_epoch[:n],
        metrics={name: value[:, :n] for name, value in metrics.items()},
        carry=None if last else jax.device_get(as_numbers((train_state, epoch_state))),
        step_losses=None if step_losses is None else step_losses[:, :n],
    )
