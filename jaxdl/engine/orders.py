"""Orders: which rows each step of an epoch takes, and each batch of an evaluation."""

from typing import Any

import jax
import jax.numpy as jnp

from jaxdl.engine.inputs import SharedInputs, VariedInputs
from jaxdl.train.part import size
from jaxdl.train.state import epoch_order
from jaxdl.train.step import eval_order


def orders(
    number: jax.Array,
    variants: jax.Array,
    resident: SharedInputs | VariedInputs,
    batch_size: int,
) -> tuple[jax.Array, jax.Array]:
    """Returns the rows of an epoch's steps and of its evaluation's batches.

    They are `[steps, B]` and `[batches, B]`; with own orders, `[K, ...]` each.

    Args:
        number: of the epoch.
        variants: of the members, `[K]`.
        resident: what the members train with.
        batch_size: of the steps.
    """
    if isinstance(resident, SharedInputs):
        m = size(resident.train)
        order = epoch_order(resident.key, number, m, batch_size)
        return order, eval_order(size(resident.dev))
    dev_rows = resident.dev_rows[resident.splits[variants]]
    order = own_orders(resident, variants, number, batch_size)
    return order, dev_rows[:, eval_order(dev_rows.shape[1])]


def own_orders(
    shared: VariedInputs, variants: jax.Array, number: jax.Array, batch_size: int
) -> jax.Array:
    """Returns the order of each member, `[K, steps, B]` rows of the whole train set.

    It takes one shuffle for neighbours of one variant: the scan goes from member to
    member outside of vmap, so that `cond` is a branch and no select.
    """
    m = shared.train_rows.shape[1]

    def made(variant):
        order = epoch_order(shared.keys[variant], number, m, batch_size)
        return shared.train_rows[shared.splits[variant], order]

    def after(before, variant):
        last, order = before
        order = jax.lax.cond(variant == last, lambda: order, lambda: made(variant))
        return (variant, order), order

    nothing = jnp.zeros((-(-m // batch_size), batch_size), jnp.int32)
    return jax.lax.scan(after, (jnp.int32(-1), nothing), variants)[1]


def rows_at(arrays: Any, index: jax.Array) -> Any:
    """Returns the rows at `index` of all arrays of a tree."""
    return jax.tree.map(lambda x: x[index], arrays)
