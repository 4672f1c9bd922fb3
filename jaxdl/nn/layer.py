"""What a layer is, and how layers make a model.

A layer is a pair of pure functions. Shapes leave out the batch axis. A layer without
parameters or without state has the empty tuple in their place::

    init(key, in_shape)                              -> (params, state, out_shape)
    apply(params, state, x, *, key=None, train=False) -> (y, state)

`in_shape` is a tuple for one float array; for anything else, such as ids or a dict of
arrays, it is a tree of `Spec`, see `jaxdl/nn/spec.py`. So is `out_shape`.

A plain function of an array, such as `relu`, is a layer too. Every number that does not
shape arrays may be traced: a model is built inside the traced function of a training.
"""

import math
import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.counts import is_count
from jaxdl.nn.size import Shape, Size, bound, is_size, is_whole
from jaxdl.nn.spec import batch_of_one, is_shape, same_shape, shape_of, sizes_of, specs


def _all_of(params: Any) -> Any:
    return params


class Layer(NamedTuple):
    """A pair of pure functions, `init` and `apply`, as this module describes them.

    A layer made of other layers has them as `parts`. With `join`, `join(*parts)` is the
    layer itself, so that code can look inside or replace a part.

    `counted` returns parameters with zeros for those of options that are not chosen,
    see `among`. Penalties and optimizers get these, and only what counts is updated.

    `name` is for people, such as `dense`. It is empty if the layer has none.
    """

    init: Callable[[jax.Array, Shape], tuple[Any, Any, Shape]]
    apply: Callable[..., tuple[jax.Array, Any]]
    parts: tuple["Layer", ...] = ()  # in the order they are applied
    join: Callable[..., "Layer"] | None = None
    counted: Callable[[Any], Any] = _all_of
    name: str = ""


def as_layer(layer: Layer | Callable[[jax.Array], jax.Array]) -> Layer:
    """Returns `layer` itself, or the layer that applies a plain function.

    Raises:
        TypeError: `layer` is neither a `Layer` nor a function; or, in `init`, the
            function returns neither an array nor a dict of arrays.
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
        trace = jax.make_jaxpr(function, return_shape=True)
        program, out = trace(batch_of_one(in_shape))
        if not hasattr(out, "shape") and not isinstance(out, dict):
            raise TypeError(
                f"got {function!r} as a layer, which returns {type(out).__name__}; "
                "expected a function that returns an array or a dict of arrays"
            )
        found = _spans_kept(program.jaxpr, in_shape, shape_of(out))
        return (), (), _out_shape(function, in_shape, found)

    def apply(params, state, x, *, key=None, train=False):
        del params, key, train
        return function(x), state

    return Layer(init, apply, name=getattr(function, "__name__", ""))


def _spans_kept(program: Any, in_shape: Any, out: Any) -> Any:
    """Returns an output's shape that knows the ids which a function does not change.

    Args:
        program: of the function.
        in_shape: its input's, see `jaxdl/nn/spec.py`.
        out: its output's, of the same kind.
    """
    given = dict(zip(program.invars, jax.tree.leaves(specs(in_shape)), strict=True))
    leaves, treedef = jax.tree.flatten(specs(out))
    kept = [  # a constant has no name
        leaf if hasattr(var, "val") else given.get(var, leaf)
        for var, leaf in zip(program.outvars, leaves, strict=True)
    ]
    return out if is_shape(out) else jax.tree.unflatten(treedef, kept)


def _out_shape(function: Callable, in_shape: Any, out: Any) -> Any:
    """Returns the output shape of a plain function, with the sizes of its input.

    With a `Size`, it must keep the shape, or the last axis of images, or be `flatten`,
    and no feature of its result may depend on a later one, as in a sum over all.
    """
    if not any(map(is_size, sizes_of(in_shape))):
        return out
    if not (is_shape(in_shape) and is_shape(out)):
        raise ValueError(
            f"{getattr(function, '__name__', function)} got examples like {in_shape}, "
            "of which one has a Size; expected a function from one array of floats to "
            "another: give sizes to layers after it"
        )
    if function is not flatten and _looks_behind(function, in_shape):
        raise ValueError(
            f"{getattr(function, '__name__', function)} got examples of shape "
            f"{in_shape}, and a feature of its result depends on one behind it; "
            "expected each to be by itself, since those beyond a Size are not to count"
        )
    if out == tuple(bound(size) for size in in_shape):
        return in_shape
    *sides, features = in_shape
    if not any(is_size(size) for size in sides):
        if function is flatten:
            return (features * math.prod(sides),)
        if len(out) == len(in_shape) and out[-1] == bound(features):
            return (*out[:-1], features)
    raise ValueError(
        f"{getattr(function, '__name__', function)} made shape {out} of {in_shape}, "
        "which has a Size; expected a function that keeps the shape, or that of the "
        "last axis, or nn.flatten"
    )


def _looks_behind(function: Callable, in_shape: Shape) -> bool:
    """Returns whether other features depend on the last one.

    For a function that contains a traced hyperparameter it is unknown: False.
    """
    ones = np.ones((1, *(bound(size) for size in in_shape)))
    other = ones.copy()
    other[..., -1] = 2
    with jax.ensure_compile_time_eval():
        results = [function(jnp.asarray(x, float)) for x in (ones, other)]
    if any(isinstance(result, jax.core.Tracer) for result in results):
        return False
    # in NumPy, which compiles nothing
    one, two = (np.asarray(result)[..., :-1] for result in results)
    return not np.array_equal(one, two, equal_nan=True)


def serial(*layers: Layer | Callable[[jax.Array], jax.Array]) -> Layer:
    """Returns the layer `x -> layers[-1](... layers[1](layers[0](x)))`.

    Parameters and state are tuples with one entry for each layer. Layer `i` draws from
    `fold_in(key, i)`, so a layer added at the end changes no earlier draw.

        >>> model = nn.serial(nn.flatten, nn.dense(8), nn.relu, nn.dense(3))
        >>> params, state, out_shape = model.init(jax.random.key(0), (4, 4, 1))
        >>> [sorted(p) for p in params], out_shape
        ([[], ['bias', 'kernel'], [], ['bias', 'kernel']], (3,))

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

    def counted(params):
        pairs = zip(stages, params, strict=True)
        return tuple(stage.counted(own) for stage, own in pairs)

    return Layer(init, apply, stages, serial, counted, "serial")


