"""A part of a dataset: used like a dataset, but its examples are not copied."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.data import Dataset


class Part(NamedTuple):
    """The examples in some rows of a dataset."""

    whole: Dataset  # [M, ...]
    rows: Any  # [m] integers within the whole


def whole(examples: Dataset | Part) -> Dataset:
    """Returns the whole dataset of a part; a dataset itself."""
    return examples.whole if isinstance(examples, Part) else examples


def size(examples: Dataset | Part) -> int:
    """Returns the number of examples m."""
    return len(examples.rows if isinstance(examples, Part) else examples.inputs)


def weights(examples: Dataset | Part) -> jax.Array | None:
    """Returns the weight of each example, `[m]`; None: 1 each."""
    if isinstance(examples, Part) and examples.whole.weights is not None:
        return examples.whole.weights[examples.rows]
    return whole(examples).weights


def labels(examples: Dataset | Part) -> Any:
    """Returns the label of each example, `[m, ...]`."""
    if isinstance(examples, Part):
        return jax.tree.map(lambda x: x[examples.rows], examples.whole.labels)
    return examples.labels


def take(examples: Dataset | Part, index: jax.Array) -> Dataset:
    """Returns the examples at `index`, `[B]` integers from 0 to m - 1."""
    if isinstance(examples, Part):
        index = jnp.take(examples.rows, index, mode="clip")
    return jax.tree.map(
        lambda x: jnp.take(x, index, axis=0, mode="clip"), whole(examples)
    )
