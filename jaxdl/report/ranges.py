"""The metric that ranks, by hyperparameter: one by one, in pairs, and importance.

Points are configurations; a value is the mean over a configuration's members.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jaxdl.report import ranked
from jaxdl.report.scales import Scale, label_axis, varying
from jaxdl.report.shown import of_how_many, shown
from jaxdl.report.style import (
    BEST,
    BLACK,
    BLUE,
    DIVERGED,
    GRAY,
    dot,
    error_axis,
    error_bar,
    figure,
    message,
    plain,
    tidy,
)
from jaxdl.sweeps import SweepResult
from jaxdl.sweeps.summary import LEARNED, MOST_LEARNED, importance_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CONSTANT = "all configurations have the same hyperparameters"
UNEVEN = "members trained for different numbers of epochs"
ACROSS = 3  # panels in a row
CELLS = 8  # of a heat map's side


def hyperparameters(result: SweepResult) -> "Figure":
    """Returns each hyperparameter against what ranks, on its own scale.

    Hyperparameters that do not vary are left out, and so are configurations to which
    one does not apply. Crosses along the top are configurations that diverged. Points
    of a category are spread sideways, and its line is their median.

    Raises:
        ImportError: matplotlib is missing.
    """
    scales = varying(result)
    if not scales:
        return message(CONSTANT)
    error = ranked.values(result)
    errors = ranked.scale(result, error)
    across = min(ACROSS, len(scales))
    down = -(-len(scales) // across)
    # The label of all panels is about 3 inches long.
    drawn = figure(max(3.0 * across, 4.0), max(2.4 * down, 3.4) + 0.3)
    for panel, scale in enumerate(scales):
        axes = drawn.add_subplot(down, across, panel + 1)
        label_axis(axes, "x", scale)
        error_axis(axes, "y", errors, ranked.name(result))
        drawn.supylabel(axes.get_ylabel(), fontsize="medium")
        axes.set_ylabel("")
        axes.set_xlabel(scale.label.replace(" (", "\n("), fontsize="small")
        axes.tick_params(labelsize="small")
        _points(axes, scale, errors.clip(error), result)
        tidy(axes)
    handles = {
        text: handle
        for axes in drawn.axes
        for handle, text in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    drawn.legend([*handles.values()], [*handles], loc="outside lower center", ncols=4,
                 fontsize="small")  # fmt: skip
    titles = (of_how_many(result), UNEVEN * _is_uneven(result))
    if any(titles):
        drawn.suptitle("\n".join(filter(None, titles)), fontsize="medium")
    return drawn


def heat_map(
    result: SweepResult, first: str | None = None, second: str | None = None
) -> "Figure":
    """Returns the median of what ranks over two hyperparameters, in cells of scales.

    Cells without a finite value are white.

    Args:
        result: of a sweep.
        first: name of the one across; by default the two most important that apply
            together; where the importance is unknown, the first two that vary.
        second: name of the one upward.

    Raises:
        ImportError: matplotlib is missing.
        ValueError: a name is not one of those that vary, or both are the same.
    """
    scales = {scale.name: scale for scale in varying(result)}
    if len(scales) < 2 and first is None and second is None:
        return message("fewer than two hyperparameters vary")
    default = _by_importance(result, scales)
    first = first or (_partner(second, default, scales) if second else default[0])
    second = second or _partner(first, default, scales)
    if first == second or not {first, second} <= set(scales):
        raise ValueError(f"got {first!r} and {second!r}; expected two of {[*scales]}")
    error = ranked.values(result)
    x, y = scales[first], scales[second]
    across, up = cells(x), cells(y)
    medians = cell_medians(x, y, error, across, up)
    if not np.isfinite(medians).any():
        return message(f"no finite {ranked.name(result)} over {first} and {second}")
    errors = ranked.scale(result, medians)
    drawn = figure(6.0, 4.4)
    axes = drawn.add_subplot()
    label_axis(axes, "x", x)
    label_axis(axes, "y", y)
    _cells(drawn, axes, across, up, medians, errors, f"median {ranked.name(result)}")
    best = result.ranking()[0]
    if np.isfinite(error[best]):
        axes.scatter(x.at[best], y.at[best], s=170, marker="*", color=BEST,
                     edgecolors="white", clip_on=False, zorder=3,
                     label=f"best ({best})")  # fmt: skip
        drawn.legend(loc="outside lower center", fontsize="small")
    return drawn


def importance(result: SweepResult) -> "Figure":
    """Returns the share of the score that each hyperparameter accounts for.

    Whiskers are standard errors over the folds in which members were held out; the
    title says how much of the variance the shares are of.

    Raises:
        ImportError: matplotlib or scikit-learn is missing.

    Source: see `diagnose.importance`.
    """
    try:
        found = importance_of(result)
    except ValueError as error:
        return message(f"the importance is unknown: {error}")
    names = [*found.shares][::-1]
    drawn = figure(6.4, 0.9 + 0.34 * len(names))
    axes = drawn.add_subplot()
    axes.barh(
        range(len(names)),
        [100 * found.shares[name] for name in names],
        xerr=[100 * found.errors[name] for name in names],
        color=BLUE, ecolor=BLACK, capsize=3,
    )  # fmt: skip
    axes.set_yticks(range(len(names)), [plain(name) for name in names])
    axes.set(xlabel="share of what is explained (%), ± standard error", xlim=(0, None))
    explained = max(found.explained, 0)
    doubt = ": too little to rely on" if explained < 0.5 else ""
    of = f"explained of the variance of the {ranked.name(result)}"
    some = len(result.diverged()) > MOST_LEARNED
    whose = f"\nof {LEARNED:,} configurations at random" * some
    tidy(axes, f"{of}: {explained:.0%}{doubt}{whose}")
    return drawn


def cells(scale: Scale) -> NDArray[Any]:
    """Returns edges of the cells of a hyperparameter's range: even on its scale."""
    if scale.kind == "category":
        return np.arange(len(scale.names) + 1) - 0.5
    known = scale.at[np.isfinite(scale.at)]
    if scale.log:
        return np.geomspace(known.min(), known.max(), CELLS + 1)
    if scale.kind == "whole":
        count = min(CELLS, int(np.ptp(known)) + 1)
        return np.linspace(known.min() - 0.5, known.max() + 0.5, count + 1)
    return np.linspace(known.min(), known.max(), CELLS + 1)


