"""Epochs of blocks whose inputs stay on the host and are read piece by piece.

Such an epoch is several programs, which do together what the one of a train set on the
device does, with the same bits.
"""

import functools
import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from jaxdl.engine.inputs import SharedInputs, StreamedInputs, VariedInputs
from jaxdl.engine.memory import block_bytes
from jaxdl.engine.orders import orders, rows_at
from jaxdl.train import compiled
from jaxdl.train.bound import BoundRecipe
from jaxdl.train.epoch_state import Carry
from jaxdl.train.part import Part
from jaxdl.train.pieces import Piece, Pieces, pieces
from jaxdl.train.streamed import make_dev_values, make_end, make_steps

MEMBERS, ALIKE = 0, None  # axes of vmap


class Stages(NamedTuple):
    """The programs of a streamed epoch, lowered for a device, or compiled."""

    orders: Any  # (number, variants, resident) -> orders of train and dev
    # (traced, train state, piece, variants, resident) -> (train state, metrics [K, S])
    steps: Any
    values: Any  # (traced, train state, piece, variants, resident) -> [K, S, B, ...]
    # (traced, trained, metrics, values, train state, epoch state, order, variants,
    #     resident) -> (train state, epoch state, metrics)
    end: Any


class StreamedEpoch(NamedTuple):
    """An epoch that is called as the program of a train set on the device is."""

    stages: Stages
    train: Pieces
    dev: Pieces

    def compile_for(
        self, devices: Sequence[jax.Device]
    ) -> dict[jax.Device, "StreamedEpoch"]:
        """Returns the compiled epoch for devices of one kind."""
        found = [stage.compile_for(devices) for stage in self.stages]
        return {
            device: self._replace(stages=Stages(*(stage[device] for stage in found)))
            for device in devices
        }

    def __call__(
        self,
        traced: Any,
        train_state: Any,
        epoch_state: Any,
        number: Any,
        variants: jax.Array,
        shared: StreamedInputs,
    ) -> tuple[Any, Any, Any]:
        """Returns train state, epoch state and metrics after the epoch, `[K, ...]`."""
        rest = variants, shared.resident
        order, dev_order = self.stages.orders(number, *rest)
        read = self._read(shared, int(number), order, dev_order, variants)
        trained, taken = jax.tree.map(jnp.copy, train_state), []
        for piece in islice(read, self.train.count(order.shape[-2])):
            trained, found = self.stages.steps(traced, trained, piece, *rest)
            _append(taken, found)
        found = []
        for piece in read:
            _append(found, self.stages.values(traced, trained, piece, *rest))
        steps, batches = order.shape[-2], dev_order.shape[-2]
        ends = _joined(taken, steps), _joined(found, batches)
        return self.stages.end(
            traced, trained, *ends, train_state, epoch_state, order, *rest
        )

    def _read(
        self,
        shared: StreamedInputs,
        number: int,
        order: jax.Array,
        dev_order: jax.Array,
        variants: jax.Array,
    ) -> Iterator[Piece]:
        """Yields the pieces of the train set, then those of the dev set, on the device.

        Blocks that ask for the same piece at about a time share it.
        """
        own = isinstance(shared.resident, VariedInputs)
        whose = np.asarray(variants).tobytes() if own else b""
        wanted: list[tuple[Hashable, Callable[[], Piece]]] = []
        epochs = ("train", self.train, order, number), ("dev", self.dev, dev_order, 0)
        for name, parts, rows, epoch in epochs:
            rows = np.asarray(rows)
            for i in range(parts.count(rows.shape[-2])):
                key = shared.family, name, epoch, parts.steps, rows.shape, whose, i
                wanted.append((key, functools.partial(parts.read, rows, i)))
        for piece in shared.reader.each(wanted):
            yield jax.device_put(piece, shared.device)

    def bytes_read(self) -> int:
        """Returns how many bytes of examples a block reads in an epoch, at most."""
        shapes = self.stages.orders.out_shapes
        return sum(
            parts.nbytes * parts.count(rows.shape[-2])
            for parts, rows in zip((self.train, self.dev), shapes, strict=True)
        )


def streamed_bytes(epoch: StreamedEpoch, shared: StreamedInputs) -> int:
    """Returns how many bytes a block takes while it trains, see `block_bytes`."""
    stages = epoch.stages.steps, epoch.stages.values, epoch.stages.end
    before = jax.tree.leaves(epoch.stages.steps.out_shapes[0])
    return (
        max(block_bytes(stage.executable, shared.resident) for stage in stages)
        + sum(math.prod(x.shape) * x.dtype.itemsize for x in before)
        + max(epoch.train.nbytes, epoch.dev.nbytes)
    )


