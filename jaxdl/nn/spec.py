"""What one example is like: the `in_shape` that a layer is initialized with.

Of one float array it is a plain tuple, its shape. Of anything else, such as ids or a
dict of arrays, it is a tree of `Spec`.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jaxdl.nn.size import Shape, bound, is_size, is_whole


@dataclasses.dataclass(frozen=True)
class Spec:
    """Shape and type of one example's array.

    >>> nn.Spec((12,), jnp.int32)  # 12 tokens
    Spec(shape=(12,), dtype=<class 'jax.numpy.int32'>)
    """

    shape: Shape  # entries int or Size
    dtype: Any
    # the least and the greatest id of the data, where the host knows them
    span: tuple[int, int] | None = dataclasses.field(
        default=None, compare=False, repr=False
    )


def is_shape(in_shape: Any) -> bool:
    """Returns whether examples are one float array: a tuple of ints and sizes."""
    return isinstance(in_shape, tuple) and all(
        is_size(side) or is_whole(side) for side in in_shape
    )


def specs(in_shape: Any) -> Any:
    """Returns the tree of `Spec` of examples, also of one float array."""
    if is_shape(in_shape):
        return Spec(in_shape, jnp.result_type(float))
    return in_shape


def sizes_of(in_shape: Any) -> list[Any]:
    """Returns the sides of all arrays, ints and sizes."""
    return [
        side
        for leaf in jax.tree.leaves(specs(in_shape))
        for side in (leaf.shape if isinstance(leaf, Spec) else (leaf,))
    ]


def batch_of_one(in_shape: Any) -> Any:
    """Returns shapes and types of a batch of one example, sizes as their bounds."""

    def one(spec):
        return jax.ShapeDtypeStruct((1, *map(bound, spec.shape)), spec.dtype)

    return jax.tree.map(one, specs(in_shape))


def shape_of(batch: Any) -> Any:
    """Returns what one example of a batch is like: a tuple, or a tree of `Spec`.

    Args:
        batch: a tree of arrays `[B, ...]`, or of their shapes and types.
    """
    found = jax.tree.map(lambda x: Spec(x.shape[1:], x.dtype), batch)
    if isinstance(found, Spec) and jnp.issubdtype(found.dtype, jnp.floating):
        return found.shape
    return found


def with_spans(in_shape: Any, spans: Mapping[str, tuple[int, int]]) -> Any:
    """Returns an `in_shape` that knows the least and the greatest id of some arrays.

    Args:
        in_shape: as `shape_of` has it.
        spans: by the name of an array in a dict; of one array its name is "".
    """

    def known(path, spec):
        name = jax.tree_util.keystr(path, simple=True, separator=".")
        return dataclasses.replace(spec, span=spans.get(name))

    return in_shape if is_shape(in_shape) else jax.tree.map_with_path(known, in_shape)


def same_shape(a: Any, b: Any) -> bool:
    """Returns whether examples are alike; of sizes only the bounds are compared."""

    def bounds(spec):
        return Spec(tuple((is_size(n), bound(n)) for n in spec.shape), spec.dtype)

    one, other = (jax.tree.map(bounds, specs(shape)) for shape in (a, b))
    return one == other


def check_floats(layer: str, in_shape: Any) -> None:
    """Checks that a layer gets one array of floats.

    Raises:
        ValueError: it gets integers, or several arrays.
    """
    if not is_shape(in_shape):
        raise ValueError(
            f"{layer} got examples like {in_shape}; expected one array of floats: put "
            "nn.embedding, or a function such as lambda x: jax.nn.one_hot(x, 50), "
            "before it"
        )
