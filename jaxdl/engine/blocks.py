"""The engine: blocks of members, each trained by one program on one device.

A block is `width` members side by side under vmap, the last block padded with copies
of its last member. One program trains a block for an epoch, and the host places blocks
on devices, so a member's bits depend neither on its neighbours nor on the device.
`K` members in a block, `n ≤ K` of them real.
"""

import concurrent.futures
import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import SingleDeviceSharding
from numpy.typing import NDArray

from jaxdl.data import Dataset
from jaxdl.engine.layout import Group
from jaxdl.engine.plan import MAX_PROGRAMS
from jaxdl.engine.workers import cores
from jaxdl.nn.layer import Shape
from jaxdl.train import (
    Part,
    Progress,
    RecipeFunction,
    Structure,
    TrainState,
    begin,
    combine,
    init,
    kept,
    make_epoch,
    member_key,
    tracing_errors_explained,
    train_epochs,
    whole,
)

# One thread within a block: the workers keep every core busy already, and sums that one
# thread adds up do not depend on how many cores there are. Vectors of 512 bits where
# the processor has them: XLA's default of 256 made steps of small networks 10 % slower.
CPU_OPTIONS = {"xla_cpu_multi_thread_eigen": False, "xla_cpu_prefer_vector_width": 512}

Report = Callable[[int, NDArray[Any], dict[str, NDArray[Any]]], None]


class Shared(NamedTuple):
    """What all members of a variant are trained with, on one device."""

    train: Dataset | Part
    dev: Dataset | Part
    key: jax.Array  # the run's
    patience: Any  # [] epochs; None: no early stopping


Carried = tuple[TrainState, Progress]


class Trained(NamedTuple):
    """A block after its training, on the host."""

    group: Group  # its n members
    params: Any  # [K, ...]
    state: Any  # [K, ...]
    fate: NDArray[np.int32]  # [n] index into FATES
    stopped_at: NDArray[np.int32]  # [n] step; -1 for the running
    steps: NDArray[np.int32]  # [n] that each has taken
    kept_epoch: NDArray[np.int32]  # [n] epoch of params and state
    metrics: dict[str, NDArray[Any]]  # [epochs, n]
    carried: Carried | None  # [K, ...] what it goes on from; None: it will not
    record: int = -1  # its number in the run's store

    def without_arrays(self) -> "Trained":
        """Returns what is known of it when others have gone on from it."""
        return self._replace(params=None, state=None, carried=None)


class Programs(NamedTuple):
    """The two programs of a block: jitted, lowered for a device, or compiled."""

    start: Any  # (traced [K], ids [K], key) -> (train_state, progress) [K, ...]
    epoch: Any  # see `make_epoch`, with hyperparameters and state of K members


def make_blocks(groups: list[Group], width: int) -> list[Group]:
    """Returns the groups cut into blocks of at most `width` members."""
    return [
        group._replace(
            members=group.members[i : i + width],
            traced={name: c[i : i + width] for name, c in group.traced.items()},
        )
        for group in groups
        for i in range(0, len(group.members), width)
    ]


def lower(recipe: RecipeFunction, block: Group, width: int, shared: Shared) -> Programs:
    """Returns a block's programs, lowered for the device of what is shared.

    JAX traces and lowers a recipe once for the same structure, width and shapes.

    Raises:
        RecipeError: the recipe uses a traced hyperparameter as a plain value.
    """
    (device,) = shared.key.devices()
    place = SingleDeviceSharding(device)

    def shapes(tree):
        return jax.tree.map(
            lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=place), tree
        )

    def per_member(dtype):
        return jax.ShapeDtypeStruct((width,), dtype, sharding=place)

    on_cpu = device.platform == "cpu"
    programs = _jitted(
        recipe,
        block.structure,
        in_shape=whole(shared.train).inputs.shape[1:],
        early_stopping=shared.patience is not None,
        on_cpu=on_cpu,
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


def train_block(
    programs: Programs,
    block: Group,
    width: int,
    shared: Shared,
    carried: Carried | None,
    report: Report,
    *,
    last: bool,
) -> Trained:
    """Returns the block after its epochs, trained where what is shared lies.

    Args:
        programs: compiled for the block and the device.
        block: whom to train.
        width: K.
        shared: data and key.
        carried: what its members go on from, `[n, ...]`; None: they begin.
        report: called after each epoch with its number, the fates and metrics, `[n]`.
        last: whether its members never go on.
    """
    n = len(block.members)
    (device,) = shared.key.devices()

    def padded(column):
        widths = [(0, width - n)] + [(0, 0)] * (np.ndim(column) - 1)
        return jax.device_put(np.pad(column, widths, mode="edge"), device)

    traced = {name: padded(column) for name, column in block.traced.items()}
    if carried is None:
        ids = padded(block.configurations.astype(np.int32))
        begun: Carried = programs.start(traced, ids, shared.key)
    else:
        begun = _typed_key(jax.tree.map(padded, carried))
    train_state, progress, metrics = train_epochs(
        lambda train_state, progress, number: programs.epoch(
            traced, train_state, progress, np.int32(number), *shared
        ),
        *begun,
        range(block.first, block.until),
        lambda number, fate, metrics: report(
            number, fate[:n], {name: value[:n] for name, value in metrics.items()}
        ),
    )
    params, state, kept_epoch = jax.device_get(kept(train_state, progress))
    fate, stopped_at, steps = jax.device_get(
        (progress.fate, progress.stopped_at, train_state.step)
    )
    return Trained(
        block,
        params,
        state,
        fate[:n],
        stopped_at[:n],
        steps[:n],
        kept_epoch[:n],
        {name: value[:, :n] for name, value in metrics.items()},
        None if last else jax.device_get(_plain_key((train_state, progress))),
    )


def _plain_key(carried: Carried) -> Carried:
    """Returns what is carried with its keys as numbers, which the host can hold."""
    train_state, progress = carried
    key = jax.random.key_data(train_state.key)
    return train_state._replace(key=key), progress


def _typed_key(carried: Carried) -> Carried:
    train_state, progress = carried
    key = jax.random.wrap_key_data(train_state.key, impl="threefry2x32")
    return train_state._replace(key=key), progress


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
        return train_state, begin(train_state, early_stopping=early_stopping)

    def epoch_one(traced, *carried_and_data):
        return make_epoch(recipe)(combine(traced, structure), *carried_and_data)

    options = CPU_OPTIONS if on_cpu else None
    jit = functools.partial(jax.jit, compiler_options=options)
    members, shared = 0, None
    return Programs(
        jit(jax.vmap(start_one, (members, members, shared))),
        # hyperparameters, state and progress; number, train, dev, key and patience
        jit(
            jax.vmap(epoch_one, (members,) * 3 + (shared,) * 5),
            donate_argnums=1,
        ),
    )
