"""Convolution and pooling of images `[B, H, W, C]`."""

import jax
import jax.numpy as jnp

from jaxdl.nn.convolution import FEW, SWAPPED, Padding, convolve
from jaxdl.nn.initializers import Initializer, he, normal_per_unit
from jaxdl.nn.layer import Layer, as_layer, check_count, check_size
from jaxdl.nn.size import Shape, Size, bound, live, live_state, only_live
from jaxdl.nn.spec import check_floats

MOST_SLICES = 16  # of a window, that its gradient adds one by one


def conv2d(
    channels: int | Size,
    size: int | tuple[int, int] = 3,
    *,
    strides: int = 1,
    padding: Padding = "SAME",
    use_bias: bool = True,
    init: Initializer = he,
) -> Layer:
    """Returns the layer `z[b,i,j,c] = sum_uvk x[b,si+u,sj+v,k] W[u,v,k,c] + b[c]`.

    `x: [B, H, W, C]` becomes `z: [B, H', W', channels]`. Parameters: `kernel`
    `[h, w, C, channels]` and, with `use_bias`, `bias` `[channels]`, which starts at
    zero. The fans are `h w C` and `h w channels`. Each channel draws its weights from
    its own key. Leave the bias out before a `batch_norm`.

    On a CPU the layer is computed as one product of all patches with the kernel, on an
    accelerator as XLA's convolution. The results differ in rounding alone.

        >>> layer = nn.conv2d(8, 3, strides=2)
        >>> params, _, out_shape = layer.init(jax.random.key(0), (28, 28, 1))
        >>> params["kernel"].shape, out_shape
        ((3, 3, 1, 8), (14, 14, 8))

    Args:
        channels: the number of output channels, an int of at least 1 or a `Size`, which
            acts as in `dense`.
        size: of the window, `h = w` or `(h, w)`, ints of at least 1.
        strides: s, the step of the window along both axes, an int of at least 1.
        padding: `SAME` pads with zeros, so that `H' = ceil(H / s)`. `VALID` does not
            pad: `H' = floor((H - h) / s) + 1`.
        use_bias: whether to add `b`.
        init: the standard deviation of a weight, as a function of the fans.

    Raises:
        TypeError: a count is not an int, for example a traced hyperparameter.
        ValueError: a count is below 1, the padding is unknown, the examples are not
            images, or the window does not fit into them.

    Source: LeCun et al., Gradient-Based Learning Applied to Document Recognition, 1998;
    as a matrix product, Chellapilla et al., High Performance Convolutional Neural
    Networks for Document Processing, 2006.
    """
    channels = check_size("conv2d", "channels", channels, least=1)
    strides = check_count("conv2d", "strides", strides, least=1)
    window = _window("conv2d", size)
    if padding not in ("SAME", "VALID"):
        raise ValueError(f"conv2d got padding={padding!r}; expected SAME or VALID")
    stddev, width = init, bound(channels)

    def init_params(key, in_shape):
        _check_images("conv2d", in_shape, window if padding == "VALID" else (1, 1))
        (h, w), in_channels = window, in_shape[2]
        fan_in, fan_out = h * w * in_channels, h * w * channels
        # Input channel by input channel, so that a draw does not depend on their bound.
        draws = normal_per_unit(key, bound(fan_in), width)
        weights = jnp.asarray(stddev(live(fan_in), live(fan_out)) * draws)
        kernel = weights.reshape(-1, h, w, width).transpose(1, 2, 0, 3)
        params = {"kernel": only_live(only_live(kernel, in_channels, 2), channels, 3)}
        if use_bias:
            params["bias"] = jnp.zeros(width, kernel.dtype)
        bounds = (*in_shape[:2], bound(in_channels))
        one = jax.ShapeDtypeStruct((1, *bounds), kernel.dtype)
        out = jax.eval_shape(lambda x: apply(params, (), x)[0], one)
        return params, live_state(in_channels), (*out.shape[1:3], channels)

    def apply(params, state, x, *, key=None, train=False):
        del key, train
        x = only_live(x, state["live"]) if state else x
        bias = params["bias"] if use_bias else None
        return convolve(x, params["kernel"], bias, strides, padding), state

    return Layer(init_params, apply, name="conv2d")


