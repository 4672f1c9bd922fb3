"""Optimizers that wrap an optimizer: clipped gradients, accumulated batches.

Each takes an `optax.GradientTransformation` and returns one, which passes on what the
optimizer takes beside gradients, such as `value`. Numbers may be traced. A plain number
outside its range is a ValueError.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike

from jaxdl.optim.extra import update_with
from jaxdl.within import check_within


class AccumulateState(NamedTuple):
    """State of accumulation."""

    count: jax.Array  # [] int32, batches in the mean
    mean: Any  # of their gradients, like the parameters
    inner: Any  # state of the optimizer


def clip_by_norm(
    optimizer: optax.GradientTransformation, max_norm: ArrayLike
) -> optax.GradientTransformation:
    """Returns the optimizer of gradients `g min(1, c / ‖g‖₂)`, norm over all leaves.

    Args:
        optimizer: the optimizer that gets the clipped gradients.
        max_norm: c, at least 0; 0 switches clipping off.

    Source: Pascanu et al., On the difficulty of training recurrent neural networks,
    2013.
    """

    check_within("clip_by_norm", "max_norm", max_norm, least=0)

    def clip(grads):
        norm = jnp.sqrt(sum(jnp.sum(g**2) for g in jax.tree.leaves(grads)))
        # With a norm of 0 the quotient is infinite, and the scale 1.
        scale = jnp.minimum(1, max_norm / norm)
        scale = jnp.where(jnp.asarray(max_norm) > 0, scale, 1)
        return jax.tree.map(lambda g: scale * g, grads)

    return _fed_with(clip, optimizer)


def clip_by_value(
    optimizer: optax.GradientTransformation, max_value: ArrayLike
) -> optax.GradientTransformation:
    """Returns the optimizer of gradients `min(c, max(-c, g))`, entry by entry.

    Args:
        optimizer: the optimizer that gets the clipped gradients.
        max_value: c, at least 0; 0 switches clipping off.
    """

    check_within("clip_by_value", "max_value", max_value, least=0)

    def clip(grads):
        bound = jnp.where(jnp.asarray(max_value) > 0, max_value, jnp.inf)
        return jax.tree.map(lambda g: jnp.clip(g, -bound, bound), grads)

    return _fed_with(clip, optimizer)


def accumulate(
    optimizer: optax.GradientTransformation, every: ArrayLike
) -> optax.GradientTransformation:
    """Returns the optimizer that takes a step after every k batches.

    The step uses the mean gradient of the k batches. So k batches of m examples move
    the parameters as one batch of k m examples does. The updates in between are 0.
    Schedules of the optimizer count its steps, not the batches. Further arguments, such
    as the `value` of the cost, are those of the last batch.

        >>> optimizer = optim.accumulate(optim.gradient_descent(1.0), every=2)
        >>> opt_state = optimizer.init(jnp.zeros(()))
        >>> for gradient in (1.0, 3.0):
        ...     update, opt_state = optimizer.update(jnp.array(gradient), opt_state)
        ...     print(float(update))
        0.0
        -2.0

    Args:
        optimizer: the optimizer that takes the step.
        every: k, an int; with 1 or less each batch is a step.
    """

    def init(params):
        zeros = jax.tree.map(jnp.zeros_like, params)
        return AccumulateState(jnp.zeros((), jnp.int32), zeros, optimizer.init(params))

    def update(updates, state, params=None, **extra):
        count = state.count + 1
        mean = jax.tree.map(lambda m, g: m + (g - m) / count, state.mean, updates)
        moved, inner = update_with(optimizer, mean, state.inner, params, extra)
        due = count >= every

        def when_due(new, old):
            return jax.tree.map(lambda n, o: jnp.where(due, n, o), new, old)

        zeros = jax.tree.map(jnp.zeros_like, mean)
        return when_due(moved, zeros), AccumulateState(
            jnp.where(due, 0, count),
            when_due(zeros, mean),
            when_due(inner, state.inner),
        )

    return optax.GradientTransformationExtraArgs(init, update)


def _fed_with(
    change: Any, optimizer: optax.GradientTransformation
) -> optax.GradientTransformation:
    def update(updates, state, params=None, **extra):
        return update_with(optimizer, change(updates), state, params, extra)

    return optax.GradientTransformationExtraArgs(optimizer.init, update)
