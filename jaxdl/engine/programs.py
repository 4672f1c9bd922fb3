"""Programs: what trains a block for an epoch, lowered and compiled for a device.

A block is `K` members side by side under vmap. One program begins its members, another
trains them for an epoch, so a member's bits depend on no neighbour.
"""

import concurrent.futures
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.engine.devices import cores
from jaxdl.engine.inputs import SharedInputs
from jaxdl.engine.layout import Block
from jaxdl.train import compiled
from jaxdl.train.bound import BoundRecipe, make_advance, make_start
from jaxdl.train.check import tracing_errors_explained
from jaxdl.train.part import in_shape
from jaxdl.train.state import member_key

# One thread within a block: the workers keep every core busy already, and sums that one
# thread adds up do not depend on how many cores there are. Vectors of 512 bits where
# the processor has them: XLA's default of 256 made steps of small networks 10 % slower.
CPU_OPTIONS = {"xla_cpu_multi_thread_eigen": False, "xla_cpu_prefer_vector_width": 512}


class Programs(NamedTuple):
    """The two programs of a block, lowered for a device, or compiled."""

    start: Any  # (traced [K], ids [K], key, counts) -> carry [K, ...]
    epoch: Any  # see `make_advance`, with hyperparameters and carry of K members


def lower(
    bound: BoundRecipe, block: Block, width: int, shared: SharedInputs
) -> Programs:
    """Returns a block's programs, lowered for the device of the shared inputs.

    Raises:
        RecipeError: the recipe uses a traced hyperparameter as a plain value.
    """

    def per_member(dtype):
        return jax.ShapeDtypeStruct((width,), dtype)

    start_one = make_start(
        bound, in_shape(shared.train), early_stopping=shared.patience is not None
    )

    def start(traced, member, key, counts):
        return start_one(traced, member_key(key, member), counts)

    members, alike = 0, None
    starts = jax.vmap(start, (members, members, alike, alike))
    # hyperparameters, train and epoch state; number and the five shared inputs
    advances = jax.vmap(make_advance(bound), (members,) * 3 + (alike,) * 6)
    on_cpu = shared.device.platform == "cpu"
    options = CPU_OPTIONS if on_cpu else None
    traced = {name: per_member(column.dtype) for name, column in block.traced.items()}
    number = jax.ShapeDtypeStruct((), jnp.int32)
    place = {"device": shared.device, "options": options}
    with tracing_errors_explained():
        first = compiled.lower(
            starts, traced, per_member(jnp.int32), shared.key, shared.counts, **place
        )
        carry = first.out_shapes
        epoch = compiled.lower(
            advances, traced, *carry, number, *shared, donate=1, **place
        )
    return Programs(first, epoch)


def compile_all(
    lowered: Sequence[Programs], devices: Sequence[jax.Device]
) -> list[dict[jax.Device, Programs]]:
    """Returns the programs for each device, compiled side by side.

    Args:
        lowered: for the first device.
        devices: of one kind.
    """

    def compile_both(programs: Programs) -> dict[jax.Device, Programs]:
        start, epoch = (one.compile_for(devices) for one in programs)
        return {device: Programs(start[device], epoch[device]) for device in devices}

    with concurrent.futures.ThreadPoolExecutor(cores()) as pool:
        return list(pool.map(compile_both, lowered))
