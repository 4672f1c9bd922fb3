"""Examples on a device: a dataset, or a part of one whose examples are not copied.

What is stored raw is scaled here, batch by batch, after it is gathered.
"""

import math
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.data import Dataset
from jaxdl.data.about import About, Moments, Scaling, by_name
from jaxdl.data.dataset import map_examples
from jaxdl.data.trees import map_named, num_examples
from jaxdl.nn.spec import shape_of
from jaxdl.train.structure import canonical


class Part(NamedTuple):
    """The examples in some rows of a dataset."""

    whole: Dataset  # [M, ...]
    rows: Any  # [m] integers within the whole


def on_device(dataset: Dataset) -> Dataset:
    """Returns a dataset as JAX arrays, without groups and names: no program reads them.

    Integer inputs and half floats keep their type, so that a byte stays a byte. Other
    arrays get JAX's default types.
    """
    return Dataset(
        jax.tree.map(_stored, dataset.inputs),
        *jax.tree.map(canonical, (dataset.labels, dataset.weights)),
        scaling=jax.tree.map(canonical, dataset.scaling),
        about=About(ids=dataset.about.ids),
    )


def on_device_shapes(dataset: Dataset) -> Dataset:
    """Returns shapes and types of `on_device(dataset)`, without the arrays."""
    bare = replace(dataset, groups=None, about=About(ids=dataset.about.ids))
    return jax.eval_shape(on_device, jax.tree.map(_shape, bare))


def whole(examples: Dataset | Part) -> Dataset:
    """Returns the whole dataset of a part; a dataset itself."""
    return examples.whole if isinstance(examples, Part) else examples


def size(examples: Dataset | Part) -> int:
    """Returns the number of examples m."""
    if isinstance(examples, Part):
        return len(examples.rows)
    return num_examples(examples.inputs)


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
    """Returns the batch of the examples at `index`, `[B]` integers from 0 to m - 1.

    Its inputs are scaled floats; ids keep their type. Its labels are as they are
    stored, and its scaling is that of the labels.
    """
    if isinstance(examples, Part):
        index = jnp.take(examples.rows, index, mode="clip")
    rows = map_examples(
        lambda x: jnp.take(x, index, axis=0, mode="clip"), whole(examples)
    )
    inputs, labels = rows.scaling or Scaling()
    return replace(
        rows,
        inputs=scaled_inputs(rows.inputs, rows.about.ids, by_name(inputs)),
        scaling=None if labels is None else Scaling(labels=labels),
    )


def scaled_inputs(
    inputs: Any, ids: tuple[str, ...] | bool, moments: dict[str, Moments]
) -> Any:
    """Returns inputs as scaled floats, but for arrays of ids, which keep their type.

    Args:
        inputs: an array, or a dict of arrays.
        ids: see `About`.
        moments: of each array that has some, by name.
    """

    def one(name, x):
        kept = ids if isinstance(ids, bool) else name in ids
        return x if kept else scaled(x, moments.get(name))

    return map_named(one, inputs)


def batch_of(dataset: Dataset, size: int) -> Dataset:
    """Returns the shapes and types of a batch.

    Args:
        dataset: shapes and types of a dataset on a device.
        size: B.
    """
    return jax.eval_shape(take, dataset, jax.ShapeDtypeStruct((size,), jnp.int32))


def in_shape(examples: Dataset | Part) -> Any:
    """Returns what one example is like as a model gets it, see `jaxdl/nn/spec.py`."""
    shapes = jax.tree.map(_shape, replace(whole(examples), groups=None))
    return shape_of(batch_of(shapes, 1).inputs)


def scaled_labels(batch: Dataset) -> jax.Array:
    """Returns the labels of a batch as the loss has them, `(y - mean) / scale`."""
    if batch.scaling is None:
        return batch.labels
    return scaled(batch.labels, batch.scaling.labels)


def unscaled(outputs: jax.Array, batch: Dataset) -> jax.Array:
    """Returns a model's outputs for a batch in the units of the labels."""
    if batch.scaling is None or batch.scaling.labels is None:
        return outputs
    mean, scale = (_of_each(x) for x in batch.scaling.labels)
    return outputs * scale + mean


def scaled(values: jax.Array, moments: Moments | None) -> jax.Array:
    """Returns `(values - mean) / scale` as floats; without moments, floats."""
    floats = values.astype(jnp.result_type(float))
    if moments is None:
        return floats
    return (floats - _of_each(moments.mean)) / _of_each(moments.scale)


def _of_each(moment: Any) -> Any:
    """Returns a moment with an axis for the examples; a scalar as it is."""
    return moment[None] if moment.ndim else moment


def _stored(inputs: Any) -> jax.Array:
    dtype = np.dtype(inputs.dtype)
    narrow = jnp.issubdtype(dtype, jnp.integer) or dtype.itemsize < 4
    return jnp.asarray(inputs) if narrow else canonical(inputs)


def _shape(x: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(np.shape(x), jax.dtypes.canonicalize_dtype(x.dtype))


def bytes_of(shapes: Any) -> int:
    """Returns how many bytes arrays of these shapes and types have."""
    leaves = jax.tree.leaves(shapes)
    return sum(math.prod(x.shape) * x.dtype.itemsize for x in leaves)
