"""The look of the figures: colors, axes of errors, and messages instead of figures.

Figures are objects of matplotlib, never made by pyplot, so no global state is read or
left behind. The colors are Okabe and Ito's, which colorblind readers can tell apart.

Source: Okabe and Ito, Color Universal Design, 2008.
"""

import functools
import io
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxdl.extras import library

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLACK, GRAY, BLUE, SKY = "#000000", "#999999", "#0072B2", "#56B4E9"
GREEN, ORANGE, VERMILLION, PURPLE = "#009E73", "#E69F00", "#D55E00", "#CC79A7"
PALETTE = (BLUE, ORANGE, GREEN, PURPLE, SKY, BLACK)
BEST, DIVERGED = VERMILLION, BLACK
LONGEST = 32  # letters of a name


class Errors(NamedTuple):
    """How errors are drawn: as rates or plain numbers, on a log scale if possible."""

    rates: bool
    log: bool
    low: float  # smaller errors, such as 0 on a log scale, are drawn here
    high: float

    def clip(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Returns where values are drawn; NaN stays NaN."""
        values = np.where(np.isfinite(values), values, np.nan)
        return np.clip(values, self.low, self.high)

    def norm(self) -> Any:
        """Returns matplotlib's mapping of errors to the colors of a map."""
        from matplotlib.colors import LogNorm, Normalize

        return (LogNorm if self.log else Normalize)(self.low, self.high)


def dot(points: int) -> float:
    """Returns the area of a dot among so many, in square points."""
    return float(np.clip(3000 / max(points, 1), 2, 14))


def figure(width: float, height: float) -> "Figure":
    """Returns an empty figure of so many inches, which a notebook shows as it is.

    Raises:
        ImportError: matplotlib is missing.
    """
    module = library("matplotlib.figure", "matplotlib", "figures")
    drawn = module.Figure((width, height), layout="constrained")
    # Jupyter shows a figure of matplotlib by itself only after %matplotlib inline.
    drawn._repr_png_ = functools.partial(_png, drawn)
    return drawn


def message(text: str) -> "Figure":
    """Returns a figure that says why there is nothing to draw."""
    empty = figure(6.4, 1.2)
    empty.text(0.5, 0.5, plain(text, 200), ha="center", va="center", wrap=True)
    return empty


def plain(text: Any, longest: int = LONGEST) -> str:
    """Returns a text from data for matplotlib: one line, without formulas."""
    line = "".join(c if c.isprintable() else " " for c in str(text))
    short = line if len(line) <= longest else f"{line[: longest - 1]}…"
    return short.replace("$", r"\$")


def number(x: float) -> str:
    """Returns a number with three digits, or whole from 1,000 to 999,999."""
    return f"{x:,.0f}" if 999.5 <= abs(x) < 999_999.5 else f"{x:.3g}"


def tidy(axes: "Axes", title: str = "") -> None:
    """Removes the frame on the right and above, and adds a faint grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=GRAY, alpha=0.25, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_title(title, loc="left", fontsize="medium")


def epoch_axis(axes: "Axes", epochs: int) -> None:
    """Makes the x axis one of epochs, with half an epoch before and after."""
    from matplotlib.ticker import MaxNLocator

    axes.set(xlabel="epoch", xlim=(0.5, epochs + 0.5))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def density_colors() -> Any:
    """Returns viridis from light to dark, without its end that is hard to see."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    return ListedColormap(colormaps["viridis_r"](np.linspace(0.15, 1, 256)))


def errors_of(values: Any, *, rates: bool, larger: bool = False) -> Errors:
    """Returns how values of an error, a loss or another metric are to be drawn.

    The few worst values, which may be as far off as a float can be, share the end.

    Args:
        values: of any shape.
        rates: whether they are shares of the examples.
        larger: whether larger is better; then the scale is not logarithmic.
    """
    values = np.ravel(np.asarray(values, float))
    values = values[np.isfinite(values)]
    if not values.size:
        return Errors(rates, False, 0.0, 1.0)
    log = not larger and bool((values >= 0).all() and (values > 0).any())
    shown = values[values > 0] if log else values
    low, high = shown.min(), shown.max()
    if larger:
        low = np.quantile(shown, 0.02, method="lower")
    elif not rates:
        high = np.quantile(shown, 0.98, method="higher")
    if not low < high:
        room = 0.1 * abs(low) or 1.0
        low, high = low - room, high + room
    return Errors(rates, log, float(low), float(high))


def error_axis(axes: "Axes", which: str, errors: Errors, label: str) -> None:
    """Makes the x or y axis one of errors, with its name, unit and scale."""
    from matplotlib import ticker

    unit = "share of the examples" if errors.rates else ""
    scale = "log scale" if errors.log else ""
    words = ", ".join(word for word in (unit, scale) if word)
    axis = {"x": axes.xaxis, "y": axes.yaxis}[which]
    axes.set(**{f"{which}label": f"{label} ({words})" if words else label})
    low, high = errors.low, errors.high
    if errors.log:
        axes.set(**{f"{which}scale": "log"})
        room = (high / low) ** 0.04
        limits = low / room, high * room
        decades = np.log10(high / low)
        subs = (1.0,) if decades > 4 else (1.0, 2.0, 5.0)
        subs = tuple(np.arange(1.0, 10.0)) if decades < 0.7 else subs
        if which == "x" and 2 < decades <= 4 and high > 10_000:
            subs = (1.0, 3.0)  # room for words such as 100,000
        axis.set_major_locator(ticker.LogLocator(subs=subs, numticks=12))
        axis.set_minor_locator(ticker.NullLocator())
    else:
        room = 0.04 * (high - low)
        limits = low - room, high + room
    axes.set(**{f"{which}lim": limits})
    axis.set_major_formatter(
        ticker.FuncFormatter(
            lambda x, _: f"{100 * x:.3g}%" if errors.rates else number(x)
        )
    )


def error_bar(
    drawn: "Figure", axes: "Axes", colors: Any, errors: Errors, label: str
) -> None:
    """Adds the bar that says which colors stand for which errors."""
    bar = drawn.colorbar(colors, ax=axes)
    error_axis(bar.ax, "y", errors, label)
    bar.ax.set_ylim(errors.low, errors.high)


def _png(drawn: "Figure") -> bytes:
    """Returns a figure as the bytes of a file."""
    file = io.BytesIO()
    save(drawn, file, "png", dpi=100)
    return file.getvalue()


def save(drawn: "Figure", file: Any, kind: str, *, dpi: int = 150) -> None:
    """Writes a figure as png or svg, the same bytes for the same figure.

    A letter that the font lacks becomes a box.
    """
    import matplotlib

    with warnings.catch_warnings(), matplotlib.rc_context({"svg.hashsalt": "jaxdl"}):
        warnings.filterwarnings("ignore", r"Glyph \d+")
        metadata = {"Date": None} if kind == "svg" else {"Software": None}
        drawn.savefig(file, format=kind, dpi=dpi, metadata=metadata)
