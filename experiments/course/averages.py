"""How long does an exponentially weighted average remember, and where does it begin?

A year of temperatures is made up: a wave of 365 days plus weather that lasts some days.
A seed is a year with other weather. The weight of a window is a formula: its n counts
values of β, from 0.5 to 0.999.
"""

import jax
import jax.numpy as jnp
import numpy as np

from experiments.course.arms import Claim, Outcome, bands, find
from jaxdl import optim
from jaxdl.report.style import BLUE, GRAY, PALETTE, figure, tidy

WINDOW = Claim(
    20, "the last 1 / (1 − β) values have most of the weight", 1, 0.1, "above a half"
)
CORRECTED = Claim(
    20, "bias correction: smaller error in the first 10 days, β = 0.98", -1, 1, "°C"
)
DAYS, BETAS = 365, (0.5, 0.9, 0.98)


def temperatures(key: jax.Array) -> jax.Array:
    """Returns the temperature of each day of a year in °C, `[DAYS]`."""
    noise = jax.random.normal(key, (DAYS,))

    def weather(last, z):
        now = 0.6 * last + 2 * z
        return now, now

    _, offset = jax.lax.scan(weather, 0.0, noise)
    return 10 - 6 * jnp.cos(2 * jnp.pi * jnp.arange(DAYS) / DAYS) + offset


def averages(values: jax.Array, beta: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Returns the average after each value, without and with correction."""

    def add(v, pair):
        value, count = pair
        v = optim.ewma(v, value, beta)
        return v, (v, optim.bias_corrected(v, beta, count))

    return jax.lax.scan(add, 0.0, (values, jnp.arange(1, len(values) + 1)))[1]


def example():
    v = corrected = 0.0
    for day, temperature in enumerate([4.0, 9.0, 6.0], start=1):
        v = optim.ewma(v, temperature, beta=0.9)  # β v + (1 - β) θ
        corrected = optim.bias_corrected(v, beta=0.9, count=day)  # v / (1 - β^day)
        print(day, f"{v:.3f} {corrected:.3f}")
    return corrected


def weight_of_window(beta: np.ndarray) -> np.ndarray:
    """Returns the weight of the last 1 / (1 - β) values: 1 - β^(1 / (1 - β))."""
    return 1 - beta ** (1 / (1 - beta))


def run(seeds: int, key: int) -> Outcome:
    years = jax.vmap(temperatures)(jax.random.split(jax.random.key(key), seeds))
    each = jax.jit(jax.vmap(averages, (0, None)))
    found = {beta: each(years, beta) for beta in BETAS}
    plain, corrected = found[0.98]
    errors = [jnp.abs(x - years)[:, :10].mean(axis=1) for x in (plain, corrected)]
    betas = 1 - np.geomspace(0.5, 1e-3, seeds)
    drawn = figure(9, 5.6)
    (top, begin), (year, weight) = drawn.subplots(2, 2)
    draw_year(top, years[0], {f"β = {b:g}": found[b][1][0] for b in BETAS})
    bands(begin, {"v": plain[:, :60], "v / (1 − β^t)": corrected[:, :60]})
    begin.set(xlabel="day", ylabel="°C")
    tidy(begin, "the first days, β = 0.98")
    few = np.arange(0, DAYS, 7)
    bands(year, {f"β = {b:g}": x[:, few] for b, (_, x) in found.items()}, few + 1)
    year.set(xlabel="day", ylabel="°C")
    tidy(year, "the mean of all years, corrected averages")
    weight.semilogx(1 / (1 - betas), weight_of_window(betas), color=BLUE)
    weight.axhline(1 - 1 / np.e, color=GRAY, linewidth=1)
    weight.text(300, 1 - 1 / np.e - 0.01, "1 − 1/e", va="top")
    weight.set(xlabel="1 / (1 − β), values", ylabel="weight of the last 1 / (1 − β)")
    weight.set(ylim=(0.5, 1))
    tidy(weight, "how much the window weighs")
    findings = [
        find(WINDOW, weight_of_window(betas) - 0.5),
        find(CORRECTED, errors[1] - errors[0]),
    ]
    text = "Temperatures and their averages with and without bias correction"
    return Outcome(findings, {"averages": (drawn, text)})


def draw_year(axes, year, curves) -> None:
    """Draws the days of one year as dots, and its averages as lines."""
    days = np.arange(0, DAYS, 2)  # half of them, which keeps the picture small
    axes.plot(days + 1, year[days], ".", color=GRAY, markersize=2)
    for (name, curve), color in zip(curves.items(), PALETTE, strict=False):
        axes.plot(days + 1, curve[days], color=color, label=name, linewidth=1.2)
    axes.set(xlabel="day", ylabel="°C")
    axes.legend(fontsize="small", frameon=False)
    tidy(axes, "one year, corrected averages")
