"""Some examples of a dataset: in the place of a dataset, without a copy of them."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.data import Dataset


class Part(NamedTuple):
    """The examples in some rows of a dataset."""

    whole: Dataset  # [M, ...]
    rows: Any  # [m] integers within the whole


def whole(examples: Dataset | Part) -> Dataset:
    """Returns the dataset that examples are all or a part of."""
    return examples.whole if isinstance(examples, Part) else examples


def size(examples: Dataset | Part) -> int:
    """Returns m."""
    return len(examples.rows if isinstance(examples, Part) else examples.inputs)


def weights(examples: Dataset | Part) -> jax.Array | None:
    """Returns what each example counts, `[m]`; None: 1 each."""
    if isinstance(examples, Part) and examples.whole.weights is not None:
        return examples.whole.weights[examples.rows]
    return whole(examples).weights


def take(examples: Dataset | Part, index: jax.Array) -> Dataset:
    """Returns the examples at `index`, `[B]` integers from 0 to m - 1."""
    if isinstance(examples, Part):
        index = jnp.take(examples.rows, index, mode="clip")
    return jax.tree.map(
        lambda x: jnp.take(x, index, axis=0, mode="clip"), whole(examples)
    )