def residual(*layers: Layer | Callable[[jax.Array], jax.Array]) -> Layer:
    """Returns the layer `x -> x + serial(*layers)(x)`.

    Parameters and state are those of the serial part.

    Args:
        *layers: layers or plain functions that together keep the shape. Of a `Size`
            only the bound is compared; the live size is known only in the program.

    Raises:
        ValueError: they change the shape of an example.

    Source: He et al., Deep Residual Learning for Image Recognition, 2016.
    """
    inner = serial(*layers)

    def init(key, in_shape):
        params, state, out_shape = inner.init(key, in_shape)
        if not same_shape(out_shape, in_shape):
            raise ValueError(
                f"residual got layers from shape {in_shape} to {out_shape}; expected "
                "the same shape, since both are added"
            )
        return params, state, out_shape

    def apply(params, state, x, *, key=None, train=False):
        y, state = inner.apply(params, state, x, key=key, train=train)
        return x + y, state

    return Layer(init, apply, inner.parts, residual, inner.counted, "residual")


def check_size(layer: str, name: str, size: int | Size, *, least: int) -> Any:
    """Returns a `Size` unchanged and any other integer as a plain int.

    Raises:
        TypeError: the size is neither a `Size` nor an integer.
        ValueError: the integer, or the bound, is below `least`.
    """
    count = check_count(layer, name, bound(size), least=least, way=" or AsSize(...)")
    return size if isinstance(size, Size) else count


def check_count(layer: str, name: str, count: int, *, least: int, way: str = "") -> int:
    """Returns a number that shapes the program as a plain int.

    Raises:
        TypeError: the number is not an integer, for example a traced hyperparameter.
        ValueError: it is below `least`.
    """
    if not is_whole(count):
        raise TypeError(
            f"{layer} got {name}={count!r} ({type(count).__name__}); expected a plain "
            "int, since it shapes the program: give the hyperparameter as a constant, "
            f"as Static([...]){way} in the space"
        )
    if not is_count(count, least=least):
        raise ValueError(f"{layer} got {name}={count}; expected at least {least}")
    return operator.index(count)


def given_key(layer: str, key: jax.Array | None) -> jax.Array:
    """Returns the key from which a layer draws in training.

    Raises:
        ValueError: the key is None.
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
