"""Augmentation of images `[B, H, W, C]` as layers: active in training only.

Each example draws from its own key, so its picture does not depend on the size of the
batch. Labels are unchanged. Pixels from outside a picture are 0, which is the mean of
normalized inputs. Every strength may be traced, and 0 switches the layer off.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.scipy.ndimage import map_coordinates
from jax.typing import ArrayLike

from jaxdl.nn.layer import Layer, given_key
from jaxdl.nn.spec import check_floats
from jaxdl.within import check_within


def random_flip(prob: ArrayLike = 0.5) -> Layer:
    """Returns the layer that mirrors pictures left to right with probability `prob`.

    Args:
        prob: in [0, 1]; may be traced.

    Raises:
        ValueError: `prob` is a plain number outside its range, the examples are not
            images, or `apply` is called in training without a key.
    """

    check_within("random_flip", "prob", prob, least=0, most=1)

    def transform(draws, x):
        return jnp.where(draws[:, :1, None, None] < prob, x[:, :, ::-1], x)

    return _augmentation("random_flip", 1, transform)


def random_crop(padding: ArrayLike) -> Layer:
    """Returns the layer that pads with zeros and crops to the old size at random.

    The picture moves by whole pixels, uniform on -padding..padding along each axis.

    Args:
        padding: pixels, at least 0, rounded down; may be traced.

    Raises:
        ValueError: as `random_flip`.
    """

    check_within("random_crop", "padding", padding, least=0)

    def transform(draws, x):
        whole = jnp.floor(padding)
        return warp(x, jnp.eye(2), jnp.floor(draws * (2 * whole + 1)) - whole)

    return _augmentation("random_crop", 2, transform)


def random_shift(fraction: ArrayLike) -> Layer:
    """Returns the layer that moves each picture by up to a fraction of its size.

    The move is uniform on `[-fraction, fraction]` of height and of width. It is not
    rounded to whole pixels.

    Args:
        fraction: at least 0; may be traced.

    Raises:
        ValueError: as `random_flip`.
    """

    check_within("random_shift", "fraction", fraction, least=0)

    def transform(draws, x):
        size = jnp.array(x.shape[1:3], x.dtype)[None]
        return warp(x, jnp.eye(2), fraction * (2 * draws - 1) * size)

    return _augmentation("random_shift", 2, transform)


def random_rotation(degrees: ArrayLike) -> Layer:
    """Returns the layer that turns each picture about its center by up to `degrees`.

    The angle is uniform on `[-degrees, degrees]`.

    Args:
        degrees: at least 0; may be traced.

    Raises:
        ValueError: as `random_flip`.
    """

    check_within("random_rotation", "degrees", degrees, least=0)

    def transform(draws, x):
        angle = jnp.deg2rad(degrees) * (2 * draws[:, 0] - 1)
        cos, sin = jnp.cos(angle), jnp.sin(angle)
        turn = jnp.stack([jnp.stack([cos, sin], -1), jnp.stack([-sin, cos], -1)], -2)
        return warp(x, turn, jnp.zeros(2))

    return _augmentation("random_rotation", 1, transform)


def random_affine(strength: ArrayLike) -> Layer:
    """Returns the layer that stretches and shears each picture about its center.

    Its coordinates are multiplied by `I + E`, the four entries of E uniform on
    `[-strength, strength]`.

    Args:
        strength: at least 0, small against 1; may be traced.

    Raises:
        ValueError: as `random_flip`.

    Source: Simard, Steinkraus and Platt, Best Practices for Convolutional Neural
    Networks Applied to Visual Document Analysis, 2003.
    """

    check_within("random_affine", "strength", strength, least=0)

    def transform(draws, x):
        distortion = strength * (2 * draws.reshape(-1, 2, 2) - 1)
        return warp(x, jnp.eye(2)[None] + distortion, jnp.zeros(2))

    return _augmentation("random_affine", 4, transform)


def cutout(size: ArrayLike) -> Layer:
    """Returns the layer that sets a square of each picture to 0.

    Its center is any pixel, so part of the square may lie outside the picture.

    Args:
        size: side of the square in pixels, at least 0; may be traced.

    Raises:
        ValueError: as `random_flip`.

    Source: DeVries and Taylor, Improved Regularization of Convolutional Neural Networks
    with Cutout, 2017.
    """

    check_within("cutout", "size", size, least=0)

    def transform(draws, x):
        def within(axis):
            pixels = jnp.arange(x.shape[axis])[None]
            center = jnp.floor(draws[:, axis - 1, None] * x.shape[axis])
            return (pixels >= center - size / 2) & (pixels < center + size / 2)

        square = within(1)[:, :, None] & within(2)[:, None, :]
        return jnp.where(square[..., None], 0, x)

    return _augmentation("cutout", 2, transform)


def warp(x: jax.Array, matrix: jax.Array, shift: jax.Array) -> jax.Array:
    """Returns pictures whose pixel p shows what was at `A (p - c) + c + s`.

    c is the center of the picture. Values between pixels are interpolated linearly
    from the four pixels around; pixels outside are zero.

    Args:
        x: `[B, H, W, C]`.
        matrix: A, `[B, 2, 2]` or one for all, in the order (row, column).
        shift: s in pixels, `[B, 2]` or one for all.
    """
    batch, height, width, _ = x.shape
    pixels = jnp.stack(jnp.mgrid[:height, :width], axis=-1).astype(x.dtype)
    center = jnp.array([(height - 1) / 2, (width - 1) / 2], x.dtype)[None, None]

    def one(picture, matrix, shift):
        places = (pixels - center) @ matrix.T + center + shift[None, None]

        def sample(channel):
            return map_coordinates(channel, [places[..., 0], places[..., 1]], order=1)

        return jax.vmap(sample, -1, -1)(picture)

    matrix = jnp.broadcast_to(matrix, (batch, 2, 2)).astype(x.dtype)
    shift = jnp.broadcast_to(shift, (batch, 2)).astype(x.dtype)
    return jax.vmap(one)(x, matrix, shift)


def _augmentation(
    name: str, count: int, transform: Callable[[jax.Array, jax.Array], jax.Array]
) -> Layer:
    """Returns the layer `transform(draws, x)`, with `draws: [B, count]` on [0, 1)."""

    def init(key, in_shape):
        del key
        check_floats(name, in_shape)
        if len(in_shape) != 3:
            raise ValueError(
                f"{name} got examples of shape {in_shape}; expected images [H, W, C]: "
                "put it before nn.flatten"
            )
        return (), (), in_shape

    def apply(params, state, x, *, key=None, train=False):
        del params
        if not train:
            return x, state
        rows = jnp.arange(len(x))
        keys = jax.vmap(jax.random.fold_in, (None, 0))(given_key(name, key), rows)
        draws = jax.vmap(lambda k: jax.random.uniform(k, (count,), x.dtype))(keys)
        return transform(draws, x), state

    return Layer(init, apply, name=name)
