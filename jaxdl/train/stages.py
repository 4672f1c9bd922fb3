"""An epoch as several programs. The inputs are read from the host while they run.

It is for one model, or for K models side by side.
"""

import functools
from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.data import Dataset
from jaxdl.train import compiled
from jaxdl.train.epoch_state import Carry
from jaxdl.train.pieces import Piece, Pieces, Reader, pieces


class Streamed(NamedTuple):
    """What models train with if their examples stay on the host."""

    resident: Any  # what is on the device: labels, weights, keys, rows
    train: Dataset  # on the host
    dev: Dataset  # the same
    reader: Reader
    device: jax.Device
    name: Hashable = ""  # differs where the reader has pieces of other orders
    own: bool = False  # whether models have orders of their own


class Stages(NamedTuple):
    """The programs of a streamed epoch: as functions, lowered, or compiled.

    K models have K first in all that is theirs, before the axis of the steps.
    """

    orders: Any  # (number, variants, resident) -> orders of train and dev set
    # (traced, train state, piece, variants, resident) -> (train state, metrics [S])
    steps: Any
    values: Any  # (traced, train state, piece, variants, resident) -> values [S, B]
    # (traced, trained, metrics, values, train state, epoch state, order, variants,
    #     resident) -> (train state, epoch state, metrics)
    end: Any


class StreamedEpoch(NamedTuple):
    """An epoch that is called as the program of a train set on the device is."""

    stages: Stages
    train: Pieces
    dev: Pieces
    axis: int  # that of the steps: 1 for K models, 0 for one

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
        variants: Any,
        shared: Streamed,
    ) -> tuple[Any, Any, Any]:
        """Returns train state, epoch state and metrics after the epoch."""
        rest = variants, shared.resident
        order, dev_order = self.stages.orders(number, *rest)
        read = self._read(shared, int(number), order, dev_order, variants)
        trained, taken, found = jax.tree.map(jnp.copy, train_state), [], []
        for piece in islice(read, self.train.count(order.shape[-2])):
            trained, some = self.stages.steps(traced, trained, piece, *rest)
            _append(taken, some)
        for piece in read:
            _append(found, self.stages.values(traced, trained, piece, *rest))
        ends = (
            self._joined(each, rows.shape[-2])
            for each, rows in ((taken, order), (found, dev_order))
        )
        states = train_state, epoch_state
        return self.stages.end(traced, trained, *ends, *states, order, *rest)

    def _read(
        self,
        shared: Streamed,
        number: int,
        order: jax.Array,
        dev_order: jax.Array,
        variants: Any,
    ) -> Iterator[Piece]:
        """Yields the pieces of the train set, then those of the dev set, on the device.

        Blocks that ask for the same piece at about a time share it.
        """
        whose = np.asarray(variants).tobytes() if shared.own else b""
        wanted: list[tuple[Hashable, Callable[[], Piece]]] = []
        epochs = ("train", self.train, order, number), ("dev", self.dev, dev_order, 0)
        for name, parts, rows, epoch in epochs:
            rows = np.asarray(rows)
            for i in range(parts.count(rows.shape[-2])):
                key = shared.name, name, epoch, parts.steps, rows.shape, whose, i
                wanted.append((key, functools.partial(parts.read, rows, i)))
        for piece in shared.reader.each(wanted):
            yield jax.device_put(piece, shared.device)

    def _joined(self, found: list[Any], steps: int) -> Any:
        """Returns what all pieces gave as one, without padding."""

        def joined(*arrays):
            whole = np.concatenate(arrays, axis=self.axis)
            return whole[:, :steps] if self.axis else whole[:steps]

        return jax.tree.map(joined, *map(jax.device_get, found))

    def bytes_read(self) -> int:
        """Returns how many bytes of examples an epoch reads, at most."""
        shapes = self.stages.orders.out_shapes
        return sum(
            parts.nbytes * parts.count(rows.shape[-2])
            for parts, rows in zip((self.train, self.dev), shapes, strict=True)
        )


def lower_stages(
    functions: Stages,
    traced: Any,
    carry: Carry,
    variants: Any,
    shared: Streamed,
    *,
    axis: int = 0,
    lanes: int = 1,
    **place: Any,
) -> StreamedEpoch:
    """Returns a streamed epoch, lowered for the device of its inputs.

    Args:
        functions: what its programs compute.
        traced: shapes and types of the hyperparameters.
        carry: shapes and types of what the models begin with.
        variants: of the models, or their shape; () for one model.
        shared: what they train with.
        axis: that of the steps.
        lanes: how many orders the models have, at most.
        place: device and options of the compiler.
    """
    (train_state, epoch_state), rest = carry, (variants, shared.resident)
    lower = functools.partial(compiled.lower, **place)
    number = jax.ShapeDtypeStruct((), np.int32)
    orders = lower(functions.orders, number, *rest)
    order, dev_order = orders.out_shapes
    train, dev = (
        pieces(dataset, rows.shape[-2], rows.shape[-1], lanes)
        for dataset, rows in ((shared.train, order), (shared.dev, dev_order))
    )
    one = traced, train_state
    steps = lower(functions.steps, *one, train.shapes(order), *rest, donate=1)
    values = lower(functions.values, *one, dev.shapes(dev_order), *rest)
    taken = _of_all(steps.out_shapes[1], order.shape[-2], axis)
    found = _of_all(values.out_shapes, dev_order.shape[-2], axis)
    ends = *one, taken, found, train_state, epoch_state, order
    end = lower(functions.end, *ends, *rest, donate=1)
    return StreamedEpoch(Stages(orders, steps, values, end), train, dev, axis)


def _of_all(found: Any, steps: int, axis: int) -> Any:
    """Returns the shapes of what all steps give, from those of a piece."""

    def one(x):
        shape = (*x.shape[:axis], steps, *x.shape[axis + 1 :])
        return jax.ShapeDtypeStruct(shape, x.dtype)

    return jax.tree.map(one, found)


def _append(found: list[Any], last: Any) -> None:
    """Appends what a piece gave, and waits for the piece before.

    So the device has two pieces at once: one to compute with, one that is ready.
    """
    if found:
        found[-1] = jax.device_get(found[-1])
    found.append(last)
