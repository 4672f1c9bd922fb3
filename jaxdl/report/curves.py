"""How the members learned: their curves, and their train against their dev error."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxdl.report import ranked
from jaxdl.report.shown import of_how_many, shown
from jaxdl.report.style import (
    BEST,
    BLUE,
    GRAY,
    Errors,
    density_colors,
    dot,
    epoch_axis,
    error_axis,
    errors_of,
    figure,
    message,
    tidy,
)
from jaxdl.sweeps import SweepResult
from jaxdl.sweeps.repeats import members_of
from jaxdl.train.score import curve_of, words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS, ROWS = 300, 90  # of the grid in which curves are counted


def learning_curves(result: SweepResult, metric: str | None = None) -> "Figure":
    """Returns a metric by epoch: all members as a density, the best drawn over it.

    Each cell's color is the number of members whose curve passes through it. Curves are
    straight between epochs, and begin and end half an epoch before and after them. With
    repeats or folds the best configuration is drawn with each of its members.

    Args:
        result: of a sweep.
        metric: `train_loss`, `train_error`, `dev_loss`, `dev_error` or one of the
            recipe's own, such as `dev_auc`. None: the one that ranks members.

    Raises:
        ImportError: matplotlib is missing.
        ValueError: there is no such metric.
    """
    metric = metric or curve_of(result.task.rank_by)
    if metric not in result.metrics:
        raise ValueError(f"got metric={metric!r}; expected one of {[*result.metrics]}")
    curves = result.metrics[metric][members_of(shown(result), result.num_variants)]
    name = words(metric)
    if not np.isfinite(curves).any():
        return message(f"no member has a finite {name}")
    errors = ranked.scale(result, curves, metric)
    drawn = figure(6.4, 4.0)
    axes = drawn.add_subplot()
    colors = _density(axes, curves, errors)
    bar = drawn.colorbar(colors, ax=axes, label="members (log scale)", format="{x:.0f}")
    bar.set_ticks(count_ticks(int(colors.norm.vmax)))
    bar.minorticks_off()
    best = f"best on {ranked.name(result)}"
    for i, curve in enumerate(_best(result, result.metrics[metric])):
        _outlined(axes, curve, errors, best if i == 0 else None)
    epoch_axis(axes, curves.shape[1])
    error_axis(axes, "y", errors, name)
    all_of_them = f"{len(curves)} {'members' if len(curves) > 1 else 'member'}"
    tidy(axes, f"{name} of {of_how_many(result) or all_of_them}")
    if axes.lines:
        drawn.legend(loc="outside lower center", fontsize="small")
    return drawn


def train_against_dev(result: SweepResult) -> "Figure":
    """Returns train against dev error, with the line on which both are equal.

    Every configuration is a point at its mean errors. Train errors are means over the
    steps of an epoch, with dropout and moving weights. So they are larger than those of
    the trained models, and too large for a diagnosis of bias and variance.

    Args:
        result: of a sweep.

    Raises:
        ImportError: matplotlib is missing.
    """
    values, rates = result.mean(), result.has_rates()
    train, dev = values["train_error"], values["dev_error"]
    if not np.isfinite(dev).any():
        return message("no configuration has a finite error")
    errors = errors_of(np.concatenate([train, dev]), rates=rates)
    drawn = figure(5.6, 5.0)
    axes = drawn.add_subplot()
    error_axis(axes, "x", errors, "train error while it trains")
    error_axis(axes, "y", errors, "dev error")
    axes.axline(
        (errors.low, errors.low), (errors.high, errors.high), color=GRAY, linewidth=1,
        linestyle="--", label="dev error = train error",
    )  # fmt: skip
    x, y, some = errors.clip(train), errors.clip(dev), shown(result)
    axes.scatter(
        x[some],
        y[some],
        s=dot(len(some)),
        color=BLUE,
        alpha=0.6,
        linewidths=0,
        rasterized=len(some) > 500,
        label="configuration",
    )
    best = result.ranking()[0]
    axes.scatter(x[best], y[best], s=170, marker="*", color=BEST, edgecolors="white",
                 zorder=3, label=f"best on {ranked.name(result)} ({best})")  # fmt: skip
    diverged = int(result.diverged().sum())
    lost = f"{diverged} of {len(dev)} diverged and are not shown" * bool(diverged)
    tidy(axes, "\n".join(filter(None, (of_how_many(result), lost))))
    drawn.legend(loc="outside lower center", ncols=2, fontsize="small")
    return drawn


def density(
    curves: ArrayLike, errors: Errors
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Returns how many curves pass through each cell of a grid.

    Args:
        curves: `[members, epochs]`, NaN where a member did not run.
        errors: how they are drawn.

    Returns:
        The edges of columns, in epochs, and of rows; and the counts `[rows, columns]`.
    """
    read, back = (np.log, np.exp) if errors.log else (np.asarray, np.asarray)
    curves = read(errors.clip(np.asarray(curves, float)))
    epochs = curves.shape[1]
    edges = np.linspace(0.5, epochs + 0.5, COLUMNS + 1)
    x = (edges[1:] + edges[:-1]) / 2
    before, after, nearest = (
        np.clip(f(x), 1, epochs).astype(int) - 1 for f in (np.floor, np.ceil, np.rint)
    )
    between = curves[:, before] + x % 1 * (curves[:, after] - curves[:, before])
    y = np.where(np.isfinite(between), between, curves[:, nearest])
    rows = np.linspace(read(errors.low), read(errors.high), ROWS + 1)
    counts, _, _ = np.histogram2d(
        *(a[np.isfinite(y)] for a in (y, np.broadcast_to(x, y.shape))),
        bins=(rows, edges),
    )
    return edges, back(rows), counts


def count_ticks(most: int) -> list[int]:
    """Returns counts from 1 to `most` to write at a log scale: few, with both ends."""
    digits = (1, 2, 5) if most < 100 else (1,)
    between = (d * 10**p for p in range(len(str(most))) for d in digits)
    return [count for count in between if 1.5 * count < most] + [most]


def _density(axes: Any, curves: NDArray[Any], errors: Errors) -> Any:
    from matplotlib.colors import LogNorm

    columns, rows, counts = density(curves, errors)
    most = max(2, counts.max())
    return axes.pcolormesh(
        columns, rows, np.ma.masked_equal(counts, 0), cmap=density_colors(),
        norm=LogNorm(1, most), rasterized=True,
    )  # fmt: skip


def _best(result: SweepResult, curves: NDArray[Any]) -> NDArray[Any]:
    """Returns the curves of the best configuration's members; none if all diverged."""
    best, v = int(result.ranking()[0]), result.num_variants
    return curves[best * v : (best + 1) * v] if result.has_best() else curves[:0]


def _outlined(axes: Any, curve: NDArray[Any], errors: Errors, label: Any) -> None:
    from matplotlib.patheffects import withStroke

    epochs = np.arange(1, len(curve) + 1)
    axes.plot(
        epochs, errors.clip(curve), color=BEST, linewidth=2, label=label,
        marker="o" if len(curve) < 2 else None,
        path_effects=[withStroke(linewidth=4, foreground="white")],
    )  # fmt: skip
