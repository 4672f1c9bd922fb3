"""The best configurations side by side, which shows what they have in common."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxdl.report import ranked, shown
from jaxdl.report.ranges import CONSTANT
from jaxdl.report.scales import SHOWN, Scale, value, varying
from jaxdl.report.style import (
    BEST,
    GRAY,
    error_bar,
    figure,
    message,
)
from jaxdl.sweeps import SweepResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHARE = 0.1
ABSENT = -0.12  # where a line passes an axis whose hyperparameter does not apply


def parallel_coordinates(result: SweepResult) -> "Figure":
    """Returns the best tenth of the configurations, a line each over all their values.

    Of more than 50,000 members it has the best 1,000 configurations.

    Every hyperparameter that varies has an upright axis, on its own scale, from its
    lowest to its highest value in the whole sweep. A line below an axis belongs to a
    configuration to which the hyperparameter does not apply.

    Raises:
        ImportError: matplotlib is missing.

    Source: Inselberg, The Plane with Parallel Coordinates, 1985.
    """
    scales, error = varying(result), ranked.values(result)
    if not scales:
        return message(CONSTANT)
    few = shown.BEST if shown.is_sampled(result) else math.ceil(SHARE * len(error))
    best = result.ranking()[:few]
    best = best[np.isfinite(error[best])]
    if not best.size:
        return message(f"no configuration has a finite {ranked.name(result)}")
    from matplotlib.cm import ScalarMappable

    errors = ranked.scale(result, error[best])
    drawn = figure(max(1.25 * len(scales) + 1.5, 5.0), 4.4)
    axes = drawn.add_subplot()
    colors = ScalarMappable(errors.norm(), "viridis")
    heights = np.array([np.nan_to_num(s.fraction()[best], nan=ABSENT) for s in scales])
    thin = 1.2 if len(best) < 50 else 0.4
    for line in reversed(range(len(best))):
        winner = line == 0
        color = BEST if winner else colors.to_rgba(errors.clip(error[best[line]]))
        axes.plot(heights[:, line], color=color, linewidth=2.5 if winner else thin,
                  alpha=1 if winner else 0.7, marker="o", markersize=3 * thin,
                  label=f"best ({best[0]})" if winner else None)  # fmt: skip
    _upright(axes, scales)
    axes.set_title(f"the best {len(best)} of {len(error)}", loc="left",
                   fontsize="medium")  # fmt: skip
    error_bar(drawn, axes, colors, errors, ranked.name(result))
    drawn.legend(loc="outside lower center", fontsize="small")
    return drawn


def _upright(axes: Any, scales: list[Scale]) -> None:
    """Draws an axis for each hyperparameter, with values written at its height."""
    names = [scale.label.replace(" (", "\n(") for scale in scales]
    axes.set_xticks(range(len(scales)), names, fontsize="small", rotation=20,
                    ha="right", rotation_mode="anchor")  # fmt: skip
    axes.tick_params(length=0)
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.set(xlim=(-0.3, len(scales) - 0.3), ylim=(ABSENT - 0.05, 1.06))
    for x, scale in enumerate(scales):
        axes.axvline(x, ymin=0.13, ymax=0.95, color=GRAY, linewidth=1, zorder=0)
        for at, height in marks(scale):
            axes.annotate(
                value(scale, at), (x, height), (3, 0), textcoords="offset points",
                fontsize="x-small", va="center", zorder=4,
                bbox={"facecolor": "white", "alpha": 0.7, "linewidth": 0, "pad": 0.5},
            )  # fmt: skip


def marks(scale: Scale) -> list[tuple[float, float]]:
    """Returns coordinates to write at an axis, and their heights."""
    known = scale.at[np.isfinite(scale.at)]
    at = np.array([known.min(), known.max()])
    if scale.kind == "category":
        at = np.arange(0, len(scale.names), -(-len(scale.names) // SHOWN), dtype=float)
    return [*zip(at.tolist(), scale.fraction(at).tolist(), strict=True)]
