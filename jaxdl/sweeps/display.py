"""The result of a sweep as a Python session and a notebook show it."""

from typing import Any

import numpy as np

from jaxdl import shown, terminal
from jaxdl.sketch import Curve, sketch
from jaxdl.train.epoch_state import ended_words
from jaxdl.train.score import curve_of, words

BEST = 6  # rows of a text
ROWS = 10  # of a table in a notebook
CURVES = 100  # of a picture, at most


def as_text(result: Any) -> str:
    """Returns a line on a result, and the table of its best, as text."""
    table = terminal.table(*result.rows(BEST)).splitlines()
    return shown.as_text(_title(result), table)


def as_html(result: Any) -> str:
    """Returns the same as HTML, with a picture of the curves."""
    columns, rows = result.rows(ROWS)
    return shown.as_html(_title(result), columns, rows, _picture(result))


def _title(result: Any) -> str:
    members, v = len(result.status), result.num_variants
    parts = [shown.count(members // v, "configuration")] if v > 1 else []
    parts += [shown.count(members, "member"), shown.count(result.task.epochs, "epoch")]
    return f"SweepResult of {', '.join(parts)}: {ended_words(result.status)}"


def _picture(result: Any) -> str:
    """Returns the curves of members from all over the ranking; the best one is thick.

    The metric is the one that ranks them.
    """
    name = curve_of(result.task.rank_by)
    order = result.ranking() * result.num_variants
    several = np.linspace(0, len(order) - 1, min(len(order), CURVES)).astype(int)
    best, *others = (result.metrics[name][i] for i in order[several])
    curves = [Curve(values) for values in reversed(others)]
    return sketch(words(name), [*curves, Curve(best, thick=True)])
