"""Inverted dropout. Its masks are a cheap hash of the position."""

import math

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxdl.nn.layer import Layer, given_key
from jaxdl.nn.spec import check_floats
from jaxdl.within import check_within


def dropout(keep_prob: ArrayLike) -> Layer:
    """Returns the layer that keeps each entry with `keep_prob` and sets others to 0.

    In training `y = mask x / keep_prob` with `P(mask = 1) = keep_prob`, so that
    `E[y] = x`. In evaluation `y = x`. With `keep_prob = 1` every entry is kept. The
    mask depends on the key of `apply`; training gives each step a new key.

        >>> layer = nn.dropout(0.5)
        >>> x = jnp.ones((2, 4))
        >>> y, _ = layer.apply((), (), x, key=jax.random.key(0), train=True)
        >>> sorted(set(y.ravel().tolist()))
        [0.0, 2.0]
        >>> y, _ = layer.apply((), (), x)
        >>> bool((y == x).all())
        True

    Args:
        keep_prob: the probability of keeping an entry, in (0, 1]; may be traced.

    Raises:
        ValueError: `keep_prob` is a plain number outside (0, 1], or `apply` is called
            in training without a key.

    Source: Srivastava et al., Dropout, 2014.
    """
    kind = "a probability to keep,"
    check_within("dropout", "keep_prob", keep_prob, kind=kind, above=0, most=1)

    def init(key, in_shape):
        del key
        check_floats("dropout", in_shape)
        return (), (), in_shape

    def apply(params, state, x, *, key=None, train=False):
        del params
        if not train:
            return x, state
        return drop(x, keep_prob, given_key("dropout", key)), state

    return Layer(init, apply, name="dropout")


def drop(x: jax.Array, keep_prob: ArrayLike, key: jax.Array) -> jax.Array:
    """Returns `mask x / keep_prob` with the mask of `keep_mask`: `dropout` in training.

    It serves in models of other libraries, whose own dropout may take a plain rate
    alone. In a Linen module::

        x = nn.drop(x, self.keep_prob, self.make_rng("dropout")) if train else x

    Args:
        x: `[B, ...]`.
        keep_prob: in (0, 1]; may be traced.
        key: a threefry key.
    """
    return jnp.where(keep_mask(key, x.shape, keep_prob), x / keep_prob, 0)


def keep_mask(
    key: jax.Array, shape: tuple[int, ...], keep_prob: ArrayLike
) -> jax.Array:
    """Returns a Boolean mask, true with probability `keep_prob` rounded to 2^-24.

    The entry for row r and unit u is a hash of (key, r, u). It does not depend on the
    number of rows or units. The hash takes fewer operations than a threefry draw.

    Args:
        key: a threefry key.
        shape: `[B, ...]`. Units are counted channel by channel (the last axis is the
            slowest), so that a unit's number does not depend on the number of channels.
        keep_prob: in (0, 1]; may be traced.
    """
    # Scrambled first: key words that differ in one bit would give correlated masks.
    high, low = _mix(jax.random.key_data(key))
    rows = jnp.arange(shape[0], dtype=jnp.uint32) * jnp.uint32(0x9E3779B9)
    units = jnp.arange(math.prod(shape[1:]), dtype=jnp.uint32) * jnp.uint32(0x85EBCA6B)
    if len(shape) > 2:
        units = units.reshape(shape[-1], -1).T.ravel()
    bits = _mix(_mix(rows + high)[:, None] ^ (units + low)[None])
    threshold = jnp.asarray(keep_prob * 2.0**24).astype(jnp.int32)
    return ((bits >> 8).astype(jnp.int32) < threshold).reshape(shape)


def _mix(x: jax.Array) -> jax.Array:
    """Returns scrambled 32-bit words: a bijection in which each bit changes all bits.

    Source: Wellons, Hash Function Prospector (lowbias32 and its successors), 2018.
    """
    x = (x ^ (x >> 16)) * jnp.uint32(0x21F0AAAD)
    x = (x ^ (x >> 15)) * jnp.uint32(0xD35A2D97)
    return x ^ (x >> 15)
