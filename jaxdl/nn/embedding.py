"""The embedding: a row of weights for each id."""

import jax.numpy as jnp

from jaxdl.nn.initializers import Initializer, normal_per_unit, xavier
from jaxdl.nn.layer import Layer, check_count, check_size
from jaxdl.nn.size import Size, bound, live, only_live
from jaxdl.nn.spec import Spec


def embedding(num: int, width: int | Size, *, init: Initializer = xavier) -> Layer:
    """Returns the layer from ids to rows of a table, `[B, ...] -> [B, ..., width]`.

    It is the product of one-hot rows `[..., num]` with the table. Parameters: `kernel`
    `[num, width]`, whose columns draw from keys of their own, as those of `dense` do.
    By default its weights have the standard deviation 1, since one factor of each sum
    is not 0.

    Ids are integers from 0 to `num - 1`. Data that have others are refused before the
    training, unless a function changes them on their way here. What `predict` gives for
    other ids is NaN.

        >>> layer = nn.embedding(50, 8)
        >>> params, state, out_shape = layer.init(
        ...     jax.random.key(0), nn.Spec((12,), jnp.int32)
        ... )
        >>> out_shape
        (12, 8)
        >>> rows, _ = layer.apply(params, state, jnp.zeros((2, 12), jnp.int32))
        >>> bool((rows == params["kernel"][None, :1]).all())
        True

    Args:
        num: how many ids there are, an int of at least 1.
        width: of a row, an int of at least 1 or a `Size`.
        init: the standard deviation of a weight, as a function of the fans, which are 1
            and the width.

    Raises:
        TypeError: `num` or `width` is no int, for example a traced hyperparameter.
        ValueError: one is below 1; or, in `init`, examples are not one array of
            integers, or the data have ids outside 0 to `num - 1`.
    """
    num = check_count("embedding", "num", num, least=1)
    width = check_size("embedding", "width", width, least=1)
    stddev = init

    def init_params(key, in_shape):
        _check_ids(in_shape, num)
        draws = normal_per_unit(key, num, bound(width))
        kernel = only_live(jnp.asarray(stddev(1, live(width)) * draws), width)
        return {"kernel": kernel}, (), (*in_shape.shape, width)

    def apply(params, state, x, *, key=None, train=False):
        del key, train
        ids = jnp.where(x < 0, num, x.astype(jnp.int32))  # JAX counts -1 from the end
        return jnp.take(params["kernel"], ids, axis=0, mode="fill"), state

    return Layer(init_params, apply, name="embedding")


def _check_ids(in_shape: Spec, num: int) -> None:
    whole = isinstance(in_shape, Spec) and jnp.issubdtype(in_shape.dtype, jnp.integer)
    if not whole:
        raise ValueError(
            f"embedding got examples like {in_shape}; expected one array of integers: "
            "say that inputs are ids with data.from_arrays(..., ids=True), or ids= the "
            "names of those in a dict, and choose one of several with a function"
        )
    least, most = in_shape.span or (0, 0)
    if least < 0 or most >= num:
        raise ValueError(
            f"embedding got ids from {least} to {most} in the data; expected ids from "
            f"0 to {num - 1}: give it as many rows as there are ids, such as "
            f"nn.embedding({max(most, 0) + 1}, ...), or renumber them"
        )
