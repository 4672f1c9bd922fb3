"""Which optimizer is fast in a ravine, over a saddle and across a plateau?

    python experiments/course/ravine.py

Four optimizers with their default averages in two dimensions, with 256 constant rates,
log-uniform from 1e-6 to 1e4, each from 16 random starts. A run arrives with the step
from which f stays below 1e-3, its minimum being 0; a rate works when it arrives from
every start within 10,000 steps.

Result on 2 cores of an AMD EPYC (Zen 5), jax 0.10.1, 20 s of processor time, steps with
the best rate (mean ± standard error, n = 16), gradient descent, momentum, RMSprop,
Adam: ravine 1274 ± 146, 127 ± 4, 569 ± 65, 111 ± 5; the same turned by 45 degrees 1242
± 138, 122 ± 5, 1924 ± 150, 3291 ± 714; saddle 585 ± 13, 120 ± 2, 261 ± 26, 129 ± 18;
plateau 134, 84, 153 ± 2, 81 ± 1. Rates that work span 0.7, 2.0, 1.1, 3.2 decades in the
ravine. Of random symmetric matrices in 1 to 6 dimensions 0.50, 0.146, 0.025, 0.0025,
0.00013 and none of 131,072 have only positive eigenvalues.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import NDArray

import jaxdl as dl
from jaxdl import optim, terminal

CONDITION = 1000  # of the ravine's curvatures
TARGET = 1e-3
RATES = np.geomspace(1e-6, 1e4, 256)
OPTIMIZERS = (optim.gradient_descent, optim.momentum, optim.rmsprop, optim.adam)


def ravine(w):
    return (w[0] ** 2 + CONDITION * w[1] ** 2) / 2


def turned_ravine(w):  # by 45 degrees, so that no axis runs along it
    return ravine([(w[0] + w[1]) / 2**0.5, (w[0] - w[1]) / 2**0.5])


def saddle(w):  # curvatures 100 and -1 at (0, 0), minima at (0, 1) and (0, -1)
    return 50 * w[0] ** 2 + (w[1] ** 2 - 1) ** 2 / 4


def plateau(w):  # the gradient at distance 4 is 0.0013
    return 1 - jnp.exp(-(w[0] ** 2 + w[1] ** 2) / 2)


# f, and where a run starts, given standard normal draws z
LANDSCAPES = {
    ravine: lambda z: z,
    turned_ravine: lambda z: z,
    saddle: lambda z: z * jnp.array([1, 1e-4]),
    plateau: lambda z: 4 * z / jnp.linalg.norm(z),
}


def arrival(
    optimizer: optax.GradientTransformation, f: Callable, start: jax.Array, steps: int
) -> jax.Array:
    """Returns the step from which f stays at most `TARGET`, infinite for none."""

    def step(carry, _):
        w, opt_state = carry
        updates, opt_state = optimizer.update(jax.grad(f)(w), opt_state)
        w = optax.apply_updates(w, updates)
        return (w, opt_state), ~(f(w) <= TARGET)  # NaN is above it

    _, above = jax.lax.scan(step, (start, optimizer.init(start)), length=steps)
    last_above = jnp.max(jnp.where(above, jnp.arange(1, steps + 1), 0))
    return jnp.where(above[-1], jnp.inf, last_above + 1)


def arrivals(
    make: Callable, f: Callable, rates: NDArray, starts: int, steps: int = 10_000
) -> NDArray:
    """Returns the arrival with every rate from every start, `[rates, starts]`."""

    def run(rate, z):
        return arrival(make(rate), f, LANDSCAPES[f](z), steps)

    draws = jax.random.normal(jax.random.key(0), (starts, 2))
    runs = jax.vmap(jax.vmap(run, (None, 0)), (0, None))
    return np.asarray(jax.jit(runs)(rates, draws))


def share_of_minima(dimension: int, draws: int = 2**17) -> float:
    """Returns how many random symmetric matrices have only positive eigenvalues.

    `G + G'`, with G standard normal, stands for the second derivatives at a point where
    the gradient is 0.
    """
    g = jax.random.normal(jax.random.key(0), (draws, dimension, dimension))
    return float(jnp.mean(jnp.linalg.eigvalsh(g + g.mT)[:, 0] > 0))


def summary(make: Callable, f: Callable) -> list:
    """Returns the steps with the best rate, mean ± standard error, and what works."""
    steps = arrivals(make, f, RATES, starts=16)
    works, best = RATES[np.isfinite(steps).all(axis=1)], np.argmin(steps.mean(axis=1))
    error = steps[best].std(ddof=1) / steps.shape[1] ** 0.5
    return [
        *(f.__name__, make.__name__, f"{steps[best].mean():.0f} ± {error:.0f}"),
        *(float(RATES[best]), f"{works.min():.2g} to {works.max():.2g}"),
        float(len(works) * np.log10(RATES[1] / RATES[0])),
    ]


def main() -> None:
    names = ["landscape", "optimizer", "steps", "best rate", "rates", "decades"]
    rows = [summary(make, f) for f in LANDSCAPES for make in OPTIMIZERS]
    print(terminal.table(names, rows))
    shares = [[n, share_of_minima(n)] for n in range(1, 7)]
    print(terminal.table(["dimensions", "share of minima"], shares))


if __name__ == "__main__":
    dl.enable_compilation_cache()
    main()