def max_pool(size: int | tuple[int, int] = 2) -> Layer:
    """Returns the layer that takes the largest value of each window and channel.

    Windows lie side by side: `[B, H, W, C] -> [B, floor(H / h), floor(W / w), C]`. Rows
    and columns left over at the lower and right edges are dropped. If the largest value
    occurs several times in a window, its gradient is shared evenly among them. Only
    reverse-mode derivatives are defined.

    Args:
        size: of the window, `h = w` or `(h, w)`, ints of at least 1.

    Raises:
        TypeError: the size is not an int.
        ValueError: it is below 1, the examples are not images, or the window does not
            fit into them.
    """
    return _pool("max_pool", _largest, size)


def mean_pool(size: int | tuple[int, int] = 2) -> Layer:
    """Returns the layer that takes the mean of each window and channel.

    Windows lie as in `max_pool`.

    Args:
        size: of the window, `h = w` or `(h, w)`, ints of at least 1.

    Raises:
        TypeError: the size is not an int.
        ValueError: it is below 1, the examples are not images, or the window does not
            fit into them.
    """
    return _pool("mean_pool", _mean, size)


def _pool(name, reduce, size) -> Layer:
    window = h, w = _window(name, size)

    def pool(x):
        _check_images(name, x.shape[1:], window)
        batch, height, width, channels = x.shape
        x = x[:, : height // h * h, : width // w * w]
        swap = channels <= FEW  # as in conv2d
        x = x.transpose(SWAPPED) if swap else x
        first, last = (channels, batch) if swap else (batch, channels)
        windows = x.reshape(first, height // h, h, width // w, w, last)
        y = reduce(windows)
        return y.transpose(SWAPPED) if swap else y

    return as_layer(pool)._replace(name=name)


def _mean(windows: jax.Array) -> jax.Array:
    return jnp.mean(windows, axis=(2, 4))


@jax.custom_vjp
def _largest(windows: jax.Array) -> jax.Array:
    """Returns the largest of each window, `[A, H, h, W, w, D] -> [A, H, W, D]`."""
    return jnp.max(windows, axis=(2, 4))


def _largest_forward(windows):
    y = _largest(windows)
    return y, (windows, y)


def _largest_backward(kept, dy):
    windows, y = kept
    hits = (windows == y[:, :, None, :, None]).astype(dy.dtype)
    h, w = windows.shape[2], windows.shape[4]
    # On a CPU a sum of slices takes less than half the time of a sum over two axes.
    # Many slices take long to compile.
    if h * w > MOST_SLICES:
        ties = hits.sum(axis=(2, 4))
    else:
        ties = sum(hits[:, :, i, :, j] for i in range(h) for j in range(w))
    return (hits * (dy / ties)[:, :, None, :, None],)


_largest.defvjp(_largest_forward, _largest_backward)


def _window(layer: str, size: int | tuple[int, int]) -> tuple[int, int]:
    sides = size if isinstance(size, tuple) and len(size) == 2 else (size, size)
    height, width = (check_count(layer, "size", side, least=1) for side in sides)
    return height, width


def _check_images(layer: str, in_shape: Shape, window: tuple[int, int]) -> None:
    check_floats(layer, in_shape)
    if len(in_shape) != 3 or in_shape[0] < window[0] or in_shape[1] < window[1]:
        raise ValueError(
            f"{layer} got examples of shape {in_shape}; expected images [H, W, C] of "
            f"at least {window[0]} by {window[1]}: reshape flat examples with a "
            "function, such as lambda x: x.reshape(-1, 28, 28, 1)"
        )
