"""The figure of several objectives: all configurations, and those of the front."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jaxdl.report.style import (
    BEST,
    BLUE,
    GRAY,
    Errors,
    dot,
    error_axis,
    errors_of,
    figure,
    message,
    tidy,
)
from jaxdl.sweeps import SweepResult
from jaxdl.sweeps.fronts import has_several
from jaxdl.train.score import column_of, objectives_of, words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMED = 12  # configurations of the front whose number is written, at most


def pareto(result: SweepResult) -> "Figure":
    """Returns the first objective against each other one, and the Pareto front.

    A point is a configuration. Those that no other one dominates are joined by a line.

    Raises:
        ImportError: matplotlib is missing.
    """
    if not has_several(result):
        return message("the recipe has one objective: no front to draw")
    first, *others = objectives_of(result.task.rank_by)
    values = result.mean()
    drawn = figure(5.6 * len(others), 4.6)
    panels = drawn.subplots(1, len(others), squeeze=False)[0]
    for axes, other in zip(panels, others, strict=True):
        columns = [values[column_of(name)] for name in (other, first)]
        _panel(axes, result, columns, [other, first])
    handles, labels = panels[0].get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside lower center", ncols=2, fontsize="small")
    return drawn


def _panel(
    axes: Any, result: SweepResult, columns: list[NDArray[Any]], names: list[str]
) -> None:
    front = result.pareto()
    front = front[np.argsort(columns[0][front], kind="stable")]
    scales = [
        _with(_scale(result, column, name), column[front])
        for column, name in zip(columns, names, strict=True)
    ]
    x, y = (s.clip(column) for s, column in zip(scales, columns, strict=True))
    known = np.isfinite(x) & np.isfinite(y)
    for which, scale, name in zip("xy", scales, names, strict=True):
        error_axis(axes, which, scale, words(column_of(name)))
    axes.scatter(x[known], y[known], s=dot(len(x)), color=BLUE, alpha=0.5, linewidths=0,
                 rasterized=len(x) > 500, label="configuration")  # fmt: skip
    axes.plot(x[front], y[front], color=BEST, linewidth=1.2, marker="o", markersize=4,
              label="Pareto front")  # fmt: skip
    shown = np.linspace(0, len(front) - 1, min(len(front), NAMED)).round().astype(int)
    for i in front[shown]:
        axes.annotate(str(i), (x[i], y[i]), (3, 3), textcoords="offset points",
                      fontsize="x-small", color=GRAY)  # fmt: skip
    lost = int((~known).sum())
    tidy(axes, f"{lost} of {len(x)} are not known and not shown" * bool(lost))


def _scale(result: SweepResult, values: NDArray[Any], name: str) -> Errors:
    """Returns how an objective is drawn."""
    rates = column_of(name) == "dev_error" and result.has_rates()
    return errors_of(values, rates=rates, larger=name.startswith("-"))


def _with(scale: Errors, values: NDArray[Any]) -> Errors:
    """Returns a scale with room for values; 0 stays at the low end of a log scale."""
    shown = values[values > 0] if scale.log else values
    if not len(shown):
        return scale
    low, high = min(scale.low, shown.min()), max(scale.high, shown.max())
    return scale._replace(low=float(low), high=float(high))
