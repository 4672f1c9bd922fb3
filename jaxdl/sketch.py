"""A picture of curves as SVG, which needs no library to draw it.

Lines and letters have the color of the text around them, so that the picture suits a
light and a dark page.
"""

from collections.abc import Sequence
from html import escape
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 360, 200  # pixels, with the margins
LEFT, RIGHT, TOP, BOTTOM = 52, 8, 20, 20  # margins
POINTS = 60  # of a curve, at most
LOG_FROM = 10  # how many times as large the largest value is, on a log scale
THICK, THIN = "#D55E00", "#56B4E9"  # Okabe and Ito's vermillion and sky


class Curve(NamedTuple):
    """A curve of a picture."""

    values: Any  # [epochs], NaN where there is none
    thick: bool = False


def sketch(title: str, curves: Sequence[Curve]) -> str:
    """Returns a picture of curves by epoch; nothing if none has a finite value.

    The scale is logarithmic if all values are above 0 and the largest one is more than
    ten times the smallest.

    Args:
        title: what the curves are.
        curves: of one length; thick ones come last, so that none hides them.
    """
    values = np.array([curve.values for curve in curves], float)
    known = values[np.isfinite(values)]
    if not known.size:
        return ""
    low, high = float(known.min()), float(known.max())
    log = low > 0 and high > LOG_FROM * low
    read = np.log if log else np.asarray
    bottom, top = read(low), read(high)
    heights = (read(values) - bottom) / ((top - bottom) or 1)
    epochs = values.shape[1]
    kept = np.unique(np.linspace(0, epochs - 1, min(epochs, POINTS)).astype(int))
    lines = "".join(
        _line(kept / max(1, epochs - 1), height[kept], curve.thick)
        for height, curve in zip(heights, curves, strict=True)
    )
    scale = ", log scale" if log else ""
    return (
        f'<svg width="{WIDTH}" height="{HEIGHT}" role="img" fill="currentColor" '
        'font-size="11" font-family="sans-serif">'
        f"{_text(LEFT, 12, f'{title} by epoch{scale}', 'start')}"
        f"{_text(LEFT - 4, TOP + 8, f'{high:.3g}', 'end')}"
        f"{_text(LEFT - 4, HEIGHT - BOTTOM, f'{low:.3g}', 'end')}"
        f"{_text(LEFT, HEIGHT - 5, '1', 'middle')}"
        f"{_text(WIDTH - RIGHT, HEIGHT - 5, str(epochs), 'end')}"
        f'<path d="M{LEFT},{TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}" fill="none" '
        f'stroke="currentColor"/>{lines}</svg>'
    )


def _line(xs: NDArray[np.float64], ys: NDArray[np.float64], thick: bool) -> str:
    """Returns a curve at places from 0 to 1; it is broken where a place is NaN."""
    path, pen = "", "M"
    for x, y in zip(xs, ys, strict=True):
        if not np.isfinite(y):
            pen = "M"
            continue
        across = LEFT + x * (WIDTH - LEFT - RIGHT)
        down = HEIGHT - BOTTOM - y * (HEIGHT - TOP - BOTTOM)
        path, pen = f"{path}{pen}{across:.1f},{down:.1f}", "L"
    color, width, opacity = (THICK, 2, 1) if thick else (THIN, 1, 0.5)
    return (
        f'<path d="{path}" fill="none" stroke="{color}" stroke-width="{width}" '
        f'opacity="{opacity}" stroke-linecap="round"/>'
    )


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'
