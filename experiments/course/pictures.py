"""Figures of the course that need more lines than their scripts have."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

import jaxdl as dl
from experiments.course import landscapes
from experiments.course.arms import bands, forest
from jaxdl.report.style import (
    BEST,
    BLUE,
    GRAY,
    ORANGE,
    PALETTE,
    epoch_axis,
    figure,
    tidy,
)


def stopping(axes: Axes, member: dl.Member) -> None:
    """Draws train and dev error of a training, and the epoch of its weights."""
    for name, color in (("train", BLUE), ("dev", ORANGE)):
        curve = 100 * member.metrics[f"{name}_error"]
        axes.plot(np.arange(1, len(curve) + 1), curve, color=color, label=name)
    kept = member.kept_epoch + 1
    axes.axvline(kept, color=BEST, linestyle="--", label=f"kept: epoch {kept}")
    axes.set(xlabel="epoch", ylabel="error, %", ylim=(0, None))
    axes.legend(fontsize="small", frameon=False)
    tidy(axes, "one training, stopped early")


def tanh_inputs(axes: Axes, z: dict[str, NDArray[Any]]) -> None:
    """Draws how the inputs of tanh units are spread, by arm."""
    edges = np.linspace(-4, 4, 65)
    for (name, values), color in zip(z.items(), PALETTE, strict=False):
        share = np.histogram(values, edges)[0] / values.size / (edges[1] - edges[0])
        axes.stairs(share, edges, color=color, label=name, linewidth=1.5)
    axes.axvspan(-0.5, 0.5, color="0.9", zorder=0)
    axes.set(xlabel="z of the units (gray: tanh is about linear)", ylabel="density")
    axes.legend(fontsize="small", frameon=False)
    tidy(axes, "what enters tanh")


def paths(make):
    """Returns 25 steps of each optimizer in a ravine whose curvatures are 1 and 30."""
    drawn = figure(9, 5)
    x, y = np.linspace(-4.5, 1.5, 121), np.linspace(-1.5, 1.5, 61)
    f, rates = (lambda w: (w[0] ** 2 + 30 * w[1] ** 2) / 2), (0.06, 0.25, 0.15, 0.4)
    start = jnp.array([-4.0, 1.0])
    panels = zip(drawn.subplots(2, 2).ravel(), make.items(), rates, strict=True)
    for color, (axes, (name, optimizer), rate) in zip(PALETTE, panels, strict=False):
        levels, look = np.geomspace(0.1, 50, 9), {"colors": GRAY, "linewidths": 1}
        axes.contour(x, y, f(np.meshgrid(x, y)), levels, **look)
        w = landscapes.path(optimizer(rate), f, start, 25)
        w = np.concatenate([start[None], w])
        axes.plot(*w.T, "o-", color=color, markersize=3, linewidth=1)
        axes.set(
            xlabel="weight 1", ylabel="weight 2", xlim=(-4.5, 1.5), ylim=(-1.5, 1.5)
        )
        tidy(axes, f"{name}, rate {rate:g}, 25 steps")
    return drawn


def heat(error):
    """Returns maps of the mean of `error[activation, layers, name]`, each `[seeds]`."""
    drawn = figure(9, 2.6)
    first, layers, names = (list(dict.fromkeys(x)) for x in zip(*error, strict=True))
    for axes, activation in zip(drawn.subplots(1, 2), first, strict=True):
        rows = [[error[activation, d, n].mean() for n in names] for d in layers]
        table = np.array(rows)  # NaN where a training diverged
        shade = np.nan_to_num(table, nan=90)
        axes.imshow(shade, cmap="cividis_r", vmin=0, vmax=90, aspect="auto")
        for (row, column), value in np.ndenumerate(table):
            text = "diverged" if np.isnan(value) else f"{value:.1f}"
            color = "white" if shade[row, column] > 45 else "black"
            axes.text(column, row, text, color=color, ha="center")
        axes.set_xticks(range(len(names)), names)
        axes.set_yticks(range(len(layers)), [f"{d} layers" for d in layers])
        tidy(axes, f"{activation}: mean dev error, %")
        axes.grid(False)
    return drawn


def saddles(saddle, curvature):
    """Returns the share of saddles by the number of weights, and Hessians."""
    units = [*saddle]
    drawn = figure(9, 3.2)
    left, right = drawn.subplots(1, 2)
    weights = [curvature[u].shape[1] for u in units]
    left.bar(
        range(len(units)), [100 * saddle[u].mean() for u in units], color=PALETTE[0]
    )
    left.set_xticks(range(len(units)), weights)
    left.set(xlabel="weights of the network", ylabel="saddles, %", ylim=(0, 100))
    tidy(left, "points of small gradient that are saddles")
    for u, color in zip(units, PALETTE, strict=False):
        values = np.sort(curvature[u][0])
        rank = np.linspace(0, 1, len(values))
        right.plot(
            rank,
            values,
            "o-",
            color=color,
            markersize=3,
            label=f"{len(values)} weights",
        )
    right.axhline(0, color=GRAY, linewidth=1)
    right.set(xlabel="rank of the eigenvalue, 0 to 1", ylabel="eigenvalue")
    right.set_yscale("symlog", linthresh=0.01)
    right.legend(fontsize="small", frameon=False)
    tidy(right, "Hessian at one point of small gradient")
    return drawn


def squares(less):
    """Returns nine trials of each kind with their margins, and the differences."""
    drawn = figure(9, 3.4)
    axes = drawn.subplots(1, 3, width_ratios=(1, 1, 1.3))
    rng, ends = np.random.default_rng(1), np.array([0.1, 0.5, 0.9])
    grid = np.stack(np.meshgrid(ends, ends), axis=-1).reshape(-1, 2)
    for each, name, x in zip(
        axes, ("grid", "random"), (grid, rng.random((9, 2))), strict=False
    ):
        each.plot(*x.T, "o", color=BLUE)
        each.plot(x[:, 0], np.full(9, -0.08), "|", color=BEST, markersize=12)
        each.plot(np.full(9, -0.08), x[:, 1], "_", color=BEST, markersize=12)
        each.set(xlabel="one that matters", ylabel="one that does not")
        each.set(xlim=(-0.14, 1), ylim=(-0.14, 1), xticks=[], yticks=[], aspect="equal")
        tidy(each, f"{name}: {len(np.unique(x[:, 0].round(6)))} values of each")
    names = {1: "1 of 8 trials", 2: "2 of 16", 3: "3 of 27"}
    forest(
        axes[2],
        {names[d]: f for d, f in less.items()},
        "dev error, random − grid, points",
    )
    axes[2].set(ylabel="hyperparameters")
    return drawn


def scales(coarse, fine):
    """Returns draws of a rate and of β on both scales, and the zoom of one search."""
    drawn = figure(9, 3.6)
    left, right = drawn.subplots(1, 2)
    beta = dl.OneMinusLogUniform(0.9, 0.999), dl.Uniform(0.9, 0.999)
    rate = dl.LogUniform(1e-4, 1.0), dl.Uniform(1e-4, 1.0)
    names = ["rate, log", "rate, linear", "1 − β, log", "1 − β, linear"]
    for row, dist in enumerate((*rate, *beta)):
        x = dl.sample(jax.random.key(0), {"x": dist}, 60)["x"]
        x = x if row < 2 else 1 - x
        left.plot(
            x, np.full(60, row), "|", color=(BLUE, ORANGE)[row % 2], markersize=12
        )
    left.set_yticks(range(4), names)
    left.set(xscale="log", xlabel="value", ylim=(3.6, -0.6))
    tidy(left, "60 draws")
    right.loglog(coarse.rate, coarse.l2, "o", color=GRAY, label="13 coarse")
    right.loglog(fine.rate, fine.l2, "o", color=BLUE, label="14 fine")
    right.set(xlabel="learning rate", ylabel="λ")
    drawn.legend(loc="outside upper right", ncols=2, fontsize="small", frameon=False)
    tidy(right, "coarse to fine, one search")
    return drawn


def batch_norm(shares, less, moved, bright, *, rates, shifts):
    """Returns figures: of the rates, the noise, the shift and the brightness."""
    drawn = figure(9, 6)
    (a, b), (c, d) = drawn.subplots(2, 2)
    pairs = (a, shares, rates), (c, moved, range(2, 7)), (d, bright, shifts)
    for axes, pair, x in pairs:
        bands(axes, dict(zip(("without", "with batch norm"), pair, strict=True)), x)
    bands(b, {"with − without": np.stack([*less.values()], axis=1)}, [*less])
    b.axhline(0, color=GRAY, linewidth=1)
    a.set(xlabel="learning rate", ylabel="trainings that learn, %", xscale="log")
    a.set(ylim=(-5, 135), yticks=range(0, 101, 20))  # room for the legend
    b.set(xlabel="batch size", ylabel="dev error, points", xscale="log")
    b.set_xticks([*less], map(str, less), minor=False)
    b.minorticks_off()
    epoch_axis(c, 6)
    c.set(ylabel="log10 of the shift of layer inputs")
    d.set(xlabel="brightness added, deviations", ylabel="dev error, %")
    return drawn
