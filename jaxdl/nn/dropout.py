"""Inverted dropout, with masks from a hash of the position that is cheap to compute."""

import math

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxdl.nn.layer import Layer, given_key


def dropout(keep_prob: ArrayLike) -> Layer:
    """Returns the layer that keeps each entry with `keep_prob` and rescales the rest.

    In training `y = mask x / keep_prob` with `P(mask = 1) = keep_prob`, so that
    `E[y] = x`; in evaluation `y = x`. At `keep_prob = 1` every entry is kept. The mask
    comes from the key that `apply` is given, which training makes anew for each step.

    Args:
        keep_prob: probability to keep an entry, in (0, 1]; may be traced.

    Raises:
        ValueError: `keep_prob` is a plain number outside (0, 1], or `apply` is called
            in training without a key.

    Source: Srivastava et al., Dropout, 2014.
    """
    if isinstance(keep_prob, int | float) and not 0 < keep_prob <= 1:
        raise ValueError(
            f"dropout got keep_prob={keep_prob}; expected a probability to keep, "
            "above 0 and at most 1"
        )

    def init(key, in_shape):
        del key
        return (), (), in_shape

    def apply(params, state, x, *, key=None, train=False):
        del params
        if not train:
            return x, state
        kept = keep_mask(given_key("dropout", key), x.shape, keep_prob)
        return jnp.where(kept, x / keep_prob, 0), state

    return Layer(init, apply)


def keep_mask(
    key: jax.Array, shape: tuple[int, ...], keep_prob: ArrayLike
) -> jax.Array:
    """Returns a Boolean mask, true with probability `keep_prob` rounded to 2^-24.

    The entry for row r and unit u is a hash of (key, r, u): it does not depend on how
    many rows or units there are. A counter through an integer hash costs about a tenth
    of a threefry draw, which would otherwise be the dearest part of a small step.

    Args:
        key: a threefry key.
        shape: `[B, ...]`; the axes after the first number the units, the last of them
            first, so that the number of one does not depend on how many channels or
            units there are.
        keep_prob: in (0, 1]; may be traced.
    """
    # Scrambled, since words that differ in one bit would give correlated masks.
    high, low = _mix(jax.random.key_data(key))
    rows = jnp.arange(shape[0], dtype=jnp.uint32) * jnp.uint32(0x9E3779B9)
    units = jnp.arange(math.prod(shape[1:]), dtype=jnp.uint32) * jnp.uint32(0x85EBCA6B)
    if len(shape) > 2:
        units = units.reshape(shape[-1], -1).T.ravel()
    bits = _mix(_mix(rows + high)[:, None] ^ (units + low)[None])
    threshold = jnp.asarray(keep_prob * 2.0**24).astype(jnp.int32)
    return ((bits >> 8).astype(jnp.int32) < threshold).reshape(shape)


def _mix(x: jax.Array) -> jax.Array:
    """Returns a bijective scrambling of 32-bit words, each input bit reaching all.

    Source: Wellons, Hash Function Prospector (lowbias32 and its successors), 2018.
    """
    x = (x ^ (x >> 16)) * jnp.uint32(0x21F0AAAD)
    x = (x ^ (x >> 15)) * jnp.uint32(0xD35A2D97)
    return x ^ (x >> 15)
