"""A layer repeated: how often is an int or a live size."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxdl.nn.layer import Layer, as_layer, check_size, serial
from jaxdl.nn.size import Size, only_live
from jaxdl.nn.spec import same_shape


def repeat(layer: Layer | Callable[[jax.Array], jax.Array], times: int | Size) -> Layer:
    """Returns `serial(layer, ..., layer)`, each with its own parameters.

    With a `Size`, parameters and state have a leading axis, `[bound, ...]`. The layers
    beyond the live size are zero and are skipped.

        >>> model = nn.repeat(nn.serial(nn.dense(8), nn.relu), 3)
        >>> params, _, out_shape = model.init(jax.random.key(0), (8,))
        >>> len(params), out_shape
        (3, (8,))

    Args:
        layer: the layer to repeat.
        times: how often, an int of at least 0 or a `Size`; 0 is the identity.

    Raises:
        TypeError: `times` is neither, for example a traced hyperparameter.
        ValueError: `times` is below 0, or a `Size` while the layer changes the shape.
    """
    times = check_size("repeat", "times", times, least=0)
    if isinstance(times, Size):
        return _repeat_live(as_layer(layer), times)
    return serial(*[layer] * times)


def _repeat_live(layer: Layer, times: Size) -> Layer:
    def init(key, in_shape):
        out_shapes = []

        def one(i):
            params, state, out_shape = layer.init(jax.random.fold_in(key, i), in_shape)
            out_shapes.append(out_shape)
            return params, state

        stacked = jax.vmap(one)(jnp.arange(times.bound))
        if not same_shape(out_shapes[0], in_shape):
            raise ValueError(
                f"repeat got layers from shape {in_shape} to {out_shapes[0]}; expected "
                "the same shape, since how often they are applied is a Size"
            )
        params, state = jax.tree.map(lambda x: only_live(x, times, 0), stacked)
        live = jnp.asarray(times.live, jnp.int32)
        return params, {"live": live, "layers": state}, in_shape

    def apply(params, state, x, *, key=None, train=False):
        def one(x, layer_i):
            i, params, state = layer_i
            layer_key = None if key is None else jax.random.fold_in(key, i)
            y, new = layer.apply(params, state, x, key=layer_key, train=train)
            live = i < times_live
            kept = jax.tree.map(lambda a, b: jnp.where(live, a, b), new, state)
            return jnp.where(live, y, x), kept

        times_live = state["live"]
        layers = jnp.arange(times.bound), params, state["layers"]
        x, new = jax.lax.scan(one, x, layers)
        return x, {"live": times_live, "layers": new}

    # One choice serves all layers of the stack.
    return Layer(init, apply, counted=layer.counted, name="repeat")
