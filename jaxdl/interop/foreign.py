"""What models of all other libraries have in common."""

from typing import Any

import jax
import jax.numpy as jnp

from jaxdl.nn.size import is_size
from jaxdl.nn.spec import batch_of_one, sizes_of


def check_plain(what: str, in_shape: Any) -> None:
    """Checks that a model gets examples of plain shapes.

    Raises:
        TypeError: a side of it is a `Size`.
    """
    if any(map(is_size, sizes_of(in_shape))):
        raise TypeError(
            f"{what} got examples like {in_shape}; expected plain ints, since "
            "other libraries do not know sizes: make the hyperparameter of the layer "
            "before it Static([...]) in the space"
        )


def zeros(in_shape: Any) -> Any:
    """Returns a batch of one example, all zero."""
    return jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), batch_of_one(in_shape))


def output_shape(what: str, out: Any) -> tuple[int, ...]:
    """Returns the shape of one output of a model, from that of a batch of one.

    Raises:
        TypeError: the output is not one array `[1, ...]`.
    """
    shape = getattr(out, "shape", None)
    if not shape or shape[0] != 1:
        raise TypeError(
            f"{what} got a model that returns {out!r:.200} for one example; expected "
            "one array [B, ...]"
        )
    return shape[1:]
