"""What the page explores: the axes that it brushes, and the curves of all members."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxdl.report import ranked
from jaxdl.report.packed import codes, fractions, packed
from jaxdl.report.parallel import marks
from jaxdl.report.scales import value, varying
from jaxdl.report.style import number
from jaxdl.sweeps import SweepResult
from jaxdl.train.score import curve_of, larger_is_better, words

NUMBERS = 6_000_000  # of curves in a page, at most; longer ones leave epochs out


def explored(result: SweepResult, order: NDArray[Any]) -> dict[str, Any]:
    """Returns the axes, the curves and their epochs, for JSON.

    `numbers` holds, one after another: the places of the members on each axis,
    `[axes, members]`, and each curve of each measure, `[members, epochs]`.

    Args:
        result: of a sweep.
        order: of the members that are shown.
    """
    axes, places = _axes(result, order)
    shape = result.metrics["dev_loss"].shape
    every = math.ceil(len(result.metrics) * len(order) * shape[1] / NUMBERS)
    epochs = np.arange(shape[1])[:: -max(1, every)][::-1]  # the last is among them
    measures = []
    for what in _whats(result):
        parts = {p: result.metrics.get(f"{p}_{what}") for p in ("train", "dev")}
        curves = {part: curve for part, curve in parts.items() if curve is not None}
        scale = ranked.scale(result, np.concatenate([*curves.values()]), f"dev_{what}")
        measures.append({"name": what, "curves": [*curves], **scale._asdict()})
        places += [
            codes(fractions(curve[order][:, epochs], scale))
            for curve in curves.values()
        ]
    return {
        "epochs": (epochs + 1).tolist(),
        "axes": axes,
        "measures": measures,
        "numbers": packed(places),
    }


def _whats(result: SweepResult) -> list[str]:
    """Returns what the curves measure, first what ranks members."""
    first = curve_of(result.task.rank_by).removeprefix("dev_")
    every = ["error", "loss", *result.task.metrics]
    return sorted(every, key=lambda what: what != first)


def _axes(
    result: SweepResult, order: NDArray[Any]
) -> tuple[list[dict[str, Any]], list[NDArray[np.uint16]]]:
    """Returns the axes, of which the last is what ranks, and the members' places."""
    of_member = order // result.num_variants  # configurations
    axes, places = [], []
    for scale in varying(result):
        ticks = [[height, value(scale, at)] for at, height in marks(scale)]
        axes.append({"name": scale.name, "ticks": ticks})
        places.append(codes(scale.fraction()[of_member]))
    score, scale = _score(result)
    axes.append(score)
    places.append(codes(scale[of_member]))
    return axes, places


def _score(result: SweepResult) -> tuple[dict[str, Any], NDArray[np.float64]]:
    """Returns the axis of what ranks, with the best at its low end, and the places."""
    values = ranked.values(result)
    scale = ranked.scale(result, values)
    ends, places = [scale.low, scale.high], fractions(values, scale)
    if larger_is_better(result.task.rank_by):
        ends, places = ends[::-1], 1 - places
    ticks = [[height, number(end)] for height, end in enumerate(ends)]
    return {"name": words(curve_of(result.task.rank_by)), "ticks": ticks}, places
