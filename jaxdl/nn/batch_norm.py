"""Batch normalization with its running moments as explicit, bias-corrected state."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxdl.nn.layer import Layer
from jaxdl.nn.size import bound, live_state, only_live
from jaxdl.nn.spec import check_floats
from jaxdl.within import check_within


def batch_norm(decay: ArrayLike = 0.9, eps: ArrayLike = 1e-5) -> Layer:
    """Returns the layer `gamma (z - mean) / sqrt(variance + eps) + beta`.

    Moments are per feature (the last axis), over the batch and every other axis. For
    images the features are the channels.

    - In training the moments are those of the batch: `mean = mean(z)` and
      `variance = mean((z - mean)²)`. The state holds exponentially weighted averages of
      them, `v ← decay v + (1 - decay) moment`.
    - In evaluation the moments are these averages, divided by `weight = 1 - decay^t`.
      This bias correction makes them right after a few steps too. Before the first step
      they are 0 and 1.

    The layer usually stands before the activation. Leave the bias out of the layer
    before it. In training only reverse-mode derivatives are defined.

    Parameters: `gamma` and `beta`, `[n]`, which start at 1 and 0. State: `mean` and
    `variance`, `[n]`, not yet corrected, and the scalar `weight`. With a `Size`, the
    features beyond the live size are zero, and so is their gamma.

        >>> layer = nn.batch_norm()
        >>> params, state, _ = layer.init(jax.random.key(0), (1,))
        >>> z = jnp.array([[1.0], [3.0]])  # mean 2, variance 1
        >>> y, state = layer.apply(params, state, z, train=True)
        >>> y.round(3).tolist()
        [[-1.0], [1.0]]
        >>> (state["mean"] / state["weight"]).round(3).tolist()
        [2.0]

    Args:
        decay: the weight of the old average, in [0, 1); may be traced.
        eps: what is added to the variance, above 0; may be traced.

    Raises:
        ValueError: a plain number is outside its range; or, when called in training, a
            batch has one value of each feature, such as one example `[1, n]`.

    Source: Ioffe and Szegedy, Batch Normalization, 2015; the correction is that of
    Kingma and Ba, Adam, 2015.
    """

    check_within("batch_norm", "decay", decay, least=0, below=1)
    check_within("batch_norm", "eps", eps, above=0)

    def init(key, in_shape):
        del key
        check_floats("batch_norm", in_shape)
        size = in_shape[-1]
        features = bound(size)
        gamma = only_live(jnp.ones(features), size)
        params = {"gamma": gamma, "beta": jnp.zeros(features)}
        state = live_state(size) | {
            "mean": jnp.zeros(features),
            "variance": jnp.zeros(features),
            "weight": jnp.zeros(()),
        }
        return params, state, in_shape

    def apply(params, state, z, *, key=None, train=False):
        del key
        z = only_live(z, state["live"]) if "live" in state else z
        scales = params["gamma"], params["beta"]
        if not train:
            return _scaled(z, *running_moments(state), *scales, eps), state
        _check_batch(z)
        mean, variance = batch_moments(z)
        new = {
            "mean": decay * state["mean"] + (1 - decay) * mean,
            "variance": decay * state["variance"] + (1 - decay) * variance,
            "weight": decay * state["weight"] + (1 - decay),
        }
        return _normalized(z, *scales, jnp.asarray(eps, z.dtype)), state | new

    return Layer(init, apply, name="batch_norm")


def _check_batch(z: jax.Array) -> None:
    """Checks that a batch has moments: one value of a feature is its own mean."""
    if z.size == z.shape[-1]:
        raise ValueError(
            f"batch_norm got a batch of shape {list(z.shape)} in training, one value "
            "of each feature; expected at least two, because the normalized value of "
            "one is always 0 and nothing is learnt: take a batch size of 2 or more, or "
            "leave batch_norm out"
        )


@jax.custom_vjp
def _normalized(z: jax.Array, gamma: Any, beta: Any, eps: Any) -> jax.Array:
    """Returns `gamma (z - mean) / sqrt(variance + eps) + beta`, moments of the batch.

    The gradient by z is, with the normalized `u = (z - mean) / sqrt(variance + eps)`,

        dz = gamma / sqrt(variance + eps) (dy - mean(dy) - u mean(dy u)),

    two sums over the batch, where JAX's own rule takes four. Only reverse-mode
    derivatives are defined.
    """
    return _scaled(z, *batch_moments(z), gamma, beta, eps)


def _forward(z, gamma, beta, eps):
    return _normalized(z, gamma, beta, eps), (z, gamma, beta, eps)


def _backward(given, dy):
    z, gamma, beta, eps = given
    mean, variance = batch_moments(z)
    inverse = 1 / jnp.sqrt(variance + eps)
    per_feature, axes = _per_feature(z), tuple(range(z.ndim - 1))
    u = (z - mean.reshape(per_feature)) * inverse.reshape(per_feature)
    d_beta, d_gamma = jnp.sum(dy, axes), jnp.sum(dy * u, axes)
    examples = z.size // z.shape[-1]
    scale, low, slope = (
        v.reshape(per_feature)
        for v in (gamma * inverse, d_beta / examples, d_gamma / examples)
    )
    d_eps = -jnp.sum(gamma * inverse**2 * d_gamma) / 2
    dz = scale * (dy - low - u * slope)
    found = dz, d_gamma, d_beta, d_eps
    return tuple(d.astype(x.dtype) for d, x in zip(found, given, strict=True))


_normalized.defvjp(_forward, _backward)


def _scaled(z, mean, variance, gamma, beta, eps):
    mean, scale, beta = (
        v.reshape(_per_feature(z))
        for v in (mean, gamma / jnp.sqrt(variance + eps), beta)
    )
    return (z - mean) * scale + beta


def _per_feature(z: jax.Array) -> tuple[int, ...]:
    """Returns the shape of an array `[n]` that broadcasts with `z: [B, ..., n]`."""
    return (1,) * (z.ndim - 1) + (-1,)


def batch_moments(z: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Returns mean and variance per feature, `[n]` each, of `z: [B, ..., n]`.

    The two-pass form, since mean(z²) - mean(z)² can be negative in float32.
    """
    axes = tuple(range(z.ndim - 1))
    mean = jnp.mean(z, axes, keepdims=True)
    return mean.ravel(), jnp.mean((z - mean) ** 2, axes)


def running_moments(state: dict[str, jax.Array]) -> tuple[jax.Array, jax.Array]:
    """Returns the corrected averages, `[n]` each: 0 and 1 before the first step."""
    started = state["weight"] > 0
    weight = jnp.where(started, state["weight"], 1)
    return state["mean"] / weight, jnp.where(started, state["variance"] / weight, 1)
