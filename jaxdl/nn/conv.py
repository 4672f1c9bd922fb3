"""Convolution and pooling of images `[B, H, W, C]`."""

from typing import Literal

import jax
import jax.numpy as jnp

from jaxdl.nn.initializers import Initializer, he, normal_per_unit
from jaxdl.nn.layer import Layer, Shape, as_layer, check_count
from jaxdl.nn.product import product

Padding = Literal["SAME", "VALID"]


def conv2d(
    channels: int,
    size: int | tuple[int, int] = 3,
    *,
    strides: int = 1,
    padding: Padding = "SAME",
    use_bias: bool = True,
    init: Initializer = he,
) -> Layer:
    """Returns the layer `z[b,i,j,c] = sum_uvk x[b,si+u,sj+v,k] W[u,v,k,c] + b[c]`.

    `x: [B, H, W, C]` becomes `z: [B, H', W', channels]`. Parameters: `kernel`
    `[h, w, C, channels]` and, with `use_bias`, `bias` `[channels]`, zero at the start.
    The fans are `h w C` and `h w channels`. Weights of each channel are drawn from a
    key of its own. Leave the bias out before a `batch_norm`.

    It is computed as one product of all patches with the kernel: under vmap over models
    that stays a batched matrix product, where a convolution becomes a grouped one.

    Args:
        channels: of the output, a plain int of at least 1.
        size: of the window, `h = w` or `(h, w)`, plain ints of at least 1.
        strides: s, the step of the window along both axes, at least 1.
        padding: `SAME` adds zeros around, so that `H' = ceil(H / s)`; `VALID` adds
            none: `H' = floor((H - h) / s) + 1`.
        use_bias: whether to add `b`.
        init: the standard deviation of a weight, as a function of the fans.

    Raises:
        TypeError: a count is not a plain int, for example a traced hyperparameter.
        ValueError: a count is below 1, the padding is unknown, the examples are not
            images, or the window does not fit into them.

    Source: LeCun et al., Gradient-Based Learning Applied to Document Recognition, 1998;
    as a matrix product, Chellapilla et al., High Performance Convolutional Neural
    Networks for Document Processing, 2006.
    """
    check_count("conv2d", "channels", channels, least=1)
    check_count("conv2d", "strides", strides, least=1)
    window = _window("conv2d", size)
    if padding not in ("SAME", "VALID"):
        raise ValueError(f"conv2d got padding={padding!r}; expected SAME or VALID")
    stddev = init

    def init_params(key, in_shape):
        _check_images("conv2d", in_shape, window if padding == "VALID" else (1, 1))
        (h, w), in_channels = window, in_shape[2]
        fan_in, fan_out = h * w * in_channels, h * w * channels
        weights = stddev(fan_in, fan_out) * normal_per_unit(key, fan_in, channels)
        kernel = weights.reshape(in_channels, h, w, channels).transpose(1, 2, 0, 3)
        params = {"kernel": kernel}
        if use_bias:
            params["bias"] = jnp.zeros(channels, kernel.dtype)
        one = jax.ShapeDtypeStruct((1, *in_shape), kernel.dtype)
        out = jax.eval_shape(lambda x: patches(x, window, strides, padding), one)
        return params, (), (*out.shape[1:3], channels)

    def apply(params, state, x, *, key=None, train=False):
        del key, train
        kernel = params["kernel"].reshape(-1, channels)
        z = product(patches(x, window, strides, padding), kernel)
        return (z + params["bias"][None, None, None] if use_bias else z), state

    return Layer(init_params, apply)


def patches(
    x: jax.Array, window: tuple[int, int], strides: int, padding: Padding
) -> jax.Array:
    """Returns what the window sees at each place, `[B, H', W', h*w*C]`.

    Args:
        x: `[B, H, W, C]`.
        window: h and w.
        strides: step of the window along both axes.
        padding: `SAME` or `VALID`.
    """
    pads = jax.lax.padtype_to_pads(x.shape[1:3], window, (strides, strides), padding)
    x = jnp.pad(x, ((0, 0), *pads, (0, 0)))
    rows, columns = (
        range(0, length - side + 1, strides)
        for length, side in zip(x.shape[1:3], window, strict=True)
    )
    return jnp.concatenate(
        [
            x[:, u : u + rows[-1] + 1 : strides, v : v + columns[-1] + 1 : strides]
            for u in range(window[0])
            for v in range(window[1])
        ],
        axis=-1,
    )


def max_pool(size: int | tuple[int, int] = 2) -> Layer:
    """Returns the layer that takes the largest value of each window and channel.

    Windows lie side by side: `[B, H, W, C] -> [B, floor(H / h), floor(W / w), C]`; what
    is left over at the lower and right edges is dropped. The gradient of a largest
    value that occurs several times is shared evenly among them.

    Args:
        size: of the window, `h = w` or `(h, w)`, plain ints of at least 1.

    Raises:
        TypeError: the size is not a plain int.
        ValueError: it is below 1, the examples are not images, or the window does not
            fit into them.
    """
    return _pool("max_pool", jnp.max, size)


def mean_pool(size: int | tuple[int, int] = 2) -> Layer:
    """Returns the layer that takes the mean of each window and channel.

    Windows lie as in `max_pool`.

    Args:
        size: of the window, `h = w` or `(h, w)`, plain ints of at least 1.

    Raises:
        TypeError: the size is not a plain int.
        ValueError: it is below 1, the examples are not images, or the window does not
            fit into them.
    """
    return _pool("mean_pool", jnp.mean, size)


def _pool(name, reduce, size) -> Layer:
    window = h, w = _window(name, size)

    def pool(x):
        _check_images(name, x.shape[1:], window)
        batch, height, width, channels = x.shape
        x = x[:, : height // h * h, : width // w * w]
        x = x.reshape(batch, height // h, h, width // w, w, channels)
        return reduce(x, axis=(2, 4))

    return as_layer(pool)


def _window(layer: str, size: int | tuple[int, int]) -> tuple[int, int]:
    window = size if isinstance(size, tuple) and len(size) == 2 else (size, size)
    for side in window:
        check_count(layer, "size", side, least=1)
    return window


def _check_images(layer: str, in_shape: Shape, window: tuple[int, int]) -> None:
    if len(in_shape) != 3 or in_shape[0] < window[0] or in_shape[1] < window[1]:
        raise ValueError(
            f"{layer} got examples of shape {in_shape}; expected images [H, W, C] of "
            f"at least {window[0]} by {window[1]}: reshape flat examples with a "
            "function, such as lambda x: x.reshape(-1, 28, 28, 1)"
        )
