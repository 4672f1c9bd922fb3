"""Functions of a few weights: ravines, saddles, and where a gradient is small."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import NDArray

from jaxdl import nn, optim

CONDITION = 1000  # of the ravine's curvatures
TARGET, STEPS = 1e-3, 4000
RATE, DECAY = 0.02, 0.01  # of the weights, where L2 is compared with their decay


def ravine(w):
    return (w[0] ** 2 + CONDITION * w[1] ** 2) / 2


def turned_ravine(w):  # by 45 degrees, so that no axis runs along it
    return ravine([(w[0] + w[1]) / 2**0.5, (w[0] - w[1]) / 2**0.5])


def plateau(w):  # the gradient at distance 4 is 0.0013
    return 1 - jnp.exp(-(w[0] ** 2 + w[1] ** 2) / 2)


def path(
    optimizer: optax.GradientTransformation, f: Callable, start: jax.Array, steps: int
) -> jax.Array:
    """Returns where the weights are after each step, `[steps, 2]`."""

    def step(carry, _):
        w, opt_state = carry
        updates, opt_state = optimizer.update(jax.grad(f)(w), opt_state)
        w = optax.apply_updates(w, updates)
        return (w, opt_state), w

    return jax.lax.scan(step, (start, optimizer.init(start)), length=steps)[1]


def arrivals(
    make: Callable, f: Callable, rates: NDArray, starts: jax.Array, steps: int
) -> NDArray:
    """Returns when each rate arrives from each start, `[rates, starts]`.

    A run arrives with the step from which f stays at most `TARGET`; infinite for none.

    Args:
        make: from a rate to an optimizer.
        f: a function of two weights, whose minimum is 0.
        rates: `[rates]`.
        starts: `[starts, 2]`.
        steps: that a run takes.
    """

    def run(rate, start):
        above = ~(jax.vmap(f)(path(make(rate), f, start, steps)) <= TARGET)  # NaN too
        last_above = jnp.max(jnp.where(above, jnp.arange(1, steps + 1), 0))
        return jnp.where(above[-1], jnp.inf, last_above + 1)

    runs = jax.vmap(jax.vmap(run, (None, 0)), (0, None))
    return np.asarray(jax.jit(runs)(rates, starts))


def descents(make: Callable, f: Callable, key: int, seeds: int) -> NDArray:
    """Returns the steps from each start with the rate that is best from 16 others.

    What does not arrive counts as `STEPS`.
    """
    starts = jax.random.normal(jax.random.key(key), (seeds, 2))
    others = jax.random.normal(jax.random.key(key + 1000), (16, 2))
    rates = np.geomspace(1e-4, 1, 41)
    tried = arrivals(make, f, rates, others, STEPS)
    best = rates[[tried.mean(axis=1).argmin()]]
    found = arrivals(make, f, best, starts, STEPS)[0]
    return np.minimum(found, STEPS)


def minima(key: jax.Array, dimension: int, draws: int) -> jax.Array:
    """Returns which random symmetric matrices have only positive eigenvalues.

    `G + G'`, with G standard normal, stands for the second derivatives at a point where
    the gradient is 0. The result is `[draws]`.
    """
    g = jax.random.normal(key, (draws, dimension, dimension))
    return jnp.linalg.eigvalsh(g + g.mT)[:, 0] > 0


def flat_point(
    key: jax.Array, units: int, steps: int = 2000
) -> tuple[jax.Array, jax.Array]:
    """Returns ‖∇J‖ and the eigenvalues of the Hessian where ‖∇J‖² has gone down.

    J is the squared error of a small tanh network on 16 random examples. Adam descends
    ‖∇J‖², so that it ends at minima and at saddles alike.
    """
    model = nn.serial(nn.dense(units, init=nn.xavier), nn.tanh, nn.dense(1))
    first, second, third = jax.random.split(key, 3)
    params, state, _ = model.init(first, (2,))
    theta, unravel = jax.flatten_util.ravel_pytree(params)
    x, y = jax.random.normal(second, (16, 2)), jax.random.normal(third, (16, 1))

    def cost(theta):
        return jnp.mean((model.apply(unravel(theta), state, x)[0] - y) ** 2)

    def steepness(theta):
        return jnp.sum(jax.grad(cost)(theta) ** 2)

    adam = optim.adam(optim.cosine(0.03, steps))
    end = path(adam, steepness, 2 * theta, steps)[-1]
    slope = jnp.linalg.norm(jax.grad(cost)(end))
    return slope, jnp.linalg.eigvalsh(jax.hessian(cost)(end))


def negative(curvatures: NDArray) -> NDArray:
    """Returns the share of negative eigenvalues at each point."""
    least = 1e-3 * np.abs(curvatures).max(axis=1, keepdims=True)
    return (curvatures < -least).mean(axis=1)


def decay_distance(key: jax.Array, make: Callable, steps: int = 50) -> jax.Array:
    """Returns how far L2 and weight decay end apart, relative to what decay changes.

    The examples are 8, so that λ / m is the decay.
    """
    x, y, start = jax.random.normal(key, (3, 8, 8))

    def cost(w, strength):
        return ((x @ w - y) ** 2).mean() + nn.l2(8 * strength)({"kernel": w}, 8)

    def end(strength, decay):
        def f(w):
            return cost(w, strength)

        def step(carry, _):
            w, state = carry
            change, state = optimizer.update(jax.grad(f)(w), state, w)
            return (w + change - RATE * decay * w, state), None

        optimizer = make(RATE)
        carry = start, optimizer.init(start)
        return jax.lax.scan(step, carry, length=steps)[0][0]

    l2, decay, none = end(DECAY, 0.0), end(0.0, DECAY), end(0.0, 0.0)
    norm = jnp.linalg.norm
    return norm(l2 - decay) / norm(decay - none)
