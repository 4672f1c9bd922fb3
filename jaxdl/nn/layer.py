"""What a layer is, and how layers make a model.

A layer is a pair of pure functions; shapes leave out the batch axis, and what a layer
does not have (parameters, state) is the empty tuple::

    init(key, in_shape)                              -> (params, state, out_shape)
    apply(params, state, x, *, key=None, train=False) -> (y, state)

A plain function of an array, such as `relu`, is a layer too. Every number given to a
layer may be a tracer: a model is built inside the traced function of a training.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

Shape = tuple[int, ...]


class Layer(NamedTuple):
    """A pair of pure functions, `init` and `apply`, as this module describes them."""

    init: Callable[[jax.Array, Shape], tuple[Any, Any, Shape]]
    apply: Callable[..., tuple[jax.Array, Any]]


def as_layer(layer: Layer | Callable[[jax.Array], jax.Array]) -> Layer:
    """Returns `layer` itself, or the layer that applies a plain function.

    Args:
        layer: a `Layer`, or a function from `[B, ...]` to `[B, ...]`.

    Raises:
        TypeError: it is neither.
    """
    if isinstance(layer, Layer):
        return layer
    if not callable(layer):
        raise TypeError(
            f"got {layer!r} as a layer; expected a jaxdl.nn.Layer, such as "
            "nn.dense(64), or a function of one array, such as nn.relu"
        )
    function = layer

    def init(key, in_shape):
        del key
        out = jax.eval_shape(
            function, jax.ShapeDtypeStruct((1, *in_shape), jnp.result_type(float))
        )
        return (), (), out.shape[1:]

    def apply(params, state, x, *, key=None, train=False):
        del params, key, train
        return function(x), state

    return Layer(init, apply)


def serial(*layers: Layer | Callable[[jax.Array], jax.Array]) -> Layer:
    """Returns the layer `x -> layers[-1](... layers[1](layers[0](x)))`.

    Parameters and state are tuples with one entry a layer. Layer `i` draws from
    `fold_in(key, i)`, so a layer added at the end moves no earlier draw.

    Args:
        *layers: layers or plain functions, applied from left to right.

    Raises:
        TypeError: an argument is neither a layer nor a function.
    """
    stages = tuple(as_layer(layer) for layer in layers)

    def init(key, in_shape):
        params, state, shape = [], [], in_shape
        for i, stage in enumerate(stages):
            p, s, shape = stage.init(jax.random.fold_in(key, i), shape)
            params.append(p)
            state.append(s)
        return tuple(params), tuple(state), shape

    def apply(params, state, x, *, key=None, train=False):
        new_state = []
        for i, stage in enumerate(stages):
            stage_key = None if key is None else jax.random.fold_in(key, i)
            x, s = stage.apply(params[i], state[i], x, key=stage_key, train=train)
            new_state.append(s)
        return x, tuple(new_state)

    return Layer(init, apply)


def flatten(x: jax.Array) -> jax.Array:
    """Returns each example as one row, channels first: `[B, H, W, C] -> [B, C*H*W]`.

    Args:
        x: `[B, ..., C]` examples of any shape.
    """
    return jnp.moveaxis(x, -1, 1).reshape(x.shape[0], -1)
