"""Training of one model whose inputs are read while it trains."""

import contextlib
from collections.abc import Iterator
from typing import Any

import jax

from jaxdl.data import Source, Splits
from jaxdl.data.trees import named
from jaxdl.train.bound import BoundRecipe
from jaxdl.train.epoch_state import Carry
from jaxdl.train.part import on_device, size
from jaxdl.train.pieces import HELD, Reader, on_host, without_inputs
from jaxdl.train.stages import Stages, Streamed, StreamedEpoch, lower_stages
from jaxdl.train.state import epoch_order
from jaxdl.train.step import eval_order
from jaxdl.train.streamed import make_dev_values, make_end, make_steps


@contextlib.contextmanager
def ready_to_read(data: Splits, rest: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """Gives the inputs of an epoch of one model, and reads sources until the end.

    They are both sets on the device and the rest; or, if a set is read from a source,
    no variants and a `Streamed`.

    Args:
        data: train, dev and test sets.
        rest: key, patience and class counts.
    """
    both = data.train, data.dev
    arrays = [x for dataset in both for x in named(dataset.inputs).values()]
    if not any(isinstance(x, Source) for x in arrays):
        yield *map(on_device, both), *rest
        return
    bare = (on_device(without_inputs(dataset)) for dataset in both)
    reader, (device, *_) = Reader(HELD), jax.devices()
    try:
        train, dev = map(on_host, both)
        yield (), Streamed((*bare, *rest), train, dev, reader, device)
    finally:
        reader.close()


def lower_one(
    bound: BoundRecipe, batch_size: int, traced: Any, carry: Carry, shared: Streamed
) -> StreamedEpoch:
    """Returns the streamed epoch of one model, lowered.

    Args:
        bound: the recipe.
        batch_size: its own.
        traced: hyperparameters by name.
        carry: shapes and types of what the model begins with.
        shared: what `ready_to_read` gives.
    """
    steps, values, end = (f(bound) for f in (make_steps, make_dev_values, make_end))

    def orders(number, _, resident):
        train, dev, key, *_ = resident
        order = epoch_order(key, number, size(train), batch_size)
        return order, eval_order(size(dev))

    def steps_of(traced, train_state, piece, _, resident):
        train, *_, counts = resident
        return steps(traced, train_state, piece, train.scaling, counts)

    def values_of(traced, train_state, piece, _, resident):
        train, *_, counts = resident
        return values(traced, train_state, piece, train.scaling, counts)

    def end_of(*arguments):
        *arguments, _, (train, dev, _, patience, counts) = arguments
        return end(*arguments, train, dev, patience, counts)

    functions = Stages(orders, steps_of, values_of, end_of)
    return lower_stages(functions, traced, carry, (), shared)
