"""The gradient check: every coordinate against a two-sided difference."""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from numpy.typing import NDArray

from jaxdl.counts import is_count

CORRECT, DOUBTFUL = 1e-6, 1e-4  # between the course's 1e-7, 1e-5 and 1e-3
AT_ONCE = 64  # coordinates whose differences are computed side by side
FARTHER = 10  # times the step: a kink's jump stays, a curvature's difference grows
ROUNDING = 10  # units in the last place: the rounding error of two values of J


class GradientCheck(NamedTuple):
    """How far the gradient is from the differences."""

    score: float  # over all coordinates; NaN where rounding hides the differences
    per_leaf: dict[str, float]  # the score of each leaf, by the leaf's path
    verdict: str  # correct, look again, or wrong, by the worst score
    at_kinks: int = 0  # coordinates left out, because the loss has a kink there


def check_gradients(
    loss: Callable[[Any], jax.Array],
    params: Any,
    *,
    eps: float = 1e-7,
    per_leaf: int | None = None,
) -> GradientCheck:
    """Returns how well `jax.grad(loss)` agrees with differences, in float64.

    For every coordinate i, `d[i] = (J(θ + ε e_i) - J(θ - ε e_i)) / 2ε`. The score is
    `‖d - dJ/dθ‖ / (‖d‖ + ‖dJ/dθ‖)`, over all coordinates and over those of each leaf.

    - A score near 1e-7 means that the gradient is correct.
    - Near 1e-5 it deserves another look, and near 1e-3 it is wrong.
    - The verdict changes in between, at 1e-6 and at 1e-4. The worst score decides: its
      leaf is the one to look at.

    Check at random initial parameters and again after some training, with the penalty
    in the loss and dropout off.

    An error that the rounding of J explains does not count. A leaf whose gradient is
    hardly larger than the rounding error, such as a bias before a batch norm, has the
    score NaN. If this holds for all leaves, the verdict is to look again.

    At a kink, such as that of a ReLU whose input is exactly 0, the loss has two slopes,
    and a difference is a mean of both. A coordinate there does not count if the
    gradient lies between the two. `at_kinks` says how many these are.

        >>> def loss(params):
        ...     return jnp.sum(params["w"] ** 3)
        >>> check = dl.diagnose.check_gradients(loss, {"w": jnp.array([1.0, 2.0])})
        >>> check.verdict, check.score < 1e-6
        ('correct', True)

    Args:
        loss: a function from parameters to a scalar.
        params: a pytree of numbers; it is converted to float64, whatever JAX's setting.
        eps: ε, above 0.
        per_leaf: the largest number of coordinates to check in a leaf, at least 1; they
            are drawn at random. None checks all. Each costs two values of the loss.

    Raises:
        ValueError: there are no parameters; the loss is not a finite scalar in float64;
            two calls with the same parameters differ, as they do under live dropout; or
            ε or `per_leaf` is too small.
    """
    if not eps > 0 or not (per_leaf is None or is_count(per_leaf)):
        raise ValueError(
            f"got eps={eps} and per_leaf={per_leaf}; expected eps above 0 and at least "
            "1 coordinate of a leaf"
        )
    with jax.enable_x64(True):
        params = jax.tree.map(lambda x: jnp.asarray(x, jnp.float64), params)
        value = _checked_value(loss, params)
        chosen = _coordinates(params, per_leaf)
        places = np.concatenate([*chosen.values()])
        # A batch that is not full would be compiled by itself.
        full = np.pad(places, (0, -len(places) % AT_ONCE), mode="edge")
        both = jax.jit(functools.partial(_gradient_and_differences, loss, eps))
        g, d = (np.asarray(x)[: len(places)] for x in both(params, full))
        noise = ROUNDING * np.finfo(float).eps * abs(value) / eps
        found = _scored(g, d, chosen, noise, np.zeros(len(g), bool))
        if found.verdict == "correct":
            return found
        slopes = jax.jit(functools.partial(_slopes, loss), static_argnums=0)
        near, far = (
            np.asarray(slopes(step, params, full))[: len(places)]
            for step in (eps, FARTHER * eps)
        )
    return _scored(g, d, chosen, noise, _at_kinks(g, near, far, noise))


def _scored(
    g: NDArray[Any],
    d: NDArray[Any],
    chosen: dict[str, NDArray[np.int64]],
    noise: float,
    at_kinks: NDArray[np.bool_],
) -> GradientCheck:
    """Returns the check without the coordinates at kinks."""
    ends = np.cumsum([len(places) for places in chosen.values()])[:-1]
    parts = (np.split(x, ends) for x in (g, d, ~at_kinks))
    scores = {
        name: _score(ours[counts], theirs[counts], noise)
        for name, ours, theirs, counts in zip(chosen, *parts, strict=True)
    }
    score = _score(g[~at_kinks], d[~at_kinks], noise)
    verdict = _verdict([score, *scores.values()])
    return GradientCheck(score, scores, verdict, int(at_kinks.sum()))


