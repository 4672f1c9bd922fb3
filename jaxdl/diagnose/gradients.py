"""The gradient check: every coordinate against a two-sided difference."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

CORRECT, DOUBTFUL = 1e-6, 1e-4  # between the course's 1e-7, 1e-5 and 1e-3
AT_ONCE = 64  # coordinates whose differences are computed side by side


class GradientCheck(NamedTuple):
    """How far the gradient is from the differences."""

    score: float  # over all coordinates
    per_leaf: dict[str, float]  # the same over each leaf's, by its path
    verdict: str  # correct, look again, or wrong


def check_gradients(
    loss: Callable[[Any], jax.Array], params: Any, *, eps: float = 1e-7
) -> GradientCheck:
    """Returns how well `jax.grad(loss)` agrees with differences, in float64.

    For every coordinate i, `d[i] = (J(θ + ε e_i) - J(θ - ε e_i)) / 2ε`; the score is
    `‖d - dJ/dθ‖ / (‖d‖ + ‖dJ/dθ‖)`, and 0 where both are 0. Near 1e-7 the gradient is
    correct, near 1e-5 it deserves another look, near 1e-3 it is wrong; the verdict
    changes in between, at 1e-6 and 1e-4. The leaf with the worst score is where to
    look. Check at random initial parameters and again after some training, with the
    penalty in the loss and dropout off.

    Args:
        loss: from parameters to a scalar.
        params: pytree of numbers; converted to float64, whatever JAX's setting.
        eps: ε, above 0.

    Raises:
        ValueError: the loss is not a finite scalar, or two calls with the same
            parameters differ, as they do under live dropout.
    """
    with jax.enable_x64(True):
        params = jax.tree.map(lambda x: jnp.asarray(x, jnp.float64), params)
        _check_loss(loss, params)
        theta, unravel = ravel_pytree(params)

        def cost(theta):
            return jnp.asarray(loss(unravel(theta)), jnp.float64)

        def difference(i):
            nudge = jnp.zeros_like(theta).at[i].set(eps)
            return (cost(theta + nudge) - cost(theta - nudge)) / (2 * eps)

        exact = jax.jit(jax.grad(cost))(theta)
        differences = jax.jit(
            lambda: jax.lax.map(difference, jnp.arange(theta.size), batch_size=AT_ONCE)
        )()
        leaves = jax.tree.leaves_with_path((unravel(exact), unravel(differences)))
        pairs = zip(leaves[: len(leaves) // 2], leaves[len(leaves) // 2 :], strict=True)
        per_leaf = {
            jax.tree_util.keystr(path[1:], simple=True, separator="."): _score(g, d)
            for (path, g), (_, d) in pairs
        }
        score = _score(exact, differences)
    return GradientCheck(score, per_leaf, _verdict(score))


def _check_loss(loss: Callable[[Any], jax.Array], params: Any) -> None:
    once, twice = (np.asarray(loss(params)) for _ in range(2))
    if once.shape != () or not np.isfinite(once):
        raise ValueError(
            f"the loss gave {once!r}; expected one finite number: take the mean over "
            "the examples"
        )
    if once != twice:
        raise ValueError(
            f"the loss gave {once} and {twice} for the same parameters; expected the "
            "same value twice: switch dropout and other randomness off"
        )


def _score(gradient: jax.Array, difference: jax.Array) -> float:
    apart = jnp.linalg.norm(jnp.ravel(gradient - difference))
    size = jnp.linalg.norm(jnp.ravel(gradient)) + jnp.linalg.norm(jnp.ravel(difference))
    return float(jnp.where(size > 0, apart / jnp.where(size > 0, size, 1), 0))


def _verdict(score: float) -> str:
    if score < CORRECT:
        return "correct"
    return "look again" if score < DOUBTFUL else "wrong"
