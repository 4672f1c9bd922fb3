"""The gradient check: every coordinate against a two-sided difference."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from numpy.typing import NDArray

CORRECT, DOUBTFUL = 1e-6, 1e-4  # between the course's 1e-7, 1e-5 and 1e-3
AT_ONCE = 64  # coordinates whose differences are computed side by side


class GradientCheck(NamedTuple):
    """How far the gradient is from the differences."""

    score: float  # over all coordinates
    per_leaf: dict[str, float]  # the same over each leaf's, by its path
    verdict: str  # correct, look again, or wrong


def check_gradients(
    loss: Callable[[Any], jax.Array],
    params: Any,
    *,
    eps: float = 1e-7,
    per_leaf: int | None = None,
) -> GradientCheck:
    """Returns how well `jax.grad(loss)` agrees with differences, in float64.

    For every coordinate i, `d[i] = (J(θ + ε e_i) - J(θ - ε e_i)) / 2ε`; the score is
    `‖d - dJ/dθ‖ / (‖d‖ + ‖dJ/dθ‖)`, and 0 where both are 0 but for rounding, as for a
    bias before a batch norm. Near 1e-7 the gradient is correct, near 1e-5 it deserves
    another look, near 1e-3 it is wrong; the verdict changes in between, at 1e-6 and
    1e-4. The leaf with the worst score is where to look. Check at random initial
    parameters and again after some training, with the penalty in the loss and dropout
    off.

    Args:
        loss: from parameters to a scalar.
        params: pytree of numbers; converted to float64, whatever JAX's setting.
        eps: ε, above 0.
        per_leaf: how many coordinates of each leaf to check at most, drawn at random;
            None for every one. What it costs grows with the square of their number.

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

        chosen = _coordinates(params, per_leaf)
        every = jnp.concatenate(list(chosen.values()))
        exact = np.asarray(jax.jit(jax.grad(cost))(theta)[every])
        differences = np.asarray(
            jax.jit(lambda: jax.lax.map(difference, every, batch_size=AT_ONCE))()
        )
        ends = np.cumsum([len(i) for i in chosen.values()])[:-1]
        pairs = zip(np.split(exact, ends), np.split(differences, ends), strict=True)
        # What rounding of J makes of a difference that should be 0, amply.
        noise = 100 * np.finfo(float).eps * abs(float(cost(theta))) / eps
        scores = {
            name: _score(g, d, noise)
            for name, (g, d) in zip(chosen, pairs, strict=True)
        }
        score = _score(exact, differences, noise)
    return GradientCheck(score, scores, _verdict(score))


def _coordinates(params: Any, most: int | None) -> dict[str, NDArray[np.int64]]:
    """Returns each leaf's places among all coordinates, at most so many, by path."""
    chosen, begin = {}, 0
    for path, leaf in jax.tree.leaves_with_path(params):
        places = np.arange(begin, begin + leaf.size)
        if most is not None and leaf.size > most:
            places = np.random.default_rng(begin).choice(places, most, replace=False)
        chosen[jax.tree_util.keystr(path, simple=True, separator=".")] = places
        begin += leaf.size
    return chosen


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


def _score(gradient: NDArray[Any], difference: NDArray[Any], noise: float) -> float:
    """Returns the score over some coordinates, `noise` being that of one difference."""
    size = np.linalg.norm(gradient) + np.linalg.norm(difference)
    if size <= noise * np.sqrt(gradient.size):
        return 0.0
    return float(np.linalg.norm(gradient - difference) / size)


def _verdict(score: float) -> str:
    if score < CORRECT:
        return "correct"
    return "look again" if score < DOUBTFUL else "wrong"