def lower_epoch(
    bound: BoundRecipe,
    batch_size: int,
    traced: Any,
    carry: Carry,
    shared: StreamedInputs,
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
    (train_state, epoch_state), resident = carry, shared.resident
    lower = functools.partial(compiled.lower, **place)
    number, ids = (jax.ShapeDtypeStruct(s, np.int32) for s in ((), _width(carry)))
    make_orders = functools.partial(_orders, batch_size=batch_size)
    found = lower(make_orders, number, ids, resident)
    order, dev_order = found.out_shapes
    lanes = _lanes(resident, ids.shape[0])
    train, dev = (
        pieces(dataset, *rows.shape[-2:], lanes)
        for dataset, rows in ((shared.train, order), (shared.dev, dev_order))
    )
    make = _members(bound, isinstance(resident, VariedInputs))
    rest = ids, resident
    steps = lower(make[0], traced, train_state, train.shapes(order), *rest, donate=1)
    values = lower(make[1], traced, train_state, dev.shapes(dev_order), *rest)
    ends = _all(steps.out_shapes[1], order), _all(values.out_shapes, dev_order)
    end = lower(
        make[2], traced, train_state, *ends, train_state, epoch_state, order, *rest,
        donate=1,
    )  # fmt: skip
    return StreamedEpoch(Stages(found, steps, values, end), train, dev)


def _orders(number: Any, variants: Any, resident: Any, *, batch_size: int) -> Any:
    return orders(number, variants, resident, batch_size)


def _members(bound: BoundRecipe, varied: bool) -> tuple[Callable[..., Any], ...]:
    """Returns steps, values and end of K members side by side, see `Stages`."""
    own = MEMBERS if varied else ALIKE
    of_piece = Piece(ALIKE, own, ALIKE)
    each = MEMBERS, MEMBERS, of_piece, own, own
    steps, values = (
        jax.vmap(make(bound), each) for make in (make_steps, make_dev_values)
    )
    dev = Part(ALIKE, MEMBERS) if varied else ALIKE
    ends = (MEMBERS,) * 6 + (own, ALIKE, dev, ALIKE, own)
    end = jax.vmap(make_end(bound), ends)

    def settings(variants, resident):
        if isinstance(resident, SharedInputs):
            return resident.train.scaling, resident.counts
        of_splits = resident.scaling, resident.counts
        return rows_at(of_splits, resident.splits[variants])

    def steps_of(traced, train_state, piece, *rest):
        return steps(traced, train_state, piece, *settings(*rest))

    def values_of(traced, train_state, piece, *rest):
        return values(traced, train_state, piece, *settings(*rest))

    def end_of(*arguments):
        *arguments, variants, resident = arguments
        dev, (_, counts) = resident.dev, settings(variants, resident)
        if isinstance(resident, VariedInputs):
            dev = Part(dev, resident.dev_rows[resident.splits[variants]])
        return end(*arguments, resident.train, dev, resident.patience, counts)

    return steps_of, values_of, end_of


def _lanes(resident: SharedInputs | VariedInputs, width: int) -> int:
    """Returns how many orders the members of a block have at most."""
    if isinstance(resident, SharedInputs):
        return 1
    return min(width, len(resident.keys))


def _width(carry: Carry) -> tuple[int]:
    return (jax.tree.leaves(carry)[0].shape[0],)


def _all(found: Any, order: Any) -> Any:
    """Returns the shapes of what all steps of an order give, `[K, steps, ...]`.

    Args:
        found: shapes of what those of a piece give, `[K, S, ...]`.
        order: its shape.
    """
    return jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(
            (x.shape[0], order.shape[-2], *x.shape[2:]), x.dtype
        ),
        found,
    )


def _append(found: list[Any], last: Any) -> None:
    """Appends what a piece gave, and waits for the piece before.

    So the device has two pieces at once: one to compute with, one that is ready.
    """
    if found:
        found[-1] = jax.device_get(found[-1])
    found.append(last)


def _joined(found: list[Any], steps: int) -> Any:
    """Returns what all pieces gave as one, `[K, steps, ...]`, without padding."""
    arrays: list[NDArray[Any]] = [jax.device_get(x) for x in found]
    return jax.tree.map(lambda *x: np.concatenate(x, axis=1)[:, :steps], *arrays)
