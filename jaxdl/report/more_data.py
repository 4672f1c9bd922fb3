"""Train and dev error by the number of train examples."""

from typing import TYPE_CHECKING

import numpy as np

from jaxdl.report.style import BLUE, ORANGE, error_axis, errors_of, figure, tidy
from jaxdl.sweeps import MoreData

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def more_data(found: MoreData) -> "Figure":
    """Returns train and dev error by the number of examples, means and their noise.

    Bars are of one standard error, points are single trainings. Where the two lines
    have met, more data hardly helps; where the dev error still falls, it does.

    Args:
        found: by `sweeps.more_data`.

    Raises:
        ImportError: matplotlib is missing.
    """
    drawn = figure(6.4, 4.0)
    axes = drawn.add_subplot()
    both = np.stack([found.train_error, found.dev_error])
    # From 0 on, since a train error is often 0, which a log scale does not have.
    errors = errors_of(both, rates=found.rates)._replace(log=False)
    errors = errors._replace(low=min(0.0, np.nanmin(both, initial=0.0)))
    rows = np.array(found.rows())  # examples, then mean and standard error of each
    for place, (name, color) in enumerate((("train", BLUE), ("dev", ORANGE))):
        mean, noise = rows[:, 1 + 2 * place], rows[:, 2 + 2 * place]
        at = np.repeat(found.examples, both.shape[2])
        axes.scatter(at, errors.clip(both[place].ravel()), s=10, alpha=0.4,
                     color=color, linewidths=0)  # fmt: skip
        low, high = errors.clip(mean - noise), errors.clip(mean + noise)
        middle = errors.clip(mean)
        axes.errorbar(found.examples, middle, (middle - low, high - middle),
                      color=color, marker="o", capsize=3,
                      label=f"{name} error")  # fmt: skip
    axes.set(xscale="log", xlabel="train examples (log scale)")
    axes.set_xticks(found.examples, [f"{m:,}" for m in found.examples])
    axes.minorticks_off()
    error_axis(axes, "y", errors, "error")
    tidy(axes, found.verdict.partition(":")[0])
    drawn.legend(loc="outside lower center", ncols=2, fontsize="small")
    return drawn
