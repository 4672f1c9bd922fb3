"""What a search did: which members trained on, and the ancestors of the best."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jaxdl.report.scales import scale, varying
from jaxdl.report.style import (
    BEST,
    BLUE,
    GRAY,
    PALETTE,
    SKY,
    epoch_axis,
    figure,
    message,
    plain,
    tidy,
)
from jaxdl.searches import Rung
from jaxdl.sweeps import SweepResult
from jaxdl.sweeps.lineage import lineage as ancestors
from jaxdl.train.epoch_state import Status
from jaxdl.train.structure import by_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BEND = 0.25  # of the time between two rungs: where the line to a child bends


def funnel(result: SweepResult) -> "Figure":
    """Returns how many members trained in each epoch, of those the search asked for.

    The others diverged, stopped early, or have not trained that far yet.

    Raises:
        ImportError: matplotlib is missing.
    """
    asked, trained = alive(result)
    still = ", or not yet there" * bool((result.status == Status.RUNNING).any())
    if not asked.size or not asked[0]:
        return message("the search asked for no member")
    drawn = figure(6.4, 3.6)
    axes = drawn.add_subplot()
    epoch_axis(axes, len(asked))
    axes.set(yscale="log", ylabel="members (log scale)", ylim=(0.5, 2.2 * asked.max()))
    edges = np.arange(len(asked) + 1) + 0.5
    axes.stairs(asked, edges, baseline=0.5, fill=True, color=SKY, alpha=0.6,
                label="asked for by the search")  # fmt: skip
    axes.stairs(np.maximum(trained, 0.5), edges, baseline=None, color=BLUE, linewidth=2,
                label="trained: neither diverged nor stopped" + still)  # fmt: skip
    changes = np.flatnonzero(np.diff(asked, prepend=-1))
    for first, last in zip(changes, [*changes[1:], len(asked)], strict=True):
        axes.annotate(f"{asked[first]}", ((first + last + 1) / 2, asked[first]), (0, 3),
                      textcoords="offset points", ha="center")  # fmt: skip
    axes.yaxis.set_major_formatter("{x:.0f}")
    axes.yaxis.set_minor_formatter("")  # a single member is no decade
    tidy(axes)
    drawn.legend(loc="outside lower center", ncols=2, fontsize="small")
    return drawn


def lineage(result: SweepResult) -> "Figure":
    """Returns which members copied which weights, and the way to the best member.

    Above, a line is a member from rung to rung, with the best at the end on top. Where
    a member copied the weights of another, its line comes from there. Below are the
    hyperparameters on the way to the best, each on its own scale, as a share of its
    range in all rungs.

    Raises:
        ImportError: matplotlib is missing.

    Source: Jaderberg et al., Population Based Training of Neural Networks, 2017.
    """
    from matplotlib.ticker import MaxNLocator

    if not any(rung.parents is not None for rung in result.rungs):
        return message("no member copied the weights of another: none has ancestors")
    drawn = figure(7.0, 6.0)
    above, below = drawn.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    best = int(result.ranking()[0]) * result.num_variants
    rank = _heights(result)
    way = ancestors(list(result.rungs), best)
    for rungs, color, width, label in (
        (result.rungs, GRAY, 0.8, "member"),
        (way, BEST, 2.5, f"way to the best ({best})"),
    ):
        for x, y in _lines(rungs, rank):
            above.plot(x, y, color=color, linewidth=width, label=label,
                       solid_capstyle="round")  # fmt: skip
            label = None
    above.set(
        ylabel="members, by their rank at the end (0: best)",
        ylim=(len(rank) - 0.5, -0.5),
    )
    above.yaxis.set_major_locator(MaxNLocator(integer=True))
    tidy(above)
    _values_on(below, way, result)
    below.xaxis.set_major_locator(MaxNLocator(integer=True))
    below.set(xlabel="epoch", xlim=(0, max(rung.until.max() for rung in result.rungs)))
    drawn.legend(loc="outside right upper", fontsize="small")
    return drawn


def alive(result: SweepResult) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns how many members the search asked for, and how many trained, `[epochs]`.

    A member that turned non-finite in an epoch did not train in it.
    """
    members, epochs = result.metrics["dev_loss"].shape
    until = np.zeros(members, int)
    for rung in result.rungs:
        until[rung.members] = np.maximum(until[rung.members], rung.until)
    asked = (until[:, None] > np.arange(epochs)).sum(axis=0)
    return asked, np.isfinite(result.metrics["dev_loss"]).sum(axis=0)


def _heights(result: SweepResult) -> NDArray[np.int64]:
    """Returns the height of each member: its place in the ranking."""
    v = result.num_variants
    place = np.argsort(result.ranking())
    return (place[:, None] * v + np.arange(v)).ravel()


def _lines(rungs: Any, height: NDArray[np.int64]) -> Any:
    """Yields epochs and heights of each member's line in each rung."""
    trained = np.zeros(len(height), int)  # epochs of each member so far
    for rung in rungs:
        parents = rung.members if rung.parents is None else rung.parents
        starts = trained[parents]
        for member, parent, start, until in zip(
            rung.members, parents, starts, rung.until, strict=True
        ):
            bend = start + BEND * (until - start) * (member != parent)
            yield (start, bend, until), height[[parent, member, member]]
        trained[rung.members] = rung.until


def _values_on(axes: Any, way: list[Rung], result: SweepResult) -> None:
    """Draws the hyperparameters along the way, as steps."""
    from matplotlib.ticker import PercentFormatter

    axes.set(ylabel="share of the range", ylim=(-0.05, 1.05))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    tidy(axes)
    edges = [0, *(int(rung.until.max()) for rung in way)]
    styles = [(color, line) for line in ("-", "--", ":") for color in PALETTE]
    drawn = zip(styles, _in_all_rungs(result), strict=False)
    for (color, line), (everywhere, of_rung) in drawn:
        on_way = [
            everywhere.fraction()[of_rung(rung.members[0], number)]
            for number, rung in enumerate(way)
        ]
        axes.stairs(on_way, edges, baseline=None, color=color, linewidth=2,
                    linestyle=line, label=plain(everywhere.name))  # fmt: skip


def _in_all_rungs(result: SweepResult) -> Any:
    """Yields the scale of each hyperparameter over all rungs, and the place in it.

    The place is a function of a member and the number of a rung that it is in.
    """
    sizes = np.cumsum([0, *(len(rung.members) for rung in result.rungs)])
    found: list[dict[int, int]] = [
        {int(member): int(begin) + i for i, member in enumerate(rung.members)}
        for begin, rung in zip(sizes[:-1], result.rungs, strict=True)
    ]
    space = by_name(result.task.space)
    for known in varying(result):
        columns = [by_name(rung.hparams)[known.name] for rung in result.rungs]
        whole = scale(known.name, np.concatenate(columns), space.get(known.name))
        yield whole, lambda member, number: found[number][int(member)]
