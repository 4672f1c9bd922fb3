"""Programs: what trains a block for an epoch, lowered and compiled for a device.

A block is `K` members side by side under vmap. One program begins its members, another
trains them for an epoch, so a member's bits depend on no neighbour.
"""

import concurrent.futures
import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import SingleDeviceSharding

from jaxdl.engine.inputs import SharedInputs
from jaxdl.engine.layout import Block
from jaxdl.engine.plan import MAX_PROGRAMS
from jaxdl.engine.workers import cores
from jaxdl.nn.size import Shape
from jaxdl.train.check import tracing_errors_explained
from jaxdl.train.epoch import make_epoch
from jaxdl.train.epoch_state import init_epoch_state
from jaxdl.train.part import whole
from jaxdl.train.recipe import RecipeFunction
from jaxdl.train.state import init, member_key
from jaxdl.train.structure import Structure, combine

# One thread within a block: the workers keep every core busy already, and sums that one
# thread adds up do not depend on how many cores there are. Vectors of 512 bits where
# the processor has them: XLA's default of 256 made steps of small networks 10 % slower.
CPU_OPTIONS = {"xla_cpu_multi_thread_eigen": False, "xla_cpu_prefer_vector_width": 512}


class Programs(NamedTuple):
    """The two programs of a block: jitted, lowered for a device, or compiled."""

    start: Any  # (traced [K], ids [K], key) -> carry [K, ...]
    epoch: Any  # see `make_epoch`, with hyperparameters and carry of K members


def lower(
    recipe: RecipeFunction, block: Block, width: int, shared: SharedInputs
) -> Programs:
    """Returns a block's programs, lowered for the device of the shared inputs.

    JAX traces and lowers a recipe once for the same structure, width and shapes.

    Raises:
        RecipeError: the recipe uses a traced hyperparameter as a plain value.
    """
    place = SingleDeviceSharding(shared.device)

    def shapes(tree):
        return jax.tree.map(
            lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=place), tree
        )

    def per_member(dtype):
        return jax.ShapeDtypeStruct((width,), dtype, sharding=place)

    programs = _jitted(
        recipe,
        block.structure,
        in_shape=whole(shared.train).inputs.shape[1:],
        early_stopping=shared.patience is not None,
        on_cpu=shared.device.platform == "cpu",
    )
    traced = {name: per_member(column.dtype) for name, column in block.traced.items()}
    number = shapes(jax.ShapeDtypeStruct((), jnp.int32))
    with tracing_errors_explained():
        start = programs.start.lower(traced, per_member(jnp.int32), shapes(shared.key))
        epoch = programs.epoch.lower(
            traced, *shapes(start.out_info), number, *shapes(shared)
        )
    return Programs(start, epoch)


def compile_all(lowered: Sequence[Programs]) -> list[Programs]:
    """Returns the programs compiled, side by side; those known to JAX at once."""

    def compile_both(programs: Programs) -> Programs:
        return Programs(programs.start.compile(), programs.epoch.compile())

    with concurrent.futures.ThreadPoolExecutor(cores()) as pool:
        return list(pool.map(compile_both, lowered))


@functools.lru_cache(maxsize=MAX_PROGRAMS)
def _jitted(
    recipe: RecipeFunction,
    structure: Structure,
    in_shape: Shape,
    early_stopping: bool,
    on_cpu: bool,
) -> Programs:
    def start_one(traced, member, key):
        hp = combine(traced, structure)
        train_state = init(recipe, hp, member_key(key, member), in_shape)
        return train_state, init_epoch_state(train_state, early_stopping=early_stopping)

    def epoch_one(traced, *carry_and_inputs):
        return make_epoch(recipe)(combine(traced, structure), *carry_and_inputs)

    options = CPU_OPTIONS if on_cpu else None
    jit = functools.partial(jax.jit, compiler_options=options)
    members, shared = 0, None
    return Programs(
        jit(jax.vmap(start_one, (members, members, shared))),
        # hyperparameters, train and epoch state; number, train, dev, key and patience
        jit(
            jax.vmap(epoch_one, (members,) * 3 + (shared,) * 5),
            donate_argnums=1,
        ),
    )
