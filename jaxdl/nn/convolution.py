"""The convolution of a batch of images, in the form that suits the platform.

On a CPU it is one product of all patches with the kernel: under vmap over models a
batched matrix product, where XLA's own convolution would become a grouped one. An
accelerator has hardware and libraries for convolutions, and patches cost it memory.
"""

import functools
import itertools
from typing import Literal

import jax
import jax.numpy as jnp

from jaxdl.nn.platforms import by_platform
from jaxdl.nn.product import product

Padding = Literal["SAME", "VALID"]
FEW = 16  # channels: one vector of float32
AXES = ("NHWC", "HWIO", "NHWC")
SWAPPED = (3, 1, 2, 0)  # [B, H, W, C] to [C, H, W, B], and back


def convolve(
    x: jax.Array,
    kernel: jax.Array,
    bias: jax.Array | None,
    strides: int,
    padding: Padding,
) -> jax.Array:
    """Returns `z[b,i,j,c] = sum_uvk x[b,si+u,sj+v,k] W[u,v,k,c] + b[c]`.

    The two forms differ in the order of their sums alone. Only reverse-mode derivatives
    are defined.

    Args:
        x: `[B, H, W, C]`.
        kernel: `[h, w, C, channels]`.
        bias: `[channels]`; None: zero.
        strides: s, along both axes.
        padding: `SAME` or `VALID`.
    """
    how = {"strides": strides, "padding": padding}
    return by_platform(
        x,
        kernel,
        bias,
        cpu=functools.partial(_by_patches, **how),
        default=functools.partial(_by_xla, **how),
    )


def _by_patches(x, kernel, bias, *, strides, padding):
    window, channels = kernel.shape[:2], kernel.shape[3]
    rows = kernel.reshape(-1, channels)
    if max(x.shape[3], channels) <= FEW:
        # Channels are in front and the batch is last, so that vectors run along the
        # images: no pixel is moved within a vector by a window or its padding.
        seen = patches(x.transpose(SWAPPED), window, strides, padding, channel_axis=0)
        z = product(rows.T, seen.reshape(len(seen), -1))
        # After the move, adding the bias would make XLA carry out the move.
        z = z if bias is None else z + bias[:, None]
        return z.reshape(channels, *seen.shape[1:]).transpose(SWAPPED)
    z = product(patches(x, window, strides, padding, channel_axis=3), rows)
    return z if bias is None else z + bias[None, None, None]


def _by_xla(x, kernel, bias, *, strides, padding):
    dtype = jnp.result_type(x, kernel)  # a convolution does not promote, as products do
    factors = x.astype(dtype), kernel.astype(dtype)
    z = _rounded_convolution(*factors, strides, padding)
    return z if bias is None else z + bias[None, None, None]


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _rounded_convolution(x, kernel, strides, padding):
    """Returns the convolution of factors that are rounded as those of a product."""
    return _convolution(_rounded(x), _rounded(kernel), strides, padding)


def _forward(x, kernel, strides, padding):
    return _rounded_convolution(x, kernel, strides, padding), (x, kernel)


def _backward(strides, padding, factors, dz):
    own = functools.partial(_convolution, strides=strides, padding=padding)
    _, pull_back = jax.vjp(own, *map(_rounded, factors))
    return pull_back(_rounded(dz))


_rounded_convolution.defvjp(_forward, _backward)


def _convolution(x, kernel, strides, padding):
    return jax.lax.conv_general_dilated(
        x, kernel, (strides, strides), padding, dimension_numbers=AXES
    )


def _rounded(x: jax.Array) -> jax.Array:
    """Returns float32 numbers as bfloat16 has them, if that is the precision."""
    precision = jax.config.jax_default_matmul_precision  # pyrefly: ignore
    if precision != "bfloat16" or x.dtype != jnp.float32:
        return x
    return jax.lax.reduce_precision(x, exponent_bits=8, mantissa_bits=7)


def patches(
    x: jax.Array,
    window: tuple[int, int],
    strides: int,
    padding: Padding,
    *,
    channel_axis: Literal[0, 3],
) -> jax.Array:
    """Returns the pixels of the window at each place, `h*w*C` on the channel axis.

    Args:
        x: `[B, H, W, C]`, or `[C, H, W, B]` with channel axis 0.
        window: h and w.
        strides: step of the window along both axes.
        padding: `SAME` or `VALID`.
        channel_axis: 0 or 3.
    """
    axes = (1, 2)
    sides = [x.shape[axis] for axis in axes]
    pads = jax.lax.padtype_to_pads(sides, window, (strides, strides), padding)
    x = jnp.pad(
        x, [dict(zip(axes, pads, strict=True)).get(i, (0, 0)) for i in range(4)]
    )

    def seen(*offsets):
        starts, ends, steps = [0] * 4, list(x.shape), [1] * 4
        for axis, side, offset in zip(axes, window, offsets, strict=True):
            starts[axis], steps[axis] = offset, strides
            ends[axis] += offset + 1 - side
        return jax.lax.slice(x, starts, ends, steps)

    offsets = itertools.product(range(window[0]), range(window[1]))
    return jnp.concatenate([seen(u, v) for u, v in offsets], axis=channel_axis)
