"""How exact is a difference, and does a gradient check find a bug?

A seed is a network with other weights: 4 inputs, 5 tanh units, 3 classes, 8 examples,
in float64. A bug makes the gradient of the first layer wrong by a factor.
"""

import jax
import jax.numpy as jnp
import numpy as np

from experiments.course.arms import Claim, Outcome, bands, find
from jaxdl import data, diagnose, nn
from jaxdl.diagnose.gradients import CORRECT, DOUBTFUL
from jaxdl.report.style import GRAY, GREEN, ORANGE, VERMILLION, figure, tidy

TWO_SIDED = Claim(
    22, "a two-sided difference is more exact, at ε = 1e-4", -1, 1, "decades of error"
)
FOUND = Claim(
    22, "a gradient that is 1 % off scores above 1e-5", 1, 1, "decades above 1e-5"
)
RIGHT = Claim(22, "a right gradient scores below 1e-7", -1, 0.1, "decades above 1e-7")
STEPS = 10.0 ** -np.arange(1, 13)
BUGS = (0.0, 1e-6, 1e-4, 1e-2, 1.0)
MODEL = nn.serial(nn.dense(5, init=nn.xavier), nn.tanh, nn.dense(3))
TOLERANCE = 1e-300  # below every score, so that a score of 0 has a logarithm


def batch() -> data.Dataset:
    rng = np.random.default_rng(0)
    return data.Dataset(jnp.asarray(rng.normal(size=(8, 4))), jnp.arange(8) % 3)


def cost(params, bug=0.0):
    """Returns J, whose gradient by the first kernel is too large by a factor 1 + bug.

    The value does not depend on the bug.
    """
    kernel = params[0]["kernel"]
    wrong = kernel + bug * (kernel - jax.lax.stop_gradient(kernel))
    params = ({**params[0], "kernel": wrong}, *params[1:])
    outputs, _ = MODEL.apply(params, ((),) * len(params), batch().inputs)
    return nn.softmax_cross_entropy(outputs, batch().labels).mean()


def errors(key, steps, bug):
    """Returns the scores of one- and two-sided differences at every step, `[2, n]`."""
    params, _, _ = MODEL.init(key, (4,))
    params = jax.tree.map(lambda x: x.astype(float), params)
    theta, unravel = jax.flatten_util.ravel_pytree(params)
    slope, _ = jax.flatten_util.ravel_pytree(jax.grad(cost)(params, bug))

    def at(eps):
        shifts = eps * jnp.eye(len(theta))
        value = jax.vmap(lambda shift: cost(unravel(theta + shift)))
        right, left, here = value(shifts), value(-shifts), cost(params)
        return score((right - here) / eps, slope), score(
            (right - left) / (2 * eps), slope
        )

    return jax.vmap(at)(steps)


def zones(axes) -> None:
    """Draws the verdicts of `check_gradients`, and the levels of the course."""
    ends = -11, np.log10(CORRECT), np.log10(DOUBTFUL), 0.5
    names, colors = ("correct", "look again", "wrong"), (GREEN, ORANGE, VERMILLION)
    for low, high, name, color in zip(ends[:-1], ends[1:], names, colors, strict=True):
        axes.axhspan(low, high, color=color, alpha=0.12, linewidth=0)
        axes.text(-0.4, high - 0.15, name, va="top", fontsize="small")
    for level in (-7, -5, -3):
        axes.axhline(level, color=GRAY, linestyle=":")
        axes.text(4.4, level + 0.1, f"course: 1e{level}", ha="right", fontsize="small")


def score(d, slope):
    norm = jnp.linalg.norm
    return norm(d - slope) / (norm(d) + norm(slope))


def example():
    model = nn.serial(nn.dense(5), nn.tanh, nn.dense(3))
    params, state, _ = model.init(jax.random.key(0), (4,))
    inputs, labels = jnp.ones((8, 4)), jnp.arange(8) % 3

    def loss(params):
        outputs, _ = model.apply(params, state, inputs)
        return nn.softmax_cross_entropy(outputs, labels).mean()

    found = diagnose.check_gradients(loss, params)
    print(found.verdict, f"{found.score:.0e}")  # below 1e-6: correct, above 1e-4: wrong
    print([name for name, score in found.per_leaf.items() if score > 1e-6])
    return found


def run(seeds: int, key: int) -> Outcome:
    keys = jax.random.split(jax.random.key(key), seeds)
    with jax.enable_x64(True):
        both = jax.jit(jax.vmap(errors, (0, None, None)))
        one, two = (np.log10(np.asarray(e)) for e in both(keys, STEPS, 0.0))
        bugs = np.array([both(keys, STEPS[6:7], bug)[1] for bug in BUGS])
    bugs = np.log10(bugs[..., 0] + TOLERANCE)  # [bugs, seeds], at ε = 1e-7
    findings = [
        find(TWO_SIDED, two[:, 3] - one[:, 3]),
        find(FOUND, bugs[BUGS.index(1e-2)] + 5),
        find(RIGHT, bugs[0] + 7),
    ]
    drawn = figure(9, 3.4)
    left, right = drawn.subplots(1, 2)
    bands(left, {"one-sided": one, "two-sided": two}, np.log10(STEPS))
    left.set(xlabel="log10 of ε", ylabel="log10 of the score")
    tidy(left, "a right gradient, float64")
    zones(right)
    right.boxplot(bugs.T, positions=range(len(BUGS)), showfliers=False)
    right.set_xticks(range(len(BUGS)), [f"{b:g}" for b in BUGS])
    right.set(xlabel="bug: relative error of one layer's gradient", ylim=(-11, 0.5))
    right.set(ylabel="log10 of the score, ε = 1e-7")
    tidy(right, "planted bugs; the check changes at 1e-6 and 1e-4")
    text = "Score of a gradient check by ε, one- and two-sided, and with planted bugs"
    return Outcome(findings, {"gradient_check": (drawn, text)})
