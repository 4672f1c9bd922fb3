"""Hyperparameters as coordinates, each on the scale of its distribution."""

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxdl.plain import scalar
from jaxdl.report.style import number, plain
from jaxdl.spaces.distributions import is_distribution
from jaxdl.sweeps import SweepResult
from jaxdl.train.structure import by_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DECADES = 2  # from here on, positive numbers of unknown distribution have a log scale
SHOWN = 8  # names of categories at an axis


class Scale(NamedTuple):
    """A hyperparameter's coordinates and the words at their axis."""

    name: str  # as the result has it
    label: str
    at: NDArray[np.float64]  # [configurations]; NaN where it does not apply
    kind: str  # linear, whole, log, reversed log or category
    names: tuple[str, ...] = ()  # of the categories 0, 1, ...

    @property
    def log(self) -> bool:
        """Returns whether distances on the scale are ratios of coordinates."""
        return self.kind in ("log", "reversed log")

    def fraction(self, at: NDArray[Any] | None = None) -> NDArray[np.float64]:
        """Returns where coordinates lie between the lowest, 0, and the highest, 1.

        It rises with the hyperparameter, and is 0.5 if all coordinates are equal.
        """
        read = np.log if self.log else np.asarray
        known = read(self.at[np.isfinite(self.at)])
        low, high = known.min(), known.max()
        if low == high:
            return np.where(np.isnan(self.at if at is None else at), np.nan, 0.5)
        part = (read(self.at if at is None else at) - low) / (high - low)
        return 1 - part if self.kind == "reversed log" else part


def varying(result: SweepResult) -> list[Scale]:
    """Returns the hyperparameters that differ between configurations."""
    space = by_name(result.task.space)
    scales = [
        scale(name, np.asarray(column), space.get(name))
        for name, column in by_name(result.configurations()).items()
    ]
    return [s for s in scales if len(np.unique(s.at[np.isfinite(s.at)])) > 1]


def scale(name: str, column: NDArray[Any], leaf: Any) -> Scale:
    """Returns a hyperparameter's coordinates.

    Args:
        name: of the hyperparameter.
        column: its values, `[configurations]`; NaN where it does not apply.
        leaf: of the space. If it is not a distribution, the values tell the scale.
    """
    known = is_distribution(leaf)
    kind = leaf.scale if known else None
    label = plain(name)
    if kind == "category" or not _are_numbers(column):
        return _categories(name, label, column)
    values = column.astype(float)
    if kind == "reversed log":
        # Values near 1 round to 1 in float32; the scale ends where the range ends.
        at = np.maximum(1 - values, 1 - leaf.high)
        return Scale(name, f"{label} (log scale of 1 − {label})", at, "reversed log")
    finite = values[np.isfinite(values)]
    wide = finite.size and 0 < finite.min() * 10**DECADES <= finite.max()
    if kind == "log" or (not known and wide):
        return Scale(name, f"{label} (log scale)", values, "log")
    whole = column.dtype.kind in "iu" or (known and leaf.whole)
    return Scale(name, label, values, "whole" if whole else "linear")


def label_axis(axes: "Axes", which: str, scale: Scale) -> None:
    """Gives the x or y axis a hyperparameter's label, scale and ticks."""
    from matplotlib import ticker

    axis = {"x": axes.xaxis, "y": axes.yaxis}[which]
    axes.set(**{f"{which}label": scale.label})
    if scale.log:
        axes.set(**{f"{which}scale": "log"})
        known = scale.at[np.isfinite(scale.at)]
        axis.set_major_locator(_locator(known.max() / known.min()))
        axis.set_minor_formatter(ticker.NullFormatter())
        axis.set_major_formatter(ticker.FuncFormatter(lambda x, _: value(scale, x)))
        if scale.kind == "reversed log":
            axis.set_inverted(True)
    elif scale.kind == "category":
        every = -(-len(scale.names) // SHOWN)
        axis.set_ticks(range(0, len(scale.names), every), scale.names[::every])
        axes.set(**{f"{which}lim": (-0.6, len(scale.names) - 0.4)})
    else:
        axis.set_major_locator(
            ticker.MaxNLocator(nbins=5, integer=scale.kind == "whole")
        )


def _locator(ratio: float) -> Any:
    """Returns where the ticks of a log scale are: at least three for any range.

    Args:
        ratio: of the largest value to the least.
    """
    from matplotlib import ticker

    if ratio < 4:
        return ticker.MaxNLocator(nbins=5)  # even steps
    if ratio < 20:
        return ticker.LogLocator(subs=(1.0, 1.5, 2.0, 3.0, 5.0, 7.0))
    if ratio < 100:
        return ticker.LogLocator(subs=(1.0, 2.0, 5.0))
    if ratio < 2000:
        return ticker.LogLocator(subs=(1.0, 3.0))
    return ticker.LogLocator(numticks=5)


def value(scale: Scale, at: float) -> str:
    """Returns the hyperparameter's value at a coordinate, as a text."""
    if scale.kind == "category":
        return scale.names[int(at)]
    if scale.kind == "reversed log":  # two digits of 1 - x
        return f"{1 - at:.{max(1 - math.floor(math.log10(at)), 0)}f}".rstrip("0")
    return number(at)


def _are_numbers(column: NDArray[Any]) -> bool:
    if column.dtype.kind in "iuf":
        return True
    return column.dtype == object and all(
        isinstance(x, int | float) and not isinstance(x, bool) for x in column
    )


def _categories(name: str, label: str, column: NDArray[Any]) -> Scale:
    """Returns coordinates 0, 1, ... for numbers in rising order, then other values."""
    values = [scalar(x) for x in column]
    kinds = {repr(x): x for x in values if x == x}  # NaN: it does not apply

    def order(key):
        number = isinstance(kinds[key], int | float)
        return (not number, kinds[key] if number else 0, str(kinds[key]))

    keys = sorted(kinds, key=order)
    place = {key: float(i) for i, key in enumerate(keys)}
    at = [place.get(repr(x), np.nan) for x in values]
    names = tuple(plain(_shortest(kinds[key]), 14) for key in keys)
    return Scale(name, label, np.array(at, float), "category", names)


def _shortest(x: Any) -> str:
    return f"{x:.6g}" if isinstance(x, float) else str(x)
