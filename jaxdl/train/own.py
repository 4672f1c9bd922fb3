"""A copy of a batch for each of several models that train side by side.

Where models share a batch, `jax.vmap` makes one matrix product of it with the weights
of all of them. Kernels add up the last columns of a product in an order of their own if
these columns do not fill a vector or a tile. So a model's last bits would depend on its
place among the others. With a copy of the batch each model has its own product.
"""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp

from jaxdl.data import Dataset


def own_copy(arrays: Any, number: Any) -> Any:
    """Returns the arrays; under `jax.vmap` over models, a copy for each of them.

    Args:
        arrays: a tree of them.
        number: any number of the model, such as its step. Its value does not matter.
    """
    # A compiler drops a select between equal sides. But vmap has given both sides the
    # axis of the condition by then, which is the axis of the models.
    condition = jnp.asarray(number) >= 0
    return jax.tree.map(lambda x: jax.lax.select_n(condition, x, x), arrays)


def own_batch(batch: Dataset, number: Any) -> Dataset:
    """Returns a batch with a copy of its examples for each model, see `own_copy`."""
    examples = batch.inputs, batch.labels, batch.weights
    inputs, labels, weights = own_copy(examples, number)
    return replace(batch, inputs=inputs, labels=labels, weights=weights)
