"""Programs: what trains a block for an epoch, lowered and compiled for a device.

A block is `K` members side by side under vmap. One program begins its members, another
trains them for an epoch, so a member's bits depend on no neighbour.
"""

import concurrent.futures
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.engine.devices import cores
from jaxdl.engine.inputs import Inputs, SharedInputs, VariedInputs
from jaxdl.engine.layout import Block
from jaxdl.engine.orders import own_orders, rows_at
from jaxdl.engine.streaming import lower_epoch
from jaxdl.train import compiled
from jaxdl.train.bound import BoundRecipe, make_advance, make_start, with_order
from jaxdl.train.outline import Outline
from jaxdl.train.part import Part, in_shape
from jaxdl.train.stages import Streamed
from jaxdl.train.state import member_key
from jaxdl.train.tracing import tracing_errors_explained

# One thread within a block: the hands keep every core busy already. Vectors of 512 bits
# where the processor has them; XLA's default is 256.
OPTIONS = {
    "cpu": {"xla_cpu_multi_thread_eigen": False, "xla_cpu_prefer_vector_width": 512}
}


class Programs(NamedTuple):
    """The two programs of a block, lowered for a device, or compiled.

    `variants` is the variant `[K]` of each member.
    """

    start: Any  # (traced [K], ids [K], variants, start inputs) -> carry [K, ...]
    # (traced [K], train state, epoch state, number, variants, inputs)
    #     -> (train state, epoch state, metrics), all [K, ...]
    epoch: Any


def lower(
    bound: BoundRecipe, outline: Outline, block: Block, width: int, shared: Inputs
) -> Programs:
    """Returns a block's programs, lowered for the device of the shared inputs.

    Args:
        bound: the recipe of the block's members.
        outline: of their training.
        block: one of those that the programs train.
        width: K.
        shared: what the members of the block's family train with.

    Raises:
        RecipeError: the recipe uses a traced hyperparameter as a plain value.
    """
    starts, epochs = functions(bound, outline, shared)
    options = OPTIONS.get(shared.device.platform)
    place = {"device": shared.device, "options": options}
    traced, number, ids = _arguments(block, width)
    with tracing_errors_explained():
        first = compiled.lower(starts, traced, ids, ids, start_inputs(shared), **place)
        carry = first.out_shapes
        if isinstance(shared, Streamed):
            size = outline.batch_size
            epoch = lower_epoch(bound, size, traced, carry, shared, **place)
            return Programs(first, epoch)
        epoch = compiled.lower(
            epochs, traced, *carry, number, ids, shared, donate=1, **place
        )
    return Programs(first, epoch)


def export_for(
    platforms: Sequence[str],
    bound: BoundRecipe,
    outline: Outline,
    block: Block,
    width: int,
    shared: Inputs,
) -> Programs:
    """Returns a block's programs, each `Exported` for several platforms.

    Args:
        platforms: JAX's names of them, such as `tpu`; none needs to be here.
        bound: as for `lower`, like the rest.
        outline: of their training.
        block: one of those that the programs train.
        width: K.
        shared: shapes and types are enough.
    """
    starts, epochs = functions(bound, outline, shared)
    traced, number, ids = _arguments(block, width)
    first = traced, ids, ids, start_inputs(shared)
    with tracing_errors_explained():
        carry = jax.eval_shape(starts, *first)
        return Programs(
            compiled.export_for(platforms, starts, *first),
            compiled.export_for(
                platforms, epochs, traced, *carry, number, ids, shared, donate=1
            ),
        )


def functions(
    bound: BoundRecipe, outline: Outline, shared: Inputs
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Returns the pure functions of a block's two programs, see `Programs`."""
    resident = shared.resident if isinstance(shared, Streamed) else shared
    stops = resident.patience is not None
    start = make_start(bound, in_shape(shared.train), early_stopping=stops)
    varied = isinstance(resident, VariedInputs)
    make = _with_own_orders if varied else _with_shared_order
    return make(start, make_advance(bound), outline.batch_size)


def _arguments(block: Block, width: int) -> tuple[dict[str, Any], Any, Any]:
    """Returns the shapes of the traced numbers, of an epoch's number and of ids."""

    def per_member(dtype):
        return jax.ShapeDtypeStruct((width,), dtype)

    traced = {name: per_member(column.dtype) for name, column in block.traced.items()}
    return traced, jax.ShapeDtypeStruct((), jnp.int32), per_member(jnp.int32)


def start_inputs(shared: Inputs) -> tuple[Any, ...]:
    """Returns those of the shared inputs that members begin with."""
    resident = shared.resident if isinstance(shared, Streamed) else shared
    if isinstance(resident, SharedInputs):
        return resident.key, resident.counts
    return resident.keys, resident.splits, resident.counts


def compile_all(
    lowered: Iterable[Programs],
    devices: Sequence[jax.Device],
    count: Callable[[], None] = lambda: None,
) -> list[dict[jax.Device, Programs]]:
    """Returns the programs for each device, compiled side by side.

    Args:
        lowered: for the first device. The first are compiled while later ones are made.
        devices: of one kind.
        count: called, from several threads, after each epoch program is compiled.
    """

    def compile_epoch(programs: Programs) -> dict[jax.Device, compiled.Program]:
        found = programs.epoch.compile_for(devices)
        count()
        return found

    with concurrent.futures.ThreadPoolExecutor(cores()) as pool:
        pending = [
            (
                pool.submit(compile_epoch, programs),
                pool.submit(programs.start.compile_for, devices),
            )
            for programs in lowered
        ]
        found = [(start.result(), epoch.result()) for epoch, start in pending]
    return [
        {device: Programs(start[device], epoch[device]) for device in devices}
        for start, epoch in found
    ]


def _with_shared_order(
    start: Callable[..., Any], advance: Callable[..., Any], batch_size: int
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Returns start and epoch of K members that see the same batches.

    Args:
        start: of one member, see `make_start`.
        advance: of one member, see `make_advance`.
        batch_size: B.
    """
    members, alike = 0, None
    # hyperparameters, train and epoch state; order, both sets, patience and counts
    advances = with_order(jax.vmap(advance, (members,) * 3 + (alike,) * 5), batch_size)

    def starts(traced, ids, variants, inputs):
        key, counts = inputs
        return jax.vmap(lambda hp, i: start(hp, member_key(key, i), counts))(
            traced, ids
        )

    def epochs(traced, train_state, epoch_state, number, variants, shared):
        return advances(traced, train_state, epoch_state, number, *shared)

    return starts, epochs


def _with_own_orders(
    start: Callable[..., Any], advance: Callable[..., Any], batch_size: int
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Returns start and epoch of K members, each with the batches of its variant.

    Its arguments are those of `_with_shared_order`.
    """

    def starts(traced, ids, variants, inputs):
        keys, splits, counts = inputs
        own = jax.vmap(member_key)(keys[variants], ids)
        return jax.vmap(start)(traced, own, rows_at(counts, splits[variants]))

    def epochs(traced, train_state, epoch_state, number, variants, shared):
        def one(traced, train_state, epoch_state, order, dev_rows, scaling, counts):
            train = replace(shared.train, scaling=scaling)
            dev = Part(replace(shared.dev, scaling=scaling), dev_rows)
            rest = order, train, dev, shared.patience, counts
            return advance(traced, train_state, epoch_state, *rest)

        orders = own_orders(shared, variants, number, batch_size)
        of_splits = shared.dev_rows, shared.scaling, shared.counts
        own = rows_at(of_splits, shared.splits[variants])
        return jax.vmap(one)(traced, train_state, epoch_state, orders, *own)

    return starts, epochs