def cell_medians(
    x: Scale,
    y: Scale,
    error: NDArray[Any],
    across: NDArray[np.float64],
    up: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Returns the median of the finite errors in each cell, `[up, across]`, or NaN."""

    def place(scale, edges):
        # The range's upper end belongs to the last cell.
        found = np.searchsorted(edges, scale.at, side="right") - 1
        return np.clip(found, 0, len(edges) - 2)

    known = np.isfinite(x.at) & np.isfinite(y.at) & np.isfinite(error)
    columns, rows = place(x, across), place(y, up)
    medians = np.full((len(up) - 1, len(across) - 1), np.nan)
    for cell in {*zip(rows[known], columns[known], strict=True)}:
        inside = known & (rows == cell[0]) & (columns == cell[1])
        medians[cell] = np.median(error[inside])
    return medians


def _is_uneven(result: SweepResult) -> bool:
    """Returns whether a search trained members for different numbers of epochs."""
    until = np.zeros(len(result.status), int)
    for rung in result.rungs:
        until[rung.members] = rung.until
    return len(np.unique(until[until > 0])) > 1


def _points(axes: Any, scale: Scale, error: NDArray[Any], result: SweepResult) -> None:
    category = scale.kind == "category"
    # Multiples of the golden ratio's fraction spread evenly, in any number.
    spread = (np.arange(len(error)) * 0.6180339887 % 1 - 0.5) * 0.6 * category
    at, best = scale.at + spread, result.ranking()[0]
    # Those that diverged have no error, but a place along the axis.
    some = shown(result)
    known = at[some][np.isfinite(at[some])]
    axes.update_datalim(np.stack([known, known], axis=1), updatey=False)
    axes.scatter(at[some], error[some], s=dot(len(some)), color=BLUE, alpha=0.5,
                 linewidths=0, rasterized=len(some) > 500,
                 label="configuration")  # fmt: skip
    for place in range(len(scale.names)):
        here = error[(scale.at == place) & np.isfinite(error)]
        if here.size:
            axes.hlines(np.median(here), place - 0.35, place + 0.35, color=BLACK,
                        label="median")  # fmt: skip
    lost = some[result.diverged()[some]]
    if lost.size:
        top = axes.get_xaxis_transform()
        axes.scatter(at[lost], np.full(len(lost), 1.0), s=16, marker="x",
                     color=DIVERGED, clip_on=False, transform=top, linewidths=0.8,
                     label="diverged")  # fmt: skip
    if np.isfinite(error[best]) and np.isfinite(at[best]):
        axes.scatter(at[best], error[best], s=130, marker="*", color=BEST, zorder=3,
                     edgecolors="white", label=f"best ({best})")  # fmt: skip


def _cells(
    drawn: Any, axes: Any, across: Any, up: Any, medians: Any, errors: Any, label: str
) -> None:
    colors = axes.pcolormesh(across, up, np.ma.masked_invalid(errors.clip(medians)),
                             cmap="viridis", norm=errors.norm(), edgecolors="white",
                             linewidth=0.5)  # fmt: skip
    axes.spines[["top", "right"]].set_color(GRAY)
    error_bar(drawn, axes, colors, errors, label)


def _partner(name: str, names: list[str], scales: dict[str, Scale]) -> str:
    """Returns the first of the others that applies where a hyperparameter does."""
    others = [other for other in names if other != name]
    here = np.isfinite(scales[name].at) if name in scales else np.array([True])
    together = (x for x in others if (here & np.isfinite(scales[x].at)).any())
    return next(together, others[0])


def _by_importance(result: SweepResult, scales: dict[str, Scale]) -> list[str]:
    try:
        shares = importance_of(result).shares
    except (ImportError, ValueError):  # no scikit-learn, or too few members to tell
        return [*scales]
    return [name for name in [*shares, *scales] if name in scales]
