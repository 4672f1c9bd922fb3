"""The table of figures: one row for each, which serves the page, the command and tests.

A new figure is a function, a row here, and its name in `jaxdl.report`.
"""

import enum
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from jaxdl import nn
from jaxdl.data import Splits
from jaxdl.optim import Schedule
from jaxdl.report import ranked
from jaxdl.report.curves import learning_curves, train_against_dev
from jaxdl.report.network import (
    confusion,
    learning_rates,
    signal,
    steps_of,
    worst_examples,
)
from jaxdl.report.parallel import parallel_coordinates
from jaxdl.report.pareto import pareto
from jaxdl.report.ranges import heat_map, hyperparameters, importance
from jaxdl.report.searches import funnel, lineage
from jaxdl.sweeps import SweepResult
from jaxdl.sweeps.fronts import has_several

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Source(NamedTuple):
    """What figures are drawn from."""

    result: SweepResult
    data: Splits | None = None  # of the best member; None: unknown
    schedule: Callable[[Any], Schedule] | None = None  # of hyperparameters


class Needs(enum.IntEnum):
    """How many values of its source a figure needs, from the first on."""

    RESULT = 1
    DATA = 2  # a best member as well
    SCHEDULE = 3  # a best member as well


class Row(NamedTuple):
    """A figure of the table."""

    name: str
    section: str  # of the page
    needs: Needs
    function: Callable[..., "Figure"]  # of these values
    # In the texts, {ranked} stands for the metric that ranks members.
    alt: str  # what the figure is, for readers who do not see it
    caption: str  # how to read it
    shown: Callable[[SweepResult], bool] = lambda result: True  # on the page


def can_draw(row: Row, source: Source) -> bool:
    """Returns whether a source has what a figure needs."""
    known = all(value is not None for value in source[: row.needs])
    return known and (row.needs == Needs.RESULT or source.result.has_best())


def draw(row: Row, source: Source) -> "Figure":
    """Returns the figure of a row."""
    return row.function(*source[: row.needs])


def texts(row: Row, source: Source) -> list[str]:
    """Returns what a figure is, and how to read it."""
    name = ranked.name(source.result)
    return [text.format(ranked=name) for text in (row.alt, row.caption)]


def _has_classes(result: SweepResult) -> bool:
    return nn.has_classes(result.best().loss)


def _has_parents(result: SweepResult) -> bool:
    return any(rung.parents is not None for rung in result.rungs)


ROWS = (
    Row("learning_curves", "Learning", Needs.RESULT, learning_curves,
        "{ranked} of all members by epoch",
        "The color counts the members whose curve passes. The line is the best member.",
    ),
    Row("loss_curves", "Learning", Needs.RESULT,
        lambda result: learning_curves(result, "dev_loss"),
        "dev loss of all members by epoch",
        "The color counts the members whose curve passes. The line is the best member.",
    ),
    Row("train_against_dev", "Learning", Needs.RESULT, train_against_dev,
        "train error against dev error",
        "Points farther to the right fit worse, points farther above the diagonal "
        "generalize worse. Train errors are means over the batches of an epoch, with "
        "dropout and changing weights; the diagnosis has those of the trained model.",
    ),
    Row("learning_rates", "Learning", Needs.SCHEDULE,
        lambda result, data, schedule: learning_rates(
            result, schedule, steps_of(result, data)
        ),
        "learning rates by step",
        "The schedules of the best tenth of the configurations.",
    ),
    Row("pareto", "Objectives", Needs.RESULT, pareto,
        "{ranked} against each other objective",
        "No configuration is better than one of the front in an objective without "
        "being worse in another.",
        has_several,
    ),
    Row("hyperparameters", "Hyperparameters", Needs.RESULT, hyperparameters,
        "each hyperparameter against {ranked}",
        "Each hyperparameter has its own scale.",
    ),
    Row("importance", "Hyperparameters", Needs.RESULT, importance,
        "importance of the hyperparameters",
        "How much of the {ranked} each hyperparameter explains.",
    ),
    Row("parallel_coordinates", "Hyperparameters", Needs.RESULT, parallel_coordinates,
        "the best tenth side by side",
        "Where the lines meet, the best configurations agree.",
    ),
    Row("heat_map", "Hyperparameters", Needs.RESULT, heat_map,
        "median {ranked} over two hyperparameters",
        "The two that matter most, among those that apply together. Where their "
        "importance is unknown, the first two that vary.",
    ),
    Row("funnel", "Search", Needs.RESULT, funnel,
        "members that trained in each epoch",
        "How many members the search asked for, and how many trained.",
        lambda result: len(result.rungs) > 1,
    ),
    Row("lineage", "Search", Needs.RESULT, lineage,
        "which members copied the weights of which",
        "The ancestors of the best member, and its hyperparameters along the way.",
        _has_parents,
    ),
    Row("signal", "Best member", Needs.DATA,
        lambda result, data: signal(result, data.train),
        "norms by layer",
        "Activations and gradients with the trained weights, on examples of the train "
        "set.",
    ),
    Row("confusion", "Best member", Needs.DATA,
        lambda result, data: confusion(result, data.dev),
        "confusion matrix",
        "On the dev set. Colors are shares of a row.",
        _has_classes,
    ),
    Row("worst_examples", "Best member", Needs.DATA,
        lambda result, data: worst_examples(result, data.dev, moments=data.moments),
        "examples with the highest loss",
        "Examples of the dev set.",
        _has_classes,
    ),
)  # fmt: skip
FIGURES = {row.name: row for row in ROWS}
