"""Batch normalization with its running moments as explicit, bias-corrected state."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxdl.nn.layer import Layer
from jaxdl.nn.size import bound, live_state, only_live


def batch_norm(decay: ArrayLike = 0.9, eps: ArrayLike = 1e-5) -> Layer:
    """Returns the layer `gamma (z - mean) / sqrt(variance + eps) + beta`.

    Moments are per feature (the last axis), over the batch and every other axis. In
    training they are the batch's own, `mean = mean(z)` and
    `variance = mean((z - mean)²)`, and the state keeps exponentially weighted averages
    of them, `v ← decay v + (1 - decay) moment`. In evaluation the moments are those
    averages divided by `weight = 1 - decay^t`, so that they are right after few steps
    too; before the first step they are 0 and 1.

    It comes before the activation as a rule, and after it where it is put there; for
    images the features are channels. Leave the bias out of the layer before it.

    Features beyond a live `Size` are masked, and their gamma is 0 too. Parameters:
    `gamma` and `beta`, `[n]`, 1 and 0 at the start. State: `mean` and
    `variance`, `[n]`, uncorrected, and the scalar `weight`.

    Args:
        decay: weight of the old average, in [0, 1); may be traced.
        eps: added to the variance, above 0; may be traced.

    Source: Ioffe and Szegedy, Batch Normalization, 2015; the correction is that of
    Kingma and Ba, Adam, 2015.
    """

    def init(key, in_shape):
        del key
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
        mean, variance = batch_moments(z) if train else running_moments(state)
        if train:
            state = state | {
                "mean": decay * state["mean"] + (1 - decay) * mean,
                "variance": decay * state["variance"] + (1 - decay) * variance,
                "weight": decay * state["weight"] + (1 - decay),
            }
        per_feature = (1,) * (z.ndim - 1) + (-1,)
        mean, scale, beta = (
            v.reshape(per_feature)
            for v in (mean, params["gamma"] / jnp.sqrt(variance + eps), params["beta"])
        )
        return (z - mean) * scale + beta, state

    return Layer(init, apply)


def batch_moments(z: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Returns mean and variance per feature, `[n]` each, of `z: [B, ..., n]`.

    The two-pass form: mean(z²) - mean(z)² can come out negative in float32.
    """
    axes = tuple(range(z.ndim - 1))
    mean = jnp.mean(z, axes, keepdims=True)
    return mean.ravel(), jnp.mean((z - mean) ** 2, axes)


def running_moments(state: dict[str, jax.Array]) -> tuple[jax.Array, jax.Array]:
    """Returns the bias-corrected averages, `[n]` each; 0 and 1 before any step."""
    started = state["weight"] > 0
    weight = jnp.where(started, state["weight"], 1)
    return state["mean"] / weight, jnp.where(started, state["variance"] / weight, 1)
