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
    """A pair of pure functions, `init` and `apply`, as this module describes them.

    What is made of other layers names them as well, so that one can look inside:
    `join(*parts)` is the layer itself.
    """

    init: Callable[[jax.Array, Shape], tuple[Any, Any, Shape]]
    apply: Callable[..., tuple[jax.Array, Any]]
    parts: tuple["Layer", ...] = ()  # in the order they are applied
    join: Callable[..., "Layer"] | None = None


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
        if not hasattr(out, "shape"):
            raise TypeError(
                f"got {function!r} as a layer, which returns {type(out).__name__}; "
                "expected a function from an array to an array"
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

    return Layer(init, apply, stages, serial)


def residual(*layers: Layer | Callable[[jax.Array], jax.Array]) -> Layer:
    """Returns the layer `x -> x + serial(*layers)(x)`.

    Parameters and state are those of the serial part.

    Args:
        *layers: layers or plain functions that together keep the shape.

    Raises:
        ValueError: they change the shape of an example.

    Source: He et al., Deep Residual Learning for Image Recognition, 2016.
    """
    inner = serial(*layers)

    def init(key, in_shape):
        params, state, out_shape = inner.init(key, in_shape)
        if out_shape != in_shape:
            raise ValueError(
                f"residual got layers from shape {in_shape} to {out_shape}; expected "
                "the same shape, since both are added"
            )
        return params, state, out_shape

    def apply(params, state, x, *, key=None, train=False):
        y, state = inner.apply(params, state, x, key=key, train=train)
        return x + y, state

    return Layer(init, apply, inner.parts, residual)


def repeat(layer: Layer | Callable[[jax.Array], jax.Array], times: int) -> Layer:
    """Returns `serial(layer, ..., layer)`, each with parameters of its own.

    Args:
        layer: what is repeated.
        times: how often, a plain int of at least 0; 0 is the identity.

    Raises:
        TypeError: `times` is not a plain int, for example a traced hyperparameter.
        ValueError: `times` is below 0.
    """
    check_count("repeat", "times", times, least=0)
    return serial(*[layer] * times)


def check_count(layer: str, name: str, count: int, *, least: int) -> None:
    """Checks a number that shapes the program.

    Raises:
        TypeError: it is not a plain int, for example a traced hyperparameter.
        ValueError: it is below `least`.
    """
    if not isinstance(count, int) or isinstance(count, bool):
        raise TypeError(
            f"{layer} got {name}={count!r} ({type(count).__name__}); expected a plain "
            "int, since it shapes the program: give the hyperparameter as a constant "
            "or as Static([...]) in the space"
        )
    if count < least:
        raise ValueError(f"{layer} got {name}={count}; expected at least {least}")


def given_key(layer: str, key: jax.Array | None) -> jax.Array:
    """Returns the key that a layer needs to draw from in training.

    Raises:
        ValueError: there is none.
    """
    if key is None:
        raise ValueError(f"{layer} got key=None in training; give apply a key")
    return key


def flatten(x: jax.Array) -> jax.Array:
    """Returns each example as one row, channels first: `[B, H, W, C] -> [B, C*H*W]`.

    Args:
        x: `[B, ..., C]` examples of any shape.
    """
    return jnp.moveaxis(x, -1, 1).reshape(x.shape[0], -1)