def _slopes(
    loss: Callable[[Any], jax.Array], step: float, params: Any, places: jax.Array
) -> jax.Array:
    """Returns the slopes to the left and to the right of each place, `[places, 2]`."""
    theta, unravel = ravel_pytree(params)

    def cost(theta):
        return jnp.asarray(loss(unravel(theta)), jnp.float64)

    def both(i):
        moves = jnp.array([-step, 0.0, step])
        values = jax.vmap(lambda move: cost(theta.at[i].add(move)))(moves)
        return jnp.diff(values) / step

    return jax.lax.map(both, places, batch_size=AT_ONCE)


def _at_kinks(
    g: NDArray[Any], near: NDArray[Any], far: NDArray[Any], noise: float
) -> NDArray[np.bool_]:
    """Returns where the loss has a kink and the gradient is between its two slopes.

    Across a kink the two slopes differ by the same jump for each step. Elsewhere they
    differ by the curvature times the step.

    Args:
        g: the gradient, `[places]`.
        near: the slopes of the smaller step, `[places, 2]`.
        far: those of the larger step.
        noise: the rounding error of a difference.
    """
    jump, farther = (np.abs(np.diff(x)[:, 0]) for x in (near, far))
    rounding = 4 * noise  # of two slopes of half the width
    sharp = (jump > rounding) & (farther < math.sqrt(FARTHER) * jump)
    low, high = near.min(axis=1) - rounding, near.max(axis=1) + rounding
    return sharp & (low <= g) & (g <= high)


def _gradient_and_differences(
    loss: Callable[[Any], jax.Array], eps: float, params: Any, places: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Returns `dJ/dθ` and `d` at the places among all coordinates, `[places]` each."""
    theta, unravel = ravel_pytree(params)

    def cost(theta):
        return jnp.asarray(loss(unravel(theta)), jnp.float64)

    def difference(i):
        # Side by side, so that the loss is compiled once.
        steps = jnp.array([eps, -eps])
        up, down = jax.vmap(lambda step: cost(theta.at[i].add(step)))(steps)
        return (up - down) / (2 * eps)

    differences = jax.lax.map(difference, places, batch_size=AT_ONCE)
    return jax.grad(cost)(theta)[places], differences


def _coordinates(params: Any, most: int | None) -> dict[str, NDArray[np.int64]]:
    """Returns the places of each leaf's coordinates among all, by the leaf's path.

    Of a leaf with more than `most` coordinates, `most` are drawn at random.
    """
    chosen, begin = {}, 0
    for path, leaf in jax.tree.leaves_with_path(params):
        places = np.arange(begin, begin + leaf.size)
        if most is not None and leaf.size > most:
            places = np.random.default_rng(begin).choice(places, most, replace=False)
        chosen[jax.tree_util.keystr(path, simple=True, separator=".")] = places
        begin += leaf.size
    return chosen


def _checked_value(loss: Callable[[Any], jax.Array], params: Any) -> float:
    """Returns the loss, after checks that the differences depend on.

    Raises:
        ValueError: as `check_gradients`.
    """
    if not jax.tree.leaves(params):
        raise ValueError("got no parameters; expected some to check the gradient of")
    once, twice = (np.asarray(loss(params)) for _ in range(2))
    if once.shape != () or once.dtype != np.float64 or not np.isfinite(once):
        raise ValueError(
            f"the loss gave {once!r}; expected one finite number of type float64: take "
            "the mean over the examples, and leave out casts to other types"
        )
    if once != twice:
        raise ValueError(
            f"the loss gave {once} and {twice} for the same parameters; expected the "
            "same value twice: switch dropout and other randomness off"
        )
    return float(once)


def _score(gradient: NDArray[Any], difference: NDArray[Any], noise: float) -> float:
    """Returns the score over some coordinates; `noise` is that of one difference."""
    if not gradient.size:
        return math.nan
    apart = np.linalg.norm(gradient - difference)
    size = np.linalg.norm(gradient) + np.linalg.norm(difference)
    rounding = noise * np.sqrt(gradient.size)
    if size <= 10 * rounding:
        return math.nan if size > 0 else 0.0
    score = apart / size
    return float(score if score < CORRECT else max(apart - rounding, 0) / size)


def _verdict(scores: list[float]) -> str:
    known = [score for score in scores if not math.isnan(score)]
    if known and max(known) < CORRECT:
        return "correct"
    return "wrong" if known and max(known) >= DOUBTFUL else "look again"
